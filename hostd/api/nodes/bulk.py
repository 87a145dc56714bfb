"""``/nodes/{node}/startall`` and the like: all guests of a node at once."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api import hamanaged
from hostd.api.context import Context
from hostd.api.endpoint import ALL, UPID, endpoint
from hostd.api.nodes.guest_params import limit_kib
from hostd.api.nodes.qemu_migrate import others, road_args
from hostd.core.errors import Denied, Invalid
from hostd.core.kinds import BOOLEAN, NODE
from hostd.core.schema import Kind, param
from hostd.guests import bulk

_LIST = Kind(type="list", format="pve-vmid")
_WORKERS = Kind(type="integer", minimum=1, maximum=64)
_PATIENCE = Kind(type="integer", minimum=0, maximum=7200)


@dataclass(frozen=True, kw_only=True)
class StartAllParams:
    """Guests to start."""

    node: str = param(NODE, doc="Cluster node.")
    vms: list[str] = param(_LIST, default=(), doc="Only these; otherwise all.")
    force: bool = param(BOOLEAN, default=False, shown_default=0, doc="Also those that do not start with the node.")
    max_workers: int | None = param(
        _WORKERS, default=None, name="max-workers", doc="Accepted for compatibility: one starts after the other."
    )


@dataclass(frozen=True, kw_only=True)
class StopAllParams:
    """Guests to shut down."""

    node: str = param(NODE, doc="Cluster node.")
    vms: list[str] = param(_LIST, default=(), doc="Only these; otherwise all.")
    force_stop: bool = param(
        BOOLEAN, default=True, shown_default=1, name="force-stop", doc="Pull the plug when the time is over."
    )
    timeout: int = param(_PATIENCE, default=bulk.SHUTDOWN_S, shown_default=bulk.SHUTDOWN_S, doc="Seconds for each.")
    max_workers: int | None = param(_WORKERS, default=None, name="max-workers", doc="How many at a time.")


@dataclass(frozen=True, kw_only=True)
class SuspendAllParams:
    """Machines to suspend to disk."""

    node: str = param(NODE, doc="Cluster node.")
    vms: list[str] = param(_LIST, default=(), doc="Only these; otherwise all.")
    max_workers: int | None = param(_WORKERS, default=None, name="max-workers", doc="How many at a time.")


@dataclass(frozen=True, kw_only=True)
class MigrateAllParams:
    """Guests to move."""

    node: str = param(NODE, doc="Cluster node.")
    target: str = param(NODE, doc="Where to.")
    vms: list[str] = param(_LIST, default=(), doc="Only these; otherwise all.")
    with_local_disks: bool = param(
        BOOLEAN, default=False, name="with-local-disks", doc="Copy volumes of this node while machines run."
    )
    max_workers: int | None = param(_WORKERS, default=None, name="max-workers", doc="How many at a time.")
    maxworkers: int | None = param(_WORKERS, default=None, doc="Old name of max-workers.")


def _require(ctx: Context, vms: list[str], privilege: str = "VM.PowerMgmt") -> list[int]:
    """Who may do this with every guest, or every one of those that are named."""
    ids = [int(vmid) for vmid in vms]
    paths = [f"/vms/{vmid}" for vmid in ids] or ["/"]
    for path in paths:
        if not ctx.may(path, privilege) and not ctx.may("/", privilege):
            raise Denied(f"Permission check failed ({path}, {privilege})")
    return ids


@endpoint(
    "POST",
    "/nodes/{node}/startall",
    params=StartAllParams,
    returns=UPID,
    allow=ALL,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def startall(ctx: Context, p: StartAllParams) -> object:
    """Start the guests that start with the node, in their order."""
    only = _require(ctx, list(p.vms))
    return ctx.spawn("startall", "", user=ctx.user, only=only, leave=hamanaged.ids(ctx), onboot=not p.force)


@endpoint(
    "POST",
    "/nodes/{node}/stopall",
    params=StopAllParams,
    returns=UPID,
    allow=ALL,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def stopall(ctx: Context, p: StopAllParams) -> object:
    """Shut guests down in the reverse order; those of the same place together."""
    only = _require(ctx, list(p.vms))
    workers = p.max_workers or bulk.WORKERS
    args = {"timeout_s": p.timeout, "force": p.force_stop, "workers": workers}
    return ctx.spawn("stopall", "", user=ctx.user, only=only, leave=hamanaged.ids(ctx), **args)


@endpoint(
    "POST",
    "/nodes/{node}/suspendall",
    params=SuspendAllParams,
    returns=UPID,
    allow=ALL,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def suspendall(ctx: Context, p: SuspendAllParams) -> object:
    """Suspend machines to disk in the reverse order."""
    only = _require(ctx, list(p.vms))
    return ctx.spawn(
        "suspendall", "", user=ctx.user, only=only, leave=hamanaged.ids(ctx), workers=p.max_workers or bulk.WORKERS
    )


@endpoint(
    "POST",
    "/nodes/{node}/migrateall",
    params=MigrateAllParams,
    returns=UPID,
    allow=ALL,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def migrateall(ctx: Context, p: MigrateAllParams) -> object:
    """Move guests to another node: machines that run while they run, containers that run by a restart."""
    only = _require(ctx, list(p.vms), "VM.Migrate")
    if p.target == ctx.node:
        raise Invalid({"target": "target is local node."})
    if p.target not in others(ctx):
        raise Invalid({"target": f"node '{p.target}' is not there"})
    move = road_args(ctx, p.target) | {"with_local_disks": p.with_local_disks}
    move["limit_kib"] = limit_kib(ctx, "migration", (), None)
    workers = p.max_workers or p.maxworkers or 1
    return ctx.spawn("migrateall", "", user=ctx.user, only=only, move=move, workers=workers)
