"""Volumes of a container: growing, moving to another storage or another container, finding lost ones."""

from __future__ import annotations

from dataclasses import replace

from hostd.core.errors import Conflict, HostError, Invalid, NotFound
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.undo import Undo
from hostd.core.units import format_size
from hostd.guests import config as files
from hostd.guests.changes import free_unused
from hostd.guests.config import StoredGuest
from hostd.guests.lxc import config as keys
from hostd.guests.lxc import copies, mounts
from hostd.guests.lxc.copies import Copied
from hostd.guests.lxc.engine import Engine, SystemdEngine
from hostd.guests.lxc.interrupted import DISK_LOCK, adopt, missing_volumes, opened
from hostd.guests.lxc.mounts import MountPoint
from hostd.guests.lxc.ownership import where
from hostd.guests.lxc.volumes import Source, source_of
from hostd.guests.marks import held, without_mark
from hostd.guests.options import is_unused
from hostd.guests.volumes import catalog_of, free_volumes, wanted_size
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog


def volume_of(file: GuestFile, key: str) -> VolumeId:
    """The volume behind a key. NotFound where there is no such key, Conflict for a folder or device of the host."""
    if key not in file.current:
        raise NotFound(f"volume '{key}' does not exist")
    if is_unused(key):
        return VolumeId.parse(file.current[key])
    point = mounts.parse_mount(key, file.current[key])
    if point.is_path:
        raise Conflict(f"'{key}' ({point.source}) is no volume of a storage")
    return point.volume


def _with_volume(file: GuestFile, key: str, text: str, volume: VolumeId, size_bytes: int) -> GuestFile:
    """The file whose ``key`` is ``text`` with another volume."""
    value = str(volume) if is_unused(key) else mounts.parse_mount(key, text).with_volume(volume, size_bytes).text()
    return replace(file, current={**file.current, key: value})


def resize(
    host: Host, log: TaskLog, vmid: int, disk: str, size: str, *, digest: str = "", engine: Engine | None = None
) -> None:
    """Grow a volume and the file system on it, also while the container runs."""
    engine = engine or SystemdEngine(host)
    with files.lock(vmid):
        guest = opened(host, log, vmid, engine=engine)
        files.check_digest(guest, digest)
        if guest.file.current.get("template") == "1":
            raise Conflict(f"CT {vmid} is a template; its volumes stay as they are")
        volume = volume_of(guest.file, disk)
        catalog = catalog_of(host)
        catalog.activate([volume])
        now = catalog.volume(volume).size_bytes or mounts.parse_mount(disk, guest.file.current[disk]).size_bytes
        wanted = wanted_size(size, now)
        if wanted != now:
            catalog.resize(volume, wanted)
        # Also where the volume had that size: an attempt before may have ended between the two.
        reached = catalog.volume(volume).size_bytes or wanted
        try:
            _grow_file_system(host, vmid, source_of(catalog, volume), engine)
        except HostError as err:
            raise HostError(
                f"'{volume}' has {format_size(reached)} now, but the file system on it could not be grown: {err}; "
                f"'pct resize {vmid} {disk} {format_size(reached)}' tries that again, also while the container is off"
            ) from err
        files.save(host.store, guest, _with_volume(guest.file, disk, guest.file.current[disk], volume, reached))
    log.info(f"{disk}: '{volume}' has {format_size(reached)} now (before: {format_size(now)})")


def _grow_file_system(host: Host, vmid: int, source: Source, engine: Engine) -> None:
    if engine.running(vmid):
        copies.grow_running(host.run, source, engine.mount_namespace(vmid))
    else:
        copies.grow_stopped(host.run, source)


def _require_stopped(engine: Engine, vmid: int, disk: str) -> None:
    if engine.running(vmid) and not is_unused(disk):
        raise Conflict(f"'{disk}' is in use: shut CT {vmid} down first")


def _in_snapshots(file: GuestFile, volume: VolumeId) -> bool:
    return any(str(volume) in keys.state_volumes(part.values).values() for part in file.snapshots.values())


