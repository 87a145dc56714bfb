"""``/nodes/{node}/qemu/{vmid}/migrate``: moving machines to other nodes."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.access.ids import ROOT
from hostd.api import hamanaged, members
from hostd.api.context import Context
from hostd.api.endpoint import UPID, Check, array, endpoint, fields
from hostd.api.nodes import guest_params as shared
from hostd.api.nodes.qemu import stored
from hostd.api.nodes.qemu_disks import LIMIT
from hostd.core.errors import HostError, Invalid
from hostd.core.kinds import BOOLEAN, NODE, VMID
from hostd.core.schema import Kind, param
from hostd.guests import roads
from hostd.guests.qemu import process
from hostd.guests.volumes import catalog_of
from hostd.migration import preconditions
from hostd.migration.plan import Wish, parse_storages, plan
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
    with_local_disks: bool = param(
        BOOLEAN, default=False, name="with-local-disks", doc="Copy volumes of this node while the machine runs."
    )
    targetstorage: str = param(
        Kind(format="storage-pair-list"), default="", doc="Storage here:storage there, one for all, or 1 for the same."
    )
    bwlimit: int | None = param(LIMIT, default=None, doc="Most KiB a second, for all streams together.")
    migration_network: str = param(Kind(format="CIDR"), default="", doc="Network of memory and disks (root only).")
    migration_type: str = param(
        Kind(enum=("secure", "insecure")), default="", doc="Whether memory and disks are encrypted (root only)."
    )
    force: bool = param(BOOLEAN, default=False, doc="Not supported: devices of this node stay here.")
    with_conntrack_state: bool = param(
        BOOLEAN, default=False, shown_default=0, name="with-conntrack-state",
        doc="Not supported: connections through the firewall of this node stay here.",
    )  # fmt: skip


def others(ctx: Context) -> list[str]:
    """Nodes that are there, besides this one."""
    return roads.others(members.nodes(ctx), ctx.node)


def _report(ctx: Context, vmid: int) -> tuple[preconditions.Report, Catalog]:
    catalog = catalog_of(ctx.host)
    return preconditions.report(stored(ctx, vmid).file, catalog.file, others(ctx)), catalog


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
    """Move a machine to another node."""
    _check(ctx, p)
    if upid := hamanaged.migrate(ctx, p.vmid, p.target):
        return upid
    wish = Wish(
        target=p.target,
        online=p.online,
        with_local_disks=p.with_local_disks,
        storages=parse_storages(p.targetstorage),
    )
    found, catalog = _report(ctx, p.vmid)
    planned = plan(p.vmid, found, catalog.file, wish, running=process.is_running(p.vmid))
    for storage in sorted({transfer.storage for transfer in planned.transfers}):
        shared.require_storage(ctx, storage, "Datastore.AllocateSpace")
    args = road_args(ctx, p.target) | {"storages": dict(wish.storages), "with_local_disks": p.with_local_disks}
    if p.migration_network:
        args["network"] = p.migration_network
    if p.migration_type:
        args["secure"] = p.migration_type == "secure"
    names = sorted({name for t in planned.transfers for name in (t.volume.storage, t.storage)})
    limit_kib = shared.limit_kib(ctx, "migration", names, p.bwlimit)
    return ctx.spawn("qmigrate", str(p.vmid), vmid=p.vmid, online=p.online, limit_kib=limit_kib, **args)


def road_args(ctx: Context, target: str) -> dict[str, object]:
    """What a task is told of the way to a node."""
    return roads.road(ctx.mirror, members.nodes(ctx), ctx.node, target)


def _check(ctx: Context, p: MigrateParams) -> None:
    """Invalid with every parameter that cannot be."""
    wrong = {}
    if p.target == ctx.node:
        wrong["target"] = "target is local node."
    for name in ("migration_network", "migration_type"):
        if getattr(p, name) and ctx.user != ROOT:
            wrong[name] = "Only root may use this option."
    if p.force:
        wrong["force"] = "devices of this node cannot go along; remove them from the machine first"
    if p.with_conntrack_state:
        wrong["with-conntrack-state"] = "the state of connections in this node's firewall cannot go along"
    if wrong:
        raise Invalid(wrong)
