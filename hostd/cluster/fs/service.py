"""The store's daemon put together: database, engine, mount and socket, from start to orderly end."""

from __future__ import annotations

import grp
import logging
import os
import pwd
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from hostd.cluster.fs import mount, seed, special, watch
from hostd.cluster.fs.caches import Caches, Known
from hostd.cluster.fs.channel import GROUP, Channel
from hostd.cluster.fs.database import Database, Fault, no_fault
from hostd.cluster.fs.engine import Engine, Refusal
from hostd.cluster.fs.fuse import Filesystem
from hostd.cluster.fs.kernel import Kernel
from hostd.cluster.fs.lifetimes import LockTimes
from hostd.cluster.fs.special import SpecialFiles
from hostd.cluster.standing import Standing
from hostd.core.errors import HostError
from hostd.core.run import Run, run

if TYPE_CHECKING:
    from hostd.cluster.fs.clustered import Cluster

log = logging.getLogger(__name__)

READERS_GROUP = "www-data"
READERS_USER = "hostd"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where things are. ``mount`` None: no file system, the socket only. ``seed`` need not exist.

    ``corosync``: the directory of corosync.conf and authkey; both there at the start make this a node of a cluster.
    """

    node: str
    database: Path
    socket: Path
    mount: Path | None = None
    seed: Path | None = None
    corosync: Path | None = None


def boot_clock_s() -> float:
    """Seconds since boot, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def group_id(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def user_id(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def is_configured(corosync: Path) -> bool:
    """Whether this node belongs to a cluster: it has a configuration and the cluster's key.

    Debian's package of Corosync brings a configuration, an example, but no key.
    """
    return all((corosync / name).exists() for name in ("corosync.conf", "authkey"))


async def first_contents(engine: Engine, directory: Path | None, *, alone: bool = True) -> None:
    """Make what every tree holds, and import the seed into an empty one. Raises HostError.

    ``alone`` False: other nodes' changes may come in between, and the next transaction need not be ours, so that it
    cannot record that the seed is in. A crash right after the import then leaves the seed where it is.
    """
    files: seed.Files = []
    if directory is not None and directory.is_dir():
        files = seed.read(directory, engine.node)
        digest = seed.digest(files)
        if engine.tree.version == 0:
            if alone:
                engine.record_seed(digest)
            log.info("importing %d entries from %s", len(files), directory)
        else:
            files = []
            if engine.seed_digest != digest:
                log.warning("%s is left alone: the store is not empty", directory)
                directory = None
    first = seed.initial(engine.tree, engine.node, files)
    if first is not None:
        try:
            await engine.submit(first, actor="hostd-clusterd")
        except Refusal as err:
            raise HostError(f"cannot make the first contents of the store: {err}") from err
    if directory is not None:
        await trio.to_thread.run_sync(seed.remove, directory)


async def first_contents_of_member(engine: Engine, directory: Path | None) -> None:
    """The same in a cluster, as soon as it accepts changes."""
    while True:
        await engine.wait_open()
        try:
            await first_contents(engine, directory, alone=False)
            return
        except HostError as err:
            if not isinstance(err.__cause__, Refusal):
                raise
            log.warning("%s; trying again", err)
        await trio.sleep(1)


def _no_cluster() -> Standing | None:
    return None


def _no_health() -> None:
    return None


async def serve(
    settings: Settings,
    *,
    stop: trio.Event,
    ready: Callable[[], None],
    fault: Fault = no_fault,
    boot_s: Callable[[], float] = boot_clock_s,
    run: Run = run,
    reports: special.Reports | None = None,
) -> None:
    """Run the store until ``stop`` is set. Raises HostError when it cannot start, sqlite3.Error when the disk fails.

    In a cluster it is ready before it has quorum: reads do not wait for the others.
    """
    if settings.mount is not None:
        mount.prepare(str(settings.mount), run)
    database = Database(settings.database, fault=fault)
    try:
        database.reserve_log()
        cluster: Cluster | None = None
        if settings.corosync is not None and is_configured(settings.corosync):
            # Only here: a node without a cluster needs neither Corosync's libraries nor TLS.
            from hostd.cluster.corosync import qdevice
            from hostd.cluster.corosync.follow import Follower
            from hostd.cluster.corosync.transport import CorosyncTransport
            from hostd.cluster.fs.clustered import ANSWER_S, Cluster
            from hostd.cluster.fs.following import follow

            cluster = Cluster(settings.corosync, database)
            engine = Engine(
                database,
                settings.node,
                fault=fault,
                replicator=cluster.replicator,
                on_fetch=cluster.fetch,
                answer_s=ANSWER_S,
            )
        else:
            engine = Engine(database, settings.node, fault=fault)
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            channel = Channel(settings.node)
            standing = _no_cluster if cluster is None else cluster.standing
            server = watch.Server(
                engine,
                channel,
                standing=standing,
                readers_uid=user_id(READERS_USER),
                readers_gid=group_id(READERS_GROUP),
                health=_no_health if cluster is None else cluster.health,
            )
            if cluster is None:
                await first_contents(engine, settings.seed)
            else:
                cluster.listen(server.tell_members)
                nursery.start_soon(cluster.run, engine)
                own_conf = settings.corosync / "corosync.conf" if settings.corosync else Path()
                witness = qdevice.Follower(settings.node, run)
                nursery.start_soon(follow, engine, Follower(own_conf, settings.node, run), witness)
                nursery.start_soon(channel.run, lambda: CorosyncTransport(GROUP))
                nursery.start_soon(first_contents_of_member, engine, settings.seed)
            log.info("store of node '%s' at version %d", engine.node, engine.tree.version)
            if settings.mount is None:
                await _serve_socket(server, settings, stop, ready)
            else:
                contents = SpecialFiles(
                    engine.tree,
                    engine.node,
                    start_s=int(time.time()),
                    standing=standing,
                    reports=reports,
                    values=channel.heard,
                )
                await _serve_mount(engine, server, settings, settings.mount, stop, ready, boot_s, contents)
            nursery.cancel_scope.cancel()
    finally:
        database.close()


async def _serve_mount(
    engine: Engine,
    server: watch.Server,
    settings: Settings,
    mountpoint: Path,
    stop: trio.Event,
    ready: Callable[[], None],
    boot_s: Callable[[], float],
    contents: SpecialFiles,
) -> None:
    locks = LockTimes(engine.tree, boot_s)
    engine.listen(locks.published)
    known = Known()
    caches = Caches(known)
    files = Filesystem(engine, contents, locks, caches, known, gid=group_id(READERS_GROUP) or 0)
    kernel = Kernel(mountpoint)
    caches.attach(kernel)
    try:
        engine.listen(caches.published)
        async with trio.open_nursery() as nursery:
            unmounted = trio.Event()
            nursery.start_soon(_run_mount, kernel, files, stop, unmounted)
            await trio.to_thread.run_sync(os.statvfs, mountpoint, abandon_on_cancel=True)
            server.settle = caches.settle
            await _serve_socket(server, settings, stop, ready)
            if unmounted.is_set():
                raise HostError(f"'{mountpoint}' was unmounted by somebody else")
            await files.commit_all()
            await caches.settle()
            engine.unlisten(caches.published)
            kernel.stop()
    finally:
        if caches.stop():
            kernel.close()
        else:
            log.error("the kernel does not answer; leaving the mount at %s to be removed at the next start", mountpoint)


async def _run_mount(kernel: Kernel, files: Filesystem, stop: trio.Event, unmounted: trio.Event) -> None:
    """Answer the kernel until the end. When somebody unmounts by hand, the daemon ends, to be started again."""
    await kernel.run(files)
    if not stop.is_set():
        unmounted.set()
        stop.set()


async def _serve_socket(server: watch.Server, settings: Settings, stop: trio.Event, ready: Callable[[], None]) -> None:
    listener = watch.listen(settings.socket)
    async with listener, trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, listener)
        ready()
        await stop.wait()
        settings.socket.unlink(missing_ok=True)
        nursery.cancel_scope.cancel()
