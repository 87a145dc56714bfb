"""``/nodes/{node}/lxc/{vmid}/migrate``: moving containers to other nodes."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api import hamanaged
from hostd.api.context import Context
from hostd.api.endpoint import UPID, Check, endpoint, fields
from hostd.api.nodes import guest_params as shared
from hostd.api.nodes.lxc import stored
from hostd.api.nodes.qemu_migrate import others, road_args
from hostd.core.errors import Invalid
from hostd.core.kinds import BOOLEAN, INTEGER, NODE, VMID
from hostd.core.schema import Kind, param
from hostd.guests.config import GuestKind
from hostd.guests.lxc import running
from hostd.guests.volumes import catalog_of
from hostd.migration import containers
from hostd.migration.plan import Wish, parse_storages, plan
from hostd.migration.preconditions import Report
from hostd.storage.catalog import Catalog

_MIGRATE = Check("/vms/{vmid}", "VM.Migrate")


@dataclass(frozen=True, kw_only=True)
class PreconditionParams:
    """A container that could be moved."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    target: str = param(NODE, default="", doc="Where to.")


@dataclass(frozen=True, kw_only=True)
class MigrateParams:
    """A container to move."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    target: str = param(NODE, doc="Where to.")
    online: bool = param(BOOLEAN, default=False, doc="While it runs: never possible with containers, see restart.")
    restart: bool = param(BOOLEAN, default=False, doc="Shut it down before, if it runs, and start it there.")
    timeout: int = param(
        INTEGER,
        default=containers.SHUTDOWN_S,
        shown_default=containers.SHUTDOWN_S,
        doc="Seconds for its shutdown; then it is ended.",
    )
    target_storage: str = param(
        Kind(format="storage-pair-list"),
        default="",
        name="target-storage",
        doc="Storage here:storage there, a storage for all, or 1 for the same.",
    )
    bwlimit: float | None = param(
        Kind(type="number", minimum=0), default=None, doc="Most KiB a second of what is copied."
    )


def _report(ctx: Context, vmid: int) -> tuple[Report, Catalog]:
    catalog = catalog_of(ctx.host)
    return containers.report(vmid, stored(ctx, vmid).file, catalog.file, others(ctx)), catalog


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/migrate",
    params=PreconditionParams,
    returns={
        "type": "object",
        "properties": {
            **fields(running="boolean"),
            "allowed-nodes": {"type": "array", "items": {"type": "string"}, "optional": True},
            "not-allowed-nodes": {"type": "object", "optional": True},
        },
    },
    allow=_MIGRATE,
    runs_on="node",
    privileged=True,
)
def preconditions_of(ctx: Context, p: PreconditionParams) -> object:
    """Where a container could go."""
    found, _ = _report(ctx, p.vmid)
    away = {node: {"unavailable-storages": list(missing)} for node, missing in found.unavailable.items() if missing}
    runs = running.init_pid(p.vmid) is not None
    return {"running": int(runs), "allowed-nodes": list(found.allowed), "not-allowed-nodes": away}


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/migrate",
    params=MigrateParams,
    returns=UPID,
    allow=_MIGRATE,
    runs_on="node",
    privileged=True,
)
def migrate(ctx: Context, p: MigrateParams) -> object:
    """Move a container to another node; volumes that only this node sees are copied."""
    if p.target == ctx.node:
        raise Invalid({"target": "target is local node."})
    found, catalog = _report(ctx, p.vmid)
    if upid := hamanaged.migrate(ctx, p.vmid, p.target):
        return upid
    runs = running.init_pid(p.vmid) is not None
    if runs and p.online and not p.restart:
        raise Invalid({"online": f"CT {p.vmid} runs, and containers cannot move while they run: use 'restart'"})
    wish = Wish(target=p.target, storages=parse_storages(p.target_storage))
    planned = plan(p.vmid, found, catalog.file, wish, running=runs and not p.restart, kind=GuestKind.LXC)
    for storage in sorted({transfer.storage for transfer in planned.transfers}):
        shared.require_storage(ctx, storage, "Datastore.AllocateSpace")
    names = sorted({name for t in planned.transfers for name in (t.volume.storage, t.storage)})
    args = road_args(ctx, p.target) | {
        "storages": dict(wish.storages),
        "restart": p.restart,
        "timeout_s": p.timeout,
        "limit_kib": shared.limit_kib(ctx, "migration", names, p.bwlimit),
    }
    return ctx.spawn("vzmigrate", str(p.vmid), vmid=p.vmid, **args)
