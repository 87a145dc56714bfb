"""A container's start as a task's worker prepares it: what LXC needs stands ready in a mount namespace before the unit
is started, whose process has only to enter it (debian/etc/ct-start) and to become LXC.

To load Python and our modules anew in the unit takes several times as long as everything else of a start.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Final

from hostd.core import child
from hostd.core.run import Run
from hostd.guests.lxc import cgroups, facts, launch, running
from hostd.guests.lxc.cgroups import read_text
from hostd.node.host import Host

FOLDER: Final = "/run/hostd/ct-ready"
HOST_MOUNTS: Final = "/proc/1/ns/mnt"
_SLICE: Final = "/machine.slice"  # the unit's file says so


@contextlib.contextmanager
def prepared(host: Host, vmid: int, *, debug: bool = False) -> Iterator[None]:
    """While this lasts, the container's unit may be started and finds everything ready.

    Raises HostError; the reason is also left in the container's start log.
    """
    with contextlib.ExitStack() as stack:
        with launch.reasons_logged(vmid):
            start = launch.plan(host, vmid, debug=debug)
            hierarchies = facts.hierarchies()
            for place in unit_places(vmid, read_text("/proc/1/cgroup")):
                cgroups.remove_stale(vmid, hierarchies, place)
            keeper = stack.enter_context(kept(host.run, lambda: launch.furnish(host.run, start)))
        running.record(vmid, membership="", cpus=start.cpus)  # its groups are the unit's process's to tell
        stack.enter_context(_told(vmid, keeper, start.log_level))
        yield


def unit_places(vmid: int, first: str) -> list[dict[str, str]]:
    """The control groups in which the unit's process may find itself, as ``cgroups.parse_membership`` tells them.

    With version 1 systemd makes none for a unit in some hierarchies: then it is in the slice's or at the top.
    ``first``: /proc/1/cgroup; systemd keeps its own process in a group directly below the top.
    """
    tops = {one: path.rstrip("/").removesuffix("/init.scope") for one, path in cgroups.parse_membership(first).items()}
    below = ("", _SLICE, f"{_SLICE}/{running.unit(vmid)}")
    return [{one: f"{top}{part}" for one, top in tops.items()} for part in below]


@contextlib.contextmanager
def _told(vmid: int, keeper: int, log_level: str) -> Iterator[None]:
    """Word for the unit's process: who keeps the namespace, which one (a process's number may come again), LXC's log
    level."""
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    path = f"{FOLDER}/{vmid}"
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{keeper} {os.readlink(f'/proc/{keeper}/ns/mnt')} {log_level}\n")
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


@contextlib.contextmanager
def kept(run: Run, work: Callable[[], None]) -> Iterator[int]:
    """A process that has done ``work`` in a mount namespace of its own, and keeps that until the end of this.

    It ends with the caller, however that ends, and with it what it has mounted, unless somebody has come in meanwhile.
    HostError with the reason where the work cannot be done.
    """

    def inside() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        _enter(HOST_MOUNTS)  # a daemon's own view of the file system is none of the container's business
        launch.own_mounts(run)
        work()

    with child.kept(inside, "what prepares the start") as keeper:
        yield keeper


def _enter(namespace: str) -> None:
    if os.path.samefile(namespace, "/proc/self/ns/mnt"):
        return
    handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.setns(handle, os.CLONE_NEWNS)
    finally:
        os.close(handle)
