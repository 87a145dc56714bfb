"""``/nodes/{node}/lxc/{vmid}/snapshot``."""

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
from hostd.api.nodes.lxc import stored
from hostd.api.nodes.params import GuestParams
from hostd.core.errors import HostError
from hostd.core.kinds import NODE, STRING, VMID
from hostd.core.schema import param
from hostd.guests import snapshots
from hostd.guests.lxc import running
from hostd.guests.lxc.config import OPTIONS, shown_comment
from hostd.guests.lxc.snapshot_operations import describe


@dataclass(frozen=True, kw_only=True)
class TakeParams:
    """A new snapshot."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    snapname: str = param(SNAPSHOT, doc="Name of the snapshot.")
    description: str = param(STRING, default="", doc="Notes.")


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/snapshot",
    params=GuestParams,
    returns=array(fields(name="string", description="string", snaptime="integer?", parent="string?"), child="name"),
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
    privileged=True,
)
def snapshot_list(ctx: Context, p: GuestParams) -> object:
    """A container's snapshots, and last where it stands."""
    return rows(stored(ctx, p.vmid), running=running.init_pid(p.vmid) is not None, memory=False)


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/snapshot",
    params=TakeParams,
    returns=UPID,
    allow=MAY_SNAPSHOT,
    runs_on="node",
    privileged=True,
)
def take(ctx: Context, p: TakeParams) -> object:
    """Take a snapshot of a container: its configuration and the state of its volumes."""
    guest = stored(ctx, p.vmid)
    if p.snapname == "current":
        raise HostError("unable to use snapshot name 'current' (reserved name)")
    snapshots.require_free_name(guest.file, p.snapname)
    return ctx.spawn("vzsnapshot", str(p.vmid), vmid=p.vmid, name=p.snapname, comment=p.description)


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}",
    params=SnapshotParams,
    returns=array(fields(cmd="string"), child="cmd"),
    allow=ALL,
)
def snapshot_index(ctx: Context, p: SnapshotParams) -> object:
    """What can be done with a snapshot."""
    return [{"cmd": "rollback"}, {"cmd": "config"}]


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config",
    params=SnapshotParams,
    returns={"type": "object", "additionalProperties": True, "properties": {}},
    allow=MAY_LOOK,
    runs_on="node",
)
def snapshot_config(ctx: Context, p: SnapshotParams) -> object:
    """The configuration that a snapshot keeps."""
    section = snapshots.find(stored(ctx, p.vmid).file, p.snapname)
    shown = shared.typed(OPTIONS, section.values)
    shown |= {"lxc": [list(pair) for pair in section.raw]} if section.raw else {}
    return shown | ({"description": shown_comment(section.comment)} if section.comment else {})


@endpoint(
    "PUT",
    "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config",
    params=DescribeParams,
    returns=NULL,
    allow=MAY_SNAPSHOT,
    runs_on="node",
    privileged=True,
)
def describe_snapshot(ctx: Context, p: DescribeParams) -> object:
    """Change a snapshot's notes."""
    if p.description is not None:
        describe(ctx.host, p.vmid, p.snapname, p.description)
    return None


@endpoint(
    "DELETE",
    "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}",
    params=DeleteParams,
    returns=UPID,
    allow=MAY_SNAPSHOT,
    runs_on="node",
    privileged=True,
)
def delete(ctx: Context, p: DeleteParams) -> object:
    """Remove a snapshot; the container stays as it is."""
    stored(ctx, p.vmid)
    return ctx.spawn("vzdelsnapshot", str(p.vmid), vmid=p.vmid, name=p.snapname, force=p.force)


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback",
    params=RollbackParams,
    returns=UPID,
    allow=MAY_ROLL_BACK,
    runs_on="node",
    privileged=True,
)
def rollback(ctx: Context, p: RollbackParams) -> object:
    """Go back to a snapshot: what was written since then is lost."""
    stored(ctx, p.vmid)
    return ctx.spawn("vzrollback", str(p.vmid), vmid=p.vmid, name=p.snapname, start=p.start)
