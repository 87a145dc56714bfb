"""File systems of containers seen from the host: usage, trimming, checking, and mounted by hand for a look."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import Conflict, HostError, NotFound
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests.lxc import copies, identities, mounts
from hostd.guests.lxc import runtime_config as runtime
from hostd.guests.lxc import volumes as filesystems
from hostd.guests.lxc.build import make_folder
from hostd.guests.lxc.config import is_unprivileged
from hostd.guests.lxc.engine import Engine, SystemdEngine
from hostd.guests.lxc.interrupted import opened
from hostd.guests.lxc.mounts import MountPoint
from hostd.guests.lxc.ownership import where
from hostd.guests.lxc.rooted import place_inside
from hostd.guests.marks import held, unmarked
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage.mounts import mounted_at
from hostd.tasks.log import TaskLog

MOUNTED: Final = "mounted"
_CHECK_S: Final = 3600.0


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Bytes of one mount point."""

    point: MountPoint
    size_bytes: int
    used_bytes: int
    free_bytes: int


def _places(host: Host, vmid: int, engine: Engine) -> tuple[str, list[tuple[MountPoint, str]]]:
    """The name space of a running container's volumes, and where each one is mounted there."""
    guest = files.load(host.store, where(host, vmid))
    points = mounts.mount_points(guest.file.current)
    return engine.mount_namespace(vmid), [(point, runtime.mount_place(vmid, point.key)) for point in points]


def usage(host: Host, vmid: int, engine: Engine | None = None) -> list[Usage]:
    """How full the volumes of a running container are; Conflict when it does not run."""
    namespace, places = _places(host, vmid, engine or SystemdEngine(host))
    argv = ["df", "--block-size=1", "--output=size,used,avail", *(path for _, path in places)]
    lines = host.run(["nsenter", f"--mount={namespace}", "--", *argv]).stdout.splitlines()[1:]
    found = []
    for (point, _), line in zip(places, lines, strict=True):
        size, used, free = (int(word) for word in line.split())
        found.append(Usage(point=point, size_bytes=size, used_bytes=used, free_bytes=free))
    return found


def trim(host: Host, log: TaskLog, vmid: int, *, only_volumes: bool = False, engine: Engine | None = None) -> None:
    """Tell the storages of a running container which blocks are free; one that cannot is a warning."""
    namespace, places = _places(host, vmid, engine or SystemdEngine(host))
    for point, path in places:
        if only_volumes and point.is_path:
            continue
        done = host.run(["nsenter", f"--mount={namespace}", "--", "fstrim", "--verbose", path], check=False)
        if done.code:
            log.warn(f"{point.key}: {done.stderr.strip() or 'cannot be trimmed'}")
        else:
            log.info(f"{point.key}: {done.stdout.strip().rpartition(': ')[2]}")


def check(host: Host, log: TaskLog, vmid: int, key: str, *, force: bool = False, engine: Engine | None = None) -> None:
    """Check a file system of a stopped container and repair what can be repaired without asking (e2fsck(8), -p)."""
    engine = engine or SystemdEngine(host)
    with files.lock(vmid):
        guest = opened(host, log, vmid, engine=engine)
        if engine.running(vmid):
            raise Conflict(f"CT {vmid} is running: its file systems are in use")
        point = _point(guest.file.current, key)
        catalog = catalog_of(host)
        catalog.activate([point.volume])
        source = filesystems.source_of(catalog, point.volume)
        if source.kind == "folder":
            raise Conflict(f"'{key}' ({point.source}) is a folder: there is nothing to check")
        argv = ["e2fsck", "-p", *(["-f"] if force else []), source.path]
        done = host.run(argv, timeout_s=_CHECK_S, check=False)
        log.info(done.stdout.strip() or f"'{point.source}' was checked")
        if done.code not in copies.CLEAN:
            raise HostError(f"'{point.source}' has errors that need a person: run e2fsck {source.path}")


def _point(config: Mapping[str, str], key: str) -> MountPoint:
    found = next((p for p in mounts.mount_points(config) if p.key == key), None)
    if found is None:
        raise NotFound(f"mount point '{key}' does not exist")
    return found


def mount(host: Host, log: TaskLog, vmid: int, *, engine: Engine | None = None) -> str:
    """Mount a stopped container's volumes on the host for a look; the folder. It is locked until ``unmount``."""
    engine = engine or SystemdEngine(host)
    with files.lock(vmid), Undo() as undo:
        guest = opened(host, log, vmid, engine=engine)
        if engine.running(vmid):
            raise Conflict(f"CT {vmid} is running; its files are at /proc/<pid>/root of its first process")
        points = mounts.mount_points(guest.file.current)
        catalog = catalog_of(host)
        catalog.activate([p.volume for p in points if not p.is_path])
        root = runtime.rootfs(vmid)
        guest = held(host, guest, MOUNTED, undo)
        os.makedirs(root, exist_ok=True)
        owner = identities.owner_of(is_unprivileged(guest.file.current))
        for point in points:
            if point.is_path:
                log.warn(f"{point.key}: '{point.source}' is the host's own and is not mounted here")
                continue
            target = place_inside(root, point.target)
            make_folder(target, owner)
            host.run(filesystems.mount_argv(filesystems.source_of(catalog, point.volume), target, ["nodev", "nosuid"]))
            undo.add(host.run, ["umount", target])
        undo.keep()
    log.info(f"mounted CT {vmid} in '{root}'")
    return root


def unmount(host: Host, log: TaskLog, vmid: int) -> None:
    """End ``mount``."""
    with files.lock(vmid):
        guest = files.load(host.store, where(host, vmid))
        if guest.file.current.get("lock") != MOUNTED:
            raise Conflict(f"CT {vmid} is not mounted")
        if mounted_at(runtime.rootfs(vmid)):
            host.run(["umount", "--recursive", runtime.rootfs(vmid)])
        unmarked(host, guest)
    log.info(f"unmounted CT {vmid}")
