"""``/nodes/{node}/qemu/{vmid}/migrate``: moving machines to other nodes."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api import hamanaged, members
from hostd.api.context import Context
from hostd.api.endpoint import UPID, Check, array, endpoint, fields
from hostd.api.nodes.qemu import stored
from hostd.core.errors import HostError, Invalid
from hostd.core.kinds import BOOLEAN, NODE, VMID
from hostd.core.schema import param
from hostd.guests.qemu import process
from hostd.guests.volumes import catalog_of
from hostd.migration import preconditions
from hostd.storage.catalog import Catalog

_MIGRATE = Check("/vms/{vmid}", "VM.Migrate")
_DISK = fields(volid="string", cdrom="boolean", is_unused="boolean", size="integer")


@dataclass(frozen=True, kw_only=True)
class PreconditionParams:
    """A machine that could be moved."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    target: str = param(NODE, default="", doc="Where to.")


@dataclass(frozen=True, kw_only=True)
class MigrateParams:
    """A machine to move."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    target: str = param(NODE, doc="Where to.")
    online: bool = param(BOOLEAN, default=False, doc="Also if it runs.")
    with_local_disks: bool = param(BOOLEAN, default=False, name="with-local-disks", doc="Copy volumes of this node.")


def _others(ctx: Context) -> list[str]:
    """Nodes that are there, besides this one."""
    return [member.name for member in members.nodes(ctx) if member.online and member.name != ctx.node]


def _report(ctx: Context, vmid: int) -> tuple[preconditions.Report, Catalog]:
    catalog = catalog_of(ctx.host)
    return preconditions.report(stored(ctx, vmid).file, catalog.file, _others(ctx)), catalog


def _size(catalog: Catalog, volume: preconditions.Volume) -> int:
    try:
        return catalog.volume(volume.id).size_bytes
    except HostError:  # not here, or its storage does not answer: the report is about more than this one
        return 0


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/migrate",
    params=PreconditionParams,
    returns={
        "type": "object",
        "properties": {
            **fields(running="boolean", mapped__resource__info="object", not_allowed_nodes="object?"),
            "has-dbus-vmstate": {"type": "boolean"},
            "allowed_nodes": {"type": "array", "items": {"type": "string"}, "optional": True},
            "local_disks": array(_DISK),
            "local_resources": {"type": "array", "items": {"type": "string"}},
            "mapped-resources": {"type": "array", "items": {"type": "string"}},
        },
    },
    allow=_MIGRATE,
    runs_on="node",
    privileged=True,
)
def preconditions_of(ctx: Context, p: PreconditionParams) -> object:
    """What stands in the way of moving a machine, and where it could go."""
    found, catalog = _report(ctx, p.vmid)
    running = process.is_running(p.vmid)
    disks = [
        {
            "volid": str(volume.id),
            "cdrom": int(volume.cdrom),
            "is_unused": int(volume.unused),
            "size": _size(catalog, volume),
        }
        for volume in found.local
    ]
    away = {node: {"unavailable_storages": list(missing)} for node, missing in found.unavailable.items() if missing}
    return {
        "running": int(running),
        "has-dbus-vmstate": 0,
        "local_disks": disks,
        "local_resources": [*found.resources, *found.mapped],
        "mapped-resources": list(found.mapped),
        "mapped-resource-info": {},
    } | ({} if running else {"allowed_nodes": list(found.allowed), "not_allowed_nodes": away})


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/migrate",
    params=MigrateParams,
    returns=UPID,
    allow=_MIGRATE,
    runs_on="node",
    privileged=True,
)
def migrate(ctx: Context, p: MigrateParams) -> object:
    """Move a machine that is off, and whose volumes every node sees, to another node."""
    if p.target == ctx.node:
        raise Invalid({"target": "target is local node."})
    if upid := hamanaged.migrate(ctx, p.vmid, p.target):
        return upid
    found, _ = _report(ctx, p.vmid)
    preconditions.require_movable(found, p.vmid, p.target, running=process.is_running(p.vmid))
    return ctx.spawn("qmigrate", str(p.vmid), vmid=p.vmid, target=p.target, others=_others(ctx))
