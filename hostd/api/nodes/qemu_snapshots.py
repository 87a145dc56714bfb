"""``/nodes/{node}/qemu/{vmid}/snapshot``."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, UPID, Check, array, endpoint, fields
from hostd.api.nodes import guest_params as shared
from hostd.api.nodes.guest_snapshots import (
    MAY_LOOK,
    MAY_ROLL_BACK,
    MAY_SNAPSHOT,
    SNAPSHOT,
    DeleteParams,
    DescribeParams,
    RollbackParams,
    SnapshotParams,
    rows,
)
from hostd.api.nodes.params import GuestParams
from hostd.api.nodes.qemu import stored
from hostd.core.errors import HostError
from hostd.core.kinds import BOOLEAN, NODE, STRING, VMID
from hostd.core.schema import param
from hostd.guests import snapshots
from hostd.guests.qemu import process, snapshot_operations
from hostd.guests.qemu.config import OPTIONS
from hostd.guests.qemu.understood import STATE


@dataclass(frozen=True, kw_only=True)
class TakeParams:
    """A new snapshot."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    snapname: str = param(SNAPSHOT, doc="Name of the snapshot.")
    vmstate: bool = param(BOOLEAN, default=False, doc="With the memory, if the machine runs.")
    description: str = param(STRING, default="", doc="Notes.")


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/snapshot",
    params=GuestParams,
    returns=array(
        fields(name="string", description="string", snaptime="integer?", parent="string?", vmstate="boolean?"),
        child="name",
    ),
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
    privileged=True,
)
def snapshot_list(ctx: Context, p: GuestParams) -> object:
    """A machine's snapshots, and last where it stands."""
    guest = stored(ctx, p.vmid)
    return rows(guest, running=process.is_running(p.vmid), memory=True)


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/snapshot",
    params=TakeParams,
    returns=UPID,
    allow=MAY_SNAPSHOT,
    runs_on="node",
    privileged=True,
)
def take(ctx: Context, p: TakeParams) -> object:
    """Take a snapshot of a machine: its configuration, the state of its disks, perhaps its memory."""
    guest = stored(ctx, p.vmid)
    if p.snapname == "current":
        raise HostError("unable to use snapshot name 'current' (reserved name)")
    snapshots.require_free_name(guest.file, p.snapname)
    args = {"name": p.snapname, "comment": p.description, "memory": p.vmstate}
    return ctx.spawn("qmsnapshot", str(p.vmid), vmid=p.vmid, **args)


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}",
    params=SnapshotParams,
    returns=array(fields(cmd="string"), child="cmd"),
    allow=ALL,
)
def snapshot_index(ctx: Context, p: SnapshotParams) -> object:
    """What can be done with a snapshot."""
    return [{"cmd": "config"}, {"cmd": "rollback"}]


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config",
    params=SnapshotParams,
    returns={"type": "object", "additionalProperties": True, "properties": {}},
    allow=MAY_LOOK,
    runs_on="node",
)
def snapshot_config(ctx: Context, p: SnapshotParams) -> object:
    """The configuration that a snapshot keeps."""
    section = snapshots.find(stored(ctx, p.vmid).file, p.snapname)
    shown = shared.typed(OPTIONS, section.values) | shared.typed(STATE, _state_lines(section.values))
    return shared.masked(shown) | ({"description": section.comment} if section.comment else {})


def _state_lines(values: object) -> dict[str, str]:
    return {k: v for k, v in dict(values).items() if STATE.get(k)}  # type: ignore[call-overload]


@endpoint(
    "PUT",
    "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config",
    params=DescribeParams,
    returns=NULL,
    allow=MAY_SNAPSHOT,
    runs_on="node",
    privileged=True,
)
def describe(ctx: Context, p: DescribeParams) -> object:
    """Change a snapshot's notes."""
    if p.description is not None:
        snapshot_operations.describe(ctx.host, p.vmid, p.snapname, p.description)
    return None


@endpoint(
    "DELETE",
    "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}",
    params=DeleteParams,
    returns=UPID,
    allow=MAY_SNAPSHOT,
    runs_on="node",
    privileged=True,
)
def delete(ctx: Context, p: DeleteParams) -> object:
    """Remove a snapshot; the machine stays as it is."""
    stored(ctx, p.vmid)
    return ctx.spawn("qmdelsnapshot", str(p.vmid), vmid=p.vmid, name=p.snapname, force=p.force)


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback",
    params=RollbackParams,
    returns=UPID,
    allow=MAY_ROLL_BACK,
    runs_on="node",
    privileged=True,
)
def rollback(ctx: Context, p: RollbackParams) -> object:
    """Go back to a snapshot: what was written since then is lost."""
    stored(ctx, p.vmid)
    return ctx.spawn("qmrollback", str(p.vmid), vmid=p.vmid, name=p.snapname, start=p.start)
