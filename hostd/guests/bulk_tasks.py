"""Tasks about all guests of a node."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from hostd.cluster.store import Store
from hostd.core.errors import NotFound
from hostd.guests import bulk
from hostd.guests import config as files
from hostd.guests.bulk import Member
from hostd.guests.config import GuestKind, parse_path
from hostd.guests.lxc.running import init_pid
from hostd.guests.qemu.process import is_running
from hostd.node.host import Host
from hostd.tasks.archive import Archive
from hostd.tasks.client import DaemonTasks, TaskClient
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task
from hostd.tasks.upid import Upid


class DaemonsTasks:
    """The tasks of single guests, in the name of whoever asked for all of them."""

    def __init__(self, user: str, client: TaskClient | None = None, archive: Archive | None = None) -> None:
        self._user = user
        self._client, self._archive = client or DaemonTasks(), archive or Archive()

    def spawn(self, type: str, vmid: int, args: Mapping[str, object]) -> str:
        return self._client.spawn(type, id=str(vmid), user=self._user, args=args)

    def status(self, upid: str) -> str | None:
        entry = self._archive.status(Upid.parse(upid))
        return "the task is gone" if entry is None else entry.status


def configs(store: Store, node: str) -> dict[int, tuple[GuestKind, Mapping[str, str]]]:
    """The configuration of every guest of a node."""
    found: dict[int, tuple[GuestKind, Mapping[str, str]]] = {}
    for kind in GuestKind:
        folder, names = f"nodes/{node}/{kind.folder}", list[str]()
        with contextlib.suppress(NotFound):
            names = list(store.list(folder))
        for name in names:
            where = parse_path(f"{folder}/{name}")
            if where is None:
                continue
            with contextlib.suppress(NotFound):  # removed or moved meanwhile
                found[where.vmid] = (kind, files.load(store, where).file.current)
    return found


def runs(member: Member) -> bool:
    """Whether the guest runs, by its process."""
    return is_running(member.vmid) if member.kind is GuestKind.QEMU else init_pid(member.vmid) is not None


@task("startall")
def start_all(
    host: Host,
    log: TaskLog,
    *,
    user: str,
    only: Sequence[int] = (),
    onboot: bool = True,
    leave: Sequence[int] = (),
) -> None:
    """Start guests in their order; ``onboot``: those that are to start with the node."""
    members = bulk.wanted(configs(host.store, host.node), only=only, onboot=onboot, leave=leave)
    bulk.start(log, DaemonsTasks(user), bulk.in_order(members), runs)


@task("stopall")
def stop_all(
    host: Host,
    log: TaskLog,
    *,
    user: str,
    only: Sequence[int] = (),
    timeout_s: int = bulk.SHUTDOWN_S,
    force: bool = True,
    workers: int = 1,
    leave: Sequence[int] = (),
) -> None:
    """Shut guests down in the reverse order."""
    members = bulk.wanted(configs(host.store, host.node), only=only, leave=leave)
    groups = bulk.in_order(members, reverse=True)
    bulk.stop(log, DaemonsTasks(user), groups, runs, timeout_s=timeout_s, force=force, workers=workers)


@task("suspendall")
def suspend_all(
    host: Host, log: TaskLog, *, user: str, only: Sequence[int] = (), workers: int = 1, leave: Sequence[int] = ()
) -> None:
    """Suspend machines to disk in the reverse order."""
    members = bulk.wanted(configs(host.store, host.node), only=only, leave=leave)
    bulk.suspend(log, DaemonsTasks(user), bulk.in_order(members, reverse=True), runs, workers=workers)


@task("migrateall")
def migrate_all(
    host: Host, log: TaskLog, *, user: str, move: Mapping[str, object], only: Sequence[int] = (), workers: int = 1
) -> None:
    """Move machines to another node; ``move``: what each one's own task is told."""
    members = bulk.wanted(configs(host.store, host.node), only=only)
    bulk.migrate(log, DaemonsTasks(user), members, runs, move, workers=workers)
