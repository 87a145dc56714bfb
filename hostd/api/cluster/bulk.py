"""``/cluster/bulk-action``: many guests of the cluster at once, wherever they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hostd.api import members
from hostd.api.context import Context
from hostd.api.endpoint import ALL, UPID, array, endpoint, fields
from hostd.api.nodes.params import NoParams
from hostd.core.errors import Denied, Invalid
from hostd.core.kinds import BOOLEAN, INTEGER, NODE, STORAGE_ID, VMID
from hostd.core.schema import Kind, param
from hostd.guests import bulk, index

_IDS = Kind(type="array", items=VMID)
_WORKERS = Kind(type="integer", minimum=1, maximum=64)
_ACTIONS = ("migrate", "shutdown", "start", "suspend")


def _workers(usual: int, *, old: bool = False) -> Any:
    """How many guests at a time, by either name."""
    name, doc = ("maxworkers", "Old name of max-workers.") if old else ("max-workers", "How many at a time.")
    return param(_WORKERS, default=None, name=name, shown_default=usual, doc=doc)


@dataclass(frozen=True, kw_only=True)
class StartParams:
    """Guests to start."""

    vms: list[int] = param(_IDS, default=(), doc="Only these; otherwise all that the caller may start.")
    timeout: int | None = param(INTEGER, default=None, doc="Seconds that the start of a machine may take.")
    max_workers: int | None = _workers(bulk.WORKERS)
    maxworkers: int | None = _workers(bulk.WORKERS, old=True)


@dataclass(frozen=True, kw_only=True)
class ShutdownParams:
    """Guests to shut down."""

    vms: list[int] = param(_IDS, default=(), doc="Only these; otherwise all that the caller may shut down.")
    timeout: int = param(INTEGER, default=bulk.SHUTDOWN_S, shown_default=bulk.SHUTDOWN_S, doc="Seconds for each.")
    force_stop: bool = param(
        BOOLEAN, default=True, shown_default=1, name="force-stop", doc="Pull the plug when the time is over."
    )
    max_workers: int | None = _workers(bulk.WORKERS)
    maxworkers: int | None = _workers(bulk.WORKERS, old=True)


@dataclass(frozen=True, kw_only=True)
class SuspendParams:
    """Machines to suspend."""

    vms: list[int] = param(_IDS, default=(), doc="Only these; otherwise all that the caller may suspend.")
    to_disk: bool = param(
        BOOLEAN, default=False, shown_default=0, name="to-disk", doc="Save their memory to disk and end them."
    )
    statestorage: str = param(STORAGE_ID, default="", requires="to-disk", doc="Storage for the saved memory.")
    max_workers: int | None = _workers(bulk.WORKERS)
    maxworkers: int | None = _workers(bulk.WORKERS, old=True)


@dataclass(frozen=True, kw_only=True)
class MigrateParams:
    """Guests to move."""

    target: str = param(NODE, doc="Where to.")
    vms: list[int] = param(_IDS, default=(), doc="Only these; otherwise all that the caller may move.")
    online: bool | None = param(
        BOOLEAN, default=None, doc="Also those that run: machines while they run, containers by a restart."
    )
    with_local_disks: bool | None = param(
        BOOLEAN, default=None, name="with-local-disks", doc="Copy volumes of their nodes while machines run."
    )
    max_workers: int | None = _workers(1)
    maxworkers: int | None = _workers(1, old=True)


Params = StartParams | ShutdownParams | SuspendParams | MigrateParams


def _spawn(ctx: Context, name: str, privilege: str, p: Params, **args: object) -> str:
    """Start the task ``bulk<name>`` for the guests that the caller may do this with. Denied where there cannot be any.

    Of those that are named and left out the task says no more than that: whoever may not see a guest learns nothing.
    """
    there, named = index.used_ids(ctx.mirror), set(p.vms)
    only = sorted(vmid for vmid in (there & named if named else there) if ctx.may(f"/vms/{vmid}", privilege))
    if not only and not ctx.may("/", privilege):
        raise Denied(f"Permission check failed (/, {privilege})")
    workers = p.max_workers or p.maxworkers or (1 if isinstance(p, MigrateParams) else bulk.WORKERS)
    told = {"user": ctx.user, "only": only, "refused": sorted(named - set(only)), "workers": workers}
    return ctx.spawn(f"bulk{name}", "", **told, **args)


@endpoint("GET", "/cluster/bulk-action", params=NoParams, returns=array(fields(name="string"), child="name"), allow=ALL)
def action_index(ctx: Context, p: NoParams) -> object:
    """What can be done with many things at once."""
    return [{"name": "guest"}]


@endpoint(
    "GET", "/cluster/bulk-action/guest", params=NoParams, returns=array(fields(name="string"), child="name"), allow=ALL
)
def guest_index(ctx: Context, p: NoParams) -> object:
    """What can be done with many guests at once."""
    return [{"name": name} for name in _ACTIONS]


@endpoint(
    "POST",
    "/cluster/bulk-action/guest/start",
    params=StartParams,
    returns=UPID,
    allow=ALL,
    privileged=True,
    checked_in_code=True,
)
def start(ctx: Context, p: StartParams) -> object:
    """Start guests on all nodes, in their order."""
    return _spawn(ctx, "start", "VM.PowerMgmt", p, timeout_s=p.timeout)


@endpoint(
    "POST",
    "/cluster/bulk-action/guest/shutdown",
    params=ShutdownParams,
    returns=UPID,
    allow=ALL,
    privileged=True,
    checked_in_code=True,
)
def shutdown(ctx: Context, p: ShutdownParams) -> object:
    """Shut guests down on all nodes, in the reverse order."""
    return _spawn(ctx, "shutdown", "VM.PowerMgmt", p, timeout_s=p.timeout, force=p.force_stop)


@endpoint(
    "POST",
    "/cluster/bulk-action/guest/suspend",
    params=SuspendParams,
    returns=UPID,
    allow=ALL,
    privileged=True,
    checked_in_code=True,
)
def suspend(ctx: Context, p: SuspendParams) -> object:
    """Suspend machines on all nodes, in the reverse order."""
    return _spawn(ctx, "suspend", "VM.PowerMgmt", p, to_disk=p.to_disk, storage=p.statestorage)


@endpoint(
    "POST",
    "/cluster/bulk-action/guest/migrate",
    params=MigrateParams,
    returns=UPID,
    allow=ALL,
    privileged=True,
    checked_in_code=True,
)
def migrate(ctx: Context, p: MigrateParams) -> object:
    """Move guests of all nodes to one."""
    target = next((node for node in members.nodes(ctx) if node.name == p.target), None)
    if target is None or not target.online:
        raise Invalid({"target": f"node '{p.target}' is not there"})
    how = {"online": bool(p.online), "with_local_disks": bool(p.with_local_disks)}
    return _spawn(ctx, "migrate", "VM.Migrate", p, target=p.target, **how)
