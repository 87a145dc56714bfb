"""Tasks about many guests of the cluster: each guest by its own method, on the node where it is.

The methods are called in the name of whoever asked for the task, so that each checks his rights, has a task of his on
the guest's node, and leaves to the manager of high availability what is the manager's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import quote

from hostd.access import keys, tickets
from hostd.access.ids import ROOT
from hostd.api.identity import COOKIE
from hostd.api.rootclient import Call, RootClient
from hostd.cluster.store import Store
from hostd.core.errors import HostError, Invalid
from hostd.guests import bulk, bulk_actions
from hostd.guests.bulk import Member
from hostd.guests.bulk_actions import Action, Leave
from hostd.guests.bulk_tasks import configs
from hostd.node.host import Host
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task
from hostd.tasks.upid import Upid

_POLL_S: Final = 0.5
# So often in a row a node may not answer how a task goes: it may be busy, or its services may be starting again.
_SILENT: Final = 60
_TICKET_S: Final = 60


def credentials(store: Store, user: str) -> dict[str, str]:
    """Headers of one call in a user's (or token's) name; good for a minute, and only root can make them."""
    now_s = int(time.time())
    ticket = tickets.sign_brief(store.read(keys.SIGNING).data, user, now_s=now_s, lifetime_s=_TICKET_S)
    csrf = tickets.csrf_token(store.read(keys.CSRF).data, user, now_s=now_s)
    return {"Cookie": f"{COOKIE}={quote(ticket)}", "CSRFPreventionToken": csrf}


class Guests:
    """Guests by the API. ``see``: calls of root, who sees all; ``act``: calls of the one in whose name it is done.

    ``begun``: those that something was asked of.
    """

    def __init__(self, see: Call, act: Call) -> None:
        self._see, self._act = see, act
        self.begun: set[int] = set()
        self._silent: dict[str, int] = {}

    def begin(self, log: TaskLog, action: Action, one: Member) -> str | None:
        """Ask of a guest what the action wants; the id of its task, None where it is left as it is."""
        path = f"/nodes/{one.node}/{one.kind}/{one.vmid}"
        runs = self._see("GET", f"{path}/status/current", {}).data.get("status") == "running"
        wanted = action(one, runs)
        if isinstance(wanted, Leave):
            log.info(f"{one.label} is left as it is: {wanted.why}")
            return None
        log.info(f"{one.label} on node '{one.node}': {wanted.doing}")
        try:
            upid = str(self._act("POST", f"{path}/{wanted.path}", wanted.values).data)
        except Invalid as err:
            raise HostError("; ".join(f"{name}: {text}" for name, text in err.errors.items()) or str(err)) from err
        self.begun.add(one.vmid)
        by = " by the HA manager, within seconds" if Upid.parse(upid).type.startswith("ha") else ""
        log.info(f"{one.label}: {upid}{by}")
        return upid

    def ended(self, upid: str) -> str | None:
        """How a guest's task ended, None while it runs."""
        try:
            found = self._see("GET", f"/nodes/{Upid.parse(upid).node}/tasks/{upid}/status", {}).data
        except HostError as err:
            self._silent[upid] = self._silent.get(upid, 0) + 1
            return f"how {upid} ended is not known: {err}" if self._silent[upid] >= _SILENT else None
        self._silent.pop(upid, None)
        return None if found["status"] == "running" else str(found.get("exitstatus", "unexpected status"))


def chosen(store: Store, only: Collection[int]) -> list[Member]:
    """The guests of these ids, with the nodes where they are; templates are none."""
    found = [replace(member, node=node) for node in store.list("nodes") for member in bulk.wanted(configs(store, node))]
    return [member for member in found if member.vmid in only]


def act(
    log: TaskLog,
    guests: Guests,
    groups: Sequence[Sequence[Member]],
    action: Action,
    *,
    workers: int,
    pause: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Group by group, ``workers`` guests at a time. ``pause``: after a group as long as its guests ask for (``up``)."""
    for group in groups:
        jobs = [(one.label, partial(guests.begin, log, action, one)) for one in group]
        bulk.work_off(log, jobs, guests.ended, workers=workers, poll_s=_POLL_S, sleep=sleep)
        wait_s = max((one.up_s for one in group if one.vmid in guests.begun), default=0) if pause else 0
        if wait_s and group is not groups[-1]:
            log.info(f"waiting {wait_s} s, as their startup says")
            sleep(wait_s)


def _prepared(
    host: Host, log: TaskLog, user: str, only: Sequence[int], refused: Sequence[int]
) -> tuple[Guests, list[Member]]:
    members = chosen(host.store, only)
    for vmid in refused:
        log.warn(f"guest {vmid} is left as it is: it is not there, or not yours to do this with")
    for vmid in sorted(set(only) - {member.vmid for member in members}):
        log.info(f"guest {vmid} is left as it is: it is a template, or gone")
    see = RootClient(credentials=partial(credentials, host.store, ROOT))
    return Guests(see, RootClient(credentials=partial(credentials, host.store, user))), members


@task("bulkstart")
def start_guests(
    host: Host,
    log: TaskLog,
    *,
    user: str,
    only: Sequence[int],
    refused: Sequence[int],
    workers: int,
    timeout_s: int | None,
) -> None:
    """Start guests, place by place of their order."""
    guests, members = _prepared(host, log, user, only, refused)
    act(log, guests, bulk.in_order(members), bulk_actions.start(timeout_s), workers=workers, pause=True)


@task("bulkshutdown")
def shut_guests_down(
    host: Host,
    log: TaskLog,
    *,
    user: str,
    only: Sequence[int],
    refused: Sequence[int],
    workers: int,
    timeout_s: int,
    force: bool,
) -> None:
    """Shut guests down in the reverse order."""
    guests, members = _prepared(host, log, user, only, refused)
    groups = bulk.in_order(members, reverse=True)
    act(log, guests, groups, bulk_actions.shutdown(timeout_s, force=force), workers=workers)


@task("bulksuspend")
def suspend_guests(
    host: Host,
    log: TaskLog,
    *,
    user: str,
    only: Sequence[int],
    refused: Sequence[int],
    workers: int,
    to_disk: bool,
    storage: str,
) -> None:
    """Suspend machines in the reverse order."""
    guests, members = _prepared(host, log, user, only, refused)
    groups = bulk.in_order(members, reverse=True)
    act(log, guests, groups, bulk_actions.suspend(to_disk=to_disk, storage=storage), workers=workers)


@task("bulkmigrate")
def migrate_guests(
    host: Host,
    log: TaskLog,
    *,
    user: str,
    only: Sequence[int],
    refused: Sequence[int],
    workers: int,
    target: str,
    online: bool,
    with_local_disks: bool,
) -> None:
    """Move guests to a node."""
    guests, members = _prepared(host, log, user, only, refused)
    action = bulk_actions.migrate(target, online=online, with_local_disks=with_local_disks)
    act(log, guests, [sorted(members, key=lambda one: one.vmid)], action, workers=workers)
