"""``/nodes/{node}/qemu/{vmid}/cloudinit``."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import NULL, Check, array, endpoint, fields
from hostd.api.nodes.params import GuestParams
from hostd.api.nodes.qemu import stored
from hostd.core.kinds import NODE, VMID
from hostd.core.schema import Kind, param
from hostd.guests.changes import merged
from hostd.guests.qemu import cloudinit, making, seeds
from hostd.tasks.log import ListLog

_SECRET = "**********"


@dataclass(frozen=True, kw_only=True)
class DumpParams:
    """One of the files."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    type: str = param(Kind(enum=("user", "network", "meta")), doc="Which file.")


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/cloudinit",
    params=GuestParams,
    returns=array(fields(key="string", value="string?", pending="string?", delete="integer?")),
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
)
def pending(ctx: Context, p: GuestParams) -> object:
    """What stands on the cloud-init drive, and what a new one would say."""
    rows: list[dict[str, object]] = []
    for row in cloudinit.rows(stored(ctx, p.vmid).file):
        secret = row.key == "cipassword"
        shown: dict[str, object] = {"key": row.key}
        shown |= {"value": _SECRET if secret else row.value} if row.value is not None else {}
        shown |= {"pending": _SECRET if secret else row.pending} if row.pending is not None else {}
        rows.append(shown | ({"delete": 1} if row.delete else {}))
    return rows


@endpoint(
    "PUT",
    "/nodes/{node}/qemu/{vmid}/cloudinit",
    params=GuestParams,
    returns=NULL,
    allow=Check("/vms/{vmid}", "VM.Config.Cloudinit"),
    runs_on="node",
    privileged=True,
)
def update(ctx: Context, p: GuestParams) -> object:
    """Write the cloud-init drive anew; a running machine reads it at its next boot."""
    making.write_seed(ctx.host, ListLog(), p.vmid)
    return None


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/cloudinit/dump",
    params=DumpParams,
    returns={"type": "string"},
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
)
def dump(ctx: Context, p: DumpParams) -> object:
    """A file of the cloud-init drive as a new one would say it."""
    return seeds.dump(ctx.host, p.vmid, merged(stored(ctx, p.vmid).file), p.type)