def move(
    host: Host,
    log: TaskLog,
    vmid: int,
    disk: str,
    storage: str,
    *,
    delete: bool = False,
    digest: str = "",
    limit_kib: int = 0,
    engine: Engine | None = None,
) -> None:
    """Copy a volume to another storage and use the copy; the original becomes unused, or goes if ``delete``."""
    engine = engine or SystemdEngine(host)
    with files.lock(vmid), Undo() as undo:
        guest = opened(host, log, vmid, engine=engine)
        files.check_digest(guest, digest)
        volume = volume_of(guest.file, disk)
        if volume.storage == storage:
            raise Conflict(f"'{disk}' is on storage '{storage}' already")
        _require_stopped(engine, vmid, disk)
        if delete and _in_snapshots(guest.file, volume):
            raise Conflict(f"'{volume}' is part of a snapshot and cannot be removed; move it without deleting it")
        catalog = catalog_of(host)
        guest = held(host, guest, DISK_LOCK, undo)
        log.info(f"{disk}: copying '{volume}' to '{storage}'")
        size = 0 if is_unused(disk) else mounts.parse_mount(disk, guest.file.current[disk]).size_bytes
        size = catalog.volume(volume).size_bytes or size
        unprivileged = keys.is_unprivileged(guest.file.current)
        wanted = Copied(
            source=volume, storage=storage, vmid=vmid, size_bytes=size, unprivileged=unprivileged, limit_kib=limit_kib
        )
        made = copies.copy(catalog, host.run, wanted)
        undo.add(catalog.free, made)
        moved = _with_volume(without_mark(guest.file), disk, guest.file.current[disk], made, size)
        if not delete:
            moved = replace(moved, current={**moved.current, free_unused(moved.current): str(volume)})
        files.save(host.store, guest, moved)
        undo.keep()
        if delete:
            free_volumes(host, log, [str(volume)])
    log.info(f"{disk}: now on '{made}'")


def reassign(
    host: Host,
    log: TaskLog,
    vmid: int,
    disk: str,
    target_vmid: int,
    target_disk: str,
    *,
    digest: str = "",
    target_digest: str = "",
    engine: Engine | None = None,
) -> None:
    """Give a volume to another container of this node; it is renamed, nothing is copied."""
    engine = engine or SystemdEngine(host)
    first, second = sorted((vmid, target_vmid))
    if first == second:
        raise Invalid({"target-vmid": "a volume can be given to another container only; here it is the same one"})
    with files.lock(first), files.lock(second), Undo() as undo:
        source = opened(host, log, vmid, engine=engine)
        target = opened(host, log, target_vmid, engine=engine)
        files.check_digest(source, digest)
        files.check_digest(target, target_digest)
        _require_reassignable(source, target, disk, target_disk)
        _require_stopped(engine, vmid, disk)
        _require_stopped(engine, target_vmid, target_disk)
        volume = volume_of(source.file, disk)
        catalog = catalog_of(host)
        source, target = held(host, source, DISK_LOCK, undo), held(host, target, DISK_LOCK, undo)
        made = catalog.rename(volume, target_vmid)
        undo.add(catalog.rename, made, vmid, volume.name.rpartition("/")[2])
        size = catalog.volume(made).size_bytes
        there = _with_volume(without_mark(target.file), target_disk, source.file.current[disk], made, size)
        given = files.save(host.store, target, there)
        undo.add(files.save, host.store, given, target.file)
        rest = {k: v for k, v in source.file.current.items() if k not in (disk, "lock")}
        files.save(host.store, source, replace(source.file, current=rest))
        undo.keep()
    log.info(f"'{volume}' of CT {vmid} is now '{made}', {target_disk} of CT {target_vmid}")


def _require_reassignable(source: StoredGuest, target: StoredGuest, disk: str, slot: str) -> None:
    volume = volume_of(source.file, disk)
    if disk == "rootfs":
        raise Conflict("'rootfs' cannot be given away: a container needs it")
    if slot in target.file.current:
        raise Conflict(f"CT {target.where.vmid} has a '{slot}' already")
    if is_unused(disk) and not is_unused(slot):
        raise Conflict(f"'{disk}' has no path inside; it can become 'unused0' … only")
    if _in_snapshots(source.file, volume):
        raise Conflict(f"'{volume}' is part of a snapshot; remove the snapshot first")
    if keys.is_unprivileged(source.file.current) != keys.is_unprivileged(target.file.current):
        raise Conflict("the owners of the files on it would be wrong: only one of the two containers is unprivileged")
    for guest in (source, target):
        if guest.file.current.get("template") == "1":
            raise Conflict(f"CT {guest.where.vmid} is a template; its volumes stay as they are")


def rescan(host: Host, log: TaskLog, vmid: int, *, dry_run: bool = False, engine: Engine | None = None) -> None:
    """Name volumes of the container's id that its file does not name as unused, and correct the sizes that it tells."""
    with files.lock(vmid):
        guest = opened(host, log, vmid, engine=engine)
        if dry_run:
            for name in missing_volumes(host, guest):
                log.info(f"CT {vmid}: '{name}' is not in the configuration")
            return
        adopt(host, log, guest)
        guest = files.load(host.store, where(host, vmid))
        file = guest.file
        for point in mounts.mount_points(guest.file.current):
            file = _with_true_size(host, log, file, point)
        if file != guest.file:
            files.save(host.store, guest, file)


def _with_true_size(host: Host, log: TaskLog, file: GuestFile, point: MountPoint) -> GuestFile:
    if point.is_path:
        return file
    try:
        size = catalog_of(host).volume(point.volume).size_bytes
    except NotFound:
        log.warn(f"{point.key}: volume '{point.volume}' does not exist")
        return file
    if not size or size == point.size_bytes:
        return file
    log.info(f"{point.key}: size is {format_size(size)}")
    return _with_volume(file, point.key, point.text(), point.volume, size)
