"""Many guests at once: in which order they start, stop and are suspended, and doing that through their own tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from hostd.core.errors import HostError
from hostd.core.formats import propstring
from hostd.guests.config import GuestKind
from hostd.tasks.log import TaskLog

_LAST: Final = 1_000_000_000
SHUTDOWN_S: Final = 180
WORKERS: Final = 4
_POLL_S: Final = 0.2


@dataclass(frozen=True, kw_only=True)
class Member:
    """A guest with what ``startup`` says of it: place in the order, seconds to wait after its start, seconds that its
    shutdown may take (None: the usual). ``node``: where it is, if that is told."""

    vmid: int
    kind: GuestKind
    order: int = _LAST
    up_s: int = 0
    down_s: int | None = None
    node: str = ""

    @property
    def label(self) -> str:
        """How logs call it."""
        return f"{self.kind.label} {self.vmid}"


def member(vmid: int, kind: GuestKind, config: Mapping[str, str]) -> Member:
    """Of a guest's configuration; ``startup: 2,up=30`` is an order without its name.

    A line that cannot be read (somebody wrote it by hand) counts as none: the other guests must not wait for it.
    """
    try:
        values = propstring.parse(config.get("startup", ""), default_key="order")
        return Member(
            vmid=vmid,
            kind=kind,
            order=int(values.get("order", _LAST)),
            up_s=int(values.get("up", 0)),
            down_s=int(values["down"]) if "down" in values else None,
        )
    except (HostError, ValueError):
        return Member(vmid=vmid, kind=kind)


def in_order(members: Iterable[Member], *, reverse: bool = False) -> list[list[Member]]:
    """Groups of the same place, first to last (``reverse``: as they stop); within one by id."""
    groups: dict[int, list[Member]] = {}
    for one in sorted(members, key=lambda m: m.vmid):
        groups.setdefault(one.order, []).append(one)
    return [groups[order] for order in sorted(groups, reverse=reverse)]


def wanted(
    configs: Mapping[int, tuple[GuestKind, Mapping[str, str]]],
    *,
    only: Collection[int] = (),
    onboot: bool = False,
    leave: Collection[int] = (),
) -> list[Member]:
    """Guests that an operation is for. ``only``: no others; ``onboot``: those that start with the node; ``leave``:
    others look after them (high availability). Templates are none."""
    found = []
    for vmid, (kind, config) in configs.items():
        if (only and vmid not in only) or vmid in leave or config.get("template") == "1":
            continue
        if onboot and config.get("onboot") != "1":
            continue
        found.append(member(vmid, kind, config))
    return found


class Tasks(Protocol):
    """What is needed of the task daemon."""

    def spawn(self, type: str, vmid: int, args: Mapping[str, object]) -> str: ...

    def status(self, upid: str) -> str | None:
        """How it ended; None while it runs."""


def prefix(kind: GuestKind) -> str:
    """How the types of a kind's tasks begin."""
    return "qm" if kind is GuestKind.QEMU else "vz"


def start(
    log: TaskLog,
    tasks: Tasks,
    groups: list[list[Member]],
    is_running: Callable[[Member], bool],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """One after the other, each with the wait it asks for; a guest that does not start is a warning."""
    for one in [m for group in groups for m in group]:
        if is_running(one):
            continue
        log.info(f"Starting {one.label}")
        _run(log, tasks, [(one, f"{prefix(one.kind)}start", {})], workers=1, sleep=sleep)
        if one.up_s:
            log.info(f"waiting {one.up_s} s, as its startup says")
            sleep(one.up_s)


def stop(
    log: TaskLog,
    tasks: Tasks,
    groups: list[list[Member]],
    is_running: Callable[[Member], bool],
    *,
    timeout_s: int = SHUTDOWN_S,
    force: bool = True,
    workers: int = 1,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Group by group, ``workers`` guests at a time; the next group waits until all of the one before are off."""
    for group in groups:
        jobs: list[tuple[Member, str, Mapping[str, object]]] = []
        for one in [m for m in group if is_running(m)]:
            patience_s = timeout_s if one.down_s is None else one.down_s
            args = {"timeout_s": patience_s, "force_stop": force}
            log.info(f"Stopping {one.label} (timeout = {patience_s} seconds)")
            jobs.append((one, f"{prefix(one.kind)}shutdown", args))
        _run(log, tasks, jobs, workers=workers, sleep=sleep)


def suspend(
    log: TaskLog,
    tasks: Tasks,
    groups: list[list[Member]],
    is_running: Callable[[Member], bool],
    *,
    workers: int = 1,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Machines alone, their memory to disk; containers are left as they are."""
    for group in groups:
        jobs: list[tuple[Member, str, Mapping[str, object]]] = []
        for one in [m for m in group if m.kind is GuestKind.QEMU and is_running(m)]:
            log.info(f"Suspending VM {one.vmid}")
            jobs.append((one, "qmsuspend", {}))
        _run(log, tasks, jobs, workers=workers, sleep=sleep)


def migrate(
    log: TaskLog,
    tasks: Tasks,
    members: Iterable[Member],
    is_running: Callable[[Member], bool],
    args: Mapping[str, object],
    *,
    workers: int = 1,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Guests to another node: machines that run while they run, containers that run by a restart.

    ``args``: of each guest's own task; ``with_local_disks`` is for machines alone, as containers' always go along.
    """
    jobs: list[tuple[Member, str, Mapping[str, object]]] = []
    of_containers = {key: value for key, value in args.items() if key != "with_local_disks"}
    for one in members:
        log.info(f"Migrating {one.label}")
        if one.kind is GuestKind.QEMU:
            jobs.append((one, "qmigrate", {**args, "online": is_running(one)}))
        else:
            jobs.append((one, "vzmigrate", {**of_containers, "restart": is_running(one)}))
    _run(log, tasks, jobs, workers=workers, sleep=sleep)


def _run(
    log: TaskLog,
    tasks: Tasks,
    jobs: list[tuple[Member, str, Mapping[str, object]]],
    *,
    workers: int,
    sleep: Callable[[float], None],
) -> None:
    """Each as a task of its own, with a log of its own; what fails is a warning here."""
    named: list[Job] = [
        (one.label, partial(tasks.spawn, type, one.vmid, {"vmid": one.vmid, **args})) for one, type, args in jobs
    ]
    work_off(log, named, tasks.status, workers=workers, sleep=sleep)


Job = tuple[str, Callable[[], str | None]]
"""What it is about, and what begins it: the id of a task, None where there is nothing to wait for."""


def work_off(
    log: TaskLog,
    jobs: Iterable[Job],
    ended: Callable[[str], str | None],
    *,
    workers: int,
    poll_s: float = _POLL_S,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Begin jobs in their order, ``workers`` at once, and wait for all; what fails is a warning.

    ``ended``: how a task ended, None while it runs; asked every ``poll_s``.
    """
    waiting, running = list(jobs), dict[str, str]()
    while waiting or running:
        while waiting and len(running) < max(workers, 1):
            label, begin = waiting.pop(0)
            try:
                upid = begin()
            except HostError as err:
                log.warn(f"{label}: {err}")
                continue
            if upid is not None:
                running[upid] = label
        for upid, label in list(running.items()):
            status = ended(upid)
            if status is None:
                continue
            del running[upid]
            if status == "OK":
                log.info(f"{label}: OK")
            else:
                log.warn(f"{label}: {status}")
        if running:
            sleep(poll_s)
