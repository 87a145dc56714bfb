"""Guests that high availability looks after, as the methods of guests see them: their power is the manager's business.

What would start, stop or move such a guest tells the manager instead, by a task that says so; it acts within seconds.
"""

from __future__ import annotations

from hostd.api.cluster.ha import preflight
from hostd.api.context import Context
from hostd.core.errors import Conflict, Denied
from hostd.ha import files, stored
from hostd.ha.config import Resource
from hostd.ha.states import Requested


def service(ctx: Context, vmid: int) -> Resource | None:
    """The service that a guest is; None where nobody looks after it."""
    found = stored.resources(ctx.mirror)
    return next((each for sid, each in found.items() if sid.partition(":")[2] == str(vmid)), None)


def shown(ctx: Context, vmid: int) -> dict[str, object]:
    """The object ``ha`` of a guest's status."""
    found = service(ctx, vmid)
    if found is None:
        return {"managed": 0}
    row: dict[str, object] = {"managed": 1} | ({"group": found.group} if found.group else {})
    state = stored.states(ctx.mirror).get(vmid)
    return row | ({"state": state} if state else {})


def _sid(ctx: Context, vmid: int) -> str | None:
    """The id of a service that the manager acts on."""
    found = service(ctx, vmid)
    return found.sid if found and found.requested is not Requested.IGNORED else None


def ids(ctx: Context) -> list[int]:
    """Guests that are the manager's business, which operations on all guests leave to it."""
    found = stored.resources(ctx.mirror).values()
    return [int(each.sid.partition(":")[2]) for each in found if each.requested is not Requested.IGNORED]


def start(ctx: Context, vmid: int) -> str | None:
    """Have the manager start a guest; the task's id, None where the guest is none of the manager's."""
    sid = _sid(ctx, vmid)
    return sid and ctx.spawn("hastart", str(vmid), sid=sid)


def stop(ctx: Context, vmid: int, timeout_s: int = 0) -> str | None:
    """Have the manager stop a guest, at once or within ``timeout_s``; the task's id or None, as above."""
    sid = _sid(ctx, vmid)
    return sid and ctx.spawn("hastop", str(vmid), sid=sid, timeout_s=timeout_s)


def migrate(ctx: Context, vmid: int, target: str) -> str | None:
    """Have the manager move a guest; the task's id or None, as above."""
    sid = _sid(ctx, vmid)
    return sid and ctx.spawn("hamigrate", str(vmid), sid=sid, target=target)


def require_allowed(ctx: Context, managed: bool) -> None:
    """Denied unless who makes a guest may have it looked after as well."""
    if managed and not ctx.may("/", "Sys.Console"):
        raise Denied("Permission check failed (/, Sys.Console)")


def add_after(ctx: Context, upid: str, type: str, vmid: int, *, start: bool) -> None:
    """Have a guest looked after once the task ``upid`` has made it."""
    sid = f"{type}:{vmid}"
    ctx.spawn("haadd", str(vmid), sid=sid, after=upid, state="started" if start else "stopped")
    preflight.warn_of_new(ctx, sid)


def release(ctx: Context, vmid: int, *, purge: bool) -> None:
    """Before a guest is removed: with ``purge`` nobody looks after it any more, without it Conflict."""
    found = service(ctx, vmid)
    if found is None:
        return
    if not purge:
        kind = "VM" if found.sid.startswith("vm:") else "CT"
        raise Conflict(f"unable to remove {kind} {vmid} - used in HA resources and purge parameter not set.")
    files.forget(ctx.store, found.sid, actor=ctx.user)
