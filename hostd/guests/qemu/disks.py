"""Disks of a machine: growing, moving to another storage or another machine, detaching."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from hostd.core.errors import Conflict, Invalid, NotFound
from hostd.core.formats import propstring
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.undo import Undo
from hostd.core.units import format_size
from hostd.guests import config as files
from hostd.guests.changes import free_unused
from hostd.guests.config import StoredGuest
from hostd.guests.marks import held
from hostd.guests.options import is_unused
from hostd.guests.qemu import agent, tpm
from hostd.guests.qemu import config as keys
from hostd.guests.qemu import plan as planning
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.interrupted import adopt, opened
from hostd.guests.qemu.machines import Machines
from hostd.guests.qemu.volumes import missing_volumes, source_of, where
from hostd.guests.volumes import catalog_of, free_volumes, wanted_size
from hostd.node.host import Host
from hostd.storage import copying
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

_OLD_VOLUME: Final = {"volume": propstring.Alias(to="file")}
_COPY_MARK: Final = "clone"


def volume_of(file: GuestFile, key: str) -> VolumeId:
    """The volume of a drive. NotFound where there is no such drive, Conflict where it has no volume of a storage."""
    if key not in file.current:
        raise NotFound(f"disk '{key}' does not exist")
    values = propstring.parse(file.current[key], default_key="file", aliases=_OLD_VOLUME)
    name = values.get("file", "")
    if values.get("media") == "cdrom" or ":" not in name or name.startswith("/"):
        raise Conflict(f"'{key}' ({name}) is no disk of a storage")
    return VolumeId.parse(name)


def _with(file: GuestFile, key: str, values: Mapping[str, str]) -> GuestFile:
    return replace(file, current={**file.current, key: propstring.format(values, default_key="file")})


def resize(
    host: Host,
    log: TaskLog,
    vmid: int,
    disk: str,
    size: str,
    *,
    digest: str = "",
    skip_lock: bool = False,
    machines: Machines | None = None,
) -> None:
    """Grow a disk, also of a running machine, which is told of it."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        guest = opened(host, log, vmid, skip_lock=skip_lock, machines=machines)
        files.check_digest(guest, digest)
        volume = volume_of(guest.file, disk)
        catalog = catalog_of(host)
        catalog.activate([volume])
        now = catalog.volume(volume).size_bytes
        wanted = wanted_size(size, now)
        running = machines.state(vmid) is not None
        if wanted != now:
            _grow(host, vmid, volume, wanted, machines if running else None)
        reached = catalog.volume(volume).size_bytes
        values = propstring.parse(guest.file.current[disk], default_key="file", aliases=_OLD_VOLUME)
        files.save(host.store, guest, _with(guest.file, disk, {**values, "size": format_size(reached)}))
    log.info(f"{disk}: '{volume}' has {format_size(reached)} now (before: {format_size(now)})")


def _grow(host: Host, vmid: int, volume: VolumeId, size_bytes: int, machines: Machines | None) -> None:
    catalog = catalog_of(host)
    driver = catalog.driver(volume.storage)
    open_file = driver.parse(volume.name).format in driver.info.image_files
    if machines is None:
        catalog.resize(volume, size_bytes)
        return
    if not open_file:  # a block device grows by itself, and QEMU is told its new size
        size_bytes = catalog.resize(volume, size_bytes)
    machines.resize_disk(vmid, catalog.path(volume), size_bytes)


def _match(host: Host, log: TaskLog, vmid: int, volume: VolumeId, made: VolumeId, machines: Machines) -> None:
    """Grow a disk in use to the size of the volume that shall take its place, which a storage may have made larger.

    QEMU copies between disks of one size only (observed, QEMU 10.0: "Source and target image have different sizes").
    """
    catalog = catalog_of(host)
    now, wanted = catalog.volume(volume).size_bytes, catalog.volume(made).size_bytes
    if now < wanted:
        log.info(f"growing '{volume}' from {now} to the {wanted} bytes of '{made}'")
        _grow(host, vmid, volume, wanted, machines)
    if (reached := catalog.volume(volume).size_bytes) != wanted:
        raise Conflict(
            f"'{made}' has {wanted} bytes, '{volume}' has {reached}, and a disk in use is copied only between volumes "
            "of one size: move it while the machine is off"
        )


def move(
    host: Host,
    log: TaskLog,
    vmid: int,
    disk: str,
    storage: str,
    *,
    format: str = "",
    delete: bool = False,
    digest: str = "",
    limit_kib: int = 0,
    machines: Machines | None = None,
) -> None:
    """Copy a disk to another storage or format and use the copy; the original becomes unused, or goes if ``delete``."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid), Undo() as undo:
        guest = opened(host, log, vmid, machines=machines)
        files.check_digest(guest, digest)
        volume = volume_of(guest.file, disk)
        catalog = catalog_of(host)
        if volume.storage == storage and (not format or format == catalog.format(volume)):
            raise Conflict(f"'{disk}' is on storage '{storage}' already, in this format")
        if any(str(volume) in keys.state_volumes(s.values).values() for s in guest.file.snapshots.values()) and delete:
            raise Conflict(f"'{volume}' is part of a snapshot and cannot be removed; move it without deleting it")
        guest = held(host, guest, _COPY_MARK, undo)
        log.info(f"{disk}: copying '{volume}' to '{storage}'")
        running = machines.state(vmid) is not None and not is_unused(disk)
        if running:
            if disk in ("efidisk0", "tpmstate0"):
                raise Conflict(f"'{disk}' can be moved only while the machine is off")
            made = copying.empty_copy(catalog, volume, storage, vmid, format=format)
            undo.add(catalog.free, made)
            catalog.activate([made])
            _match(host, log, vmid, volume, made, machines)
            target = source_of(catalog, made)
            machines.copy_disk(vmid, catalog.path(volume), target, limit_kib * 1024, log.progress)
        else:
            if machines.state(vmid) is None:
                tpm.end(host.run, vmid)
            made = copying.copy(catalog, host.run, volume, storage, vmid, format=format, limit_kib=limit_kib)
            undo.add(catalog.free, made)
            tpm.grow(catalog, disk, made)
        value = planning.with_volume(disk, guest.file.current[disk], made, catalog.volume(made).size_bytes)
        spare = free_unused({**guest.file.current, disk: value})
        current = {**guest.file.current, disk: value, spare: str(volume)}
        guest = files.save(host.store, guest, replace(guest.file, current=current if delete else _unlocked(current)))
        undo.keep()
        if delete:  # under the mark: whoever finds it settles whether the original is still there
            free_volumes(host, log, [str(volume)])
            rest = {k: v for k, v in current.items() if k != spare or catalog.has(volume)}
            files.save(host.store, guest, replace(guest.file, current=_unlocked(rest)))
    log.info(f"{disk}: now on '{made}'")
    if running:
        agent.trim_copied(machines, log, vmid, guest.file.current)


def _unlocked(values: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if key != "lock"}


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
    machines: Machines | None = None,
) -> None:
    """Give a disk to another machine of this node; it is renamed, nothing is copied."""
    machines = machines or LibvirtMachines()
    first, second = sorted((vmid, target_vmid))
    if first == second:
        raise Invalid({"target-vmid": "a disk can be given to another machine only; here it is the same one"})
    with files.lock(first), files.lock(second), Undo() as undo:
        source = opened(host, log, vmid, machines=machines)
        target = opened(host, log, target_vmid, machines=machines)
        files.check_digest(source, digest)
        files.check_digest(target, target_digest)
        _require_reassignable(source, target, disk, target_disk, machines)
        volume = volume_of(source.file, disk)
        catalog = catalog_of(host)
        source, target = held(host, source, _COPY_MARK, undo), held(host, target, _COPY_MARK, undo)
        made = catalog.rename(volume, target_vmid)
        undo.add(catalog.rename, made, vmid, volume.name.rpartition("/")[2])
        value = planning.with_volume(target_disk, source.file.current[disk], made, catalog.volume(made).size_bytes)
        there = {k: v for k, v in target.file.current.items() if k != "lock"} | {target_disk: value}
        given = files.save(host.store, target, replace(target.file, current=there))
        undo.add(_put_back, host, given, target)
        rest = {k: v for k, v in source.file.current.items() if k not in (disk, "lock")}
        files.save(host.store, source, replace(source.file, current=rest))
        undo.keep()
    log.info(f"'{volume}' of VM {vmid} is now '{made}', {target_disk} of VM {target_vmid}")


def _put_back(host: Host, now: StoredGuest, before: StoredGuest) -> None:
    files.save(host.store, now, before.file)


def _require_reassignable(source: StoredGuest, target: StoredGuest, disk: str, slot: str, machines: Machines) -> None:
    vmid = source.where.vmid
    volume = str(volume_of(source.file, disk))
    if slot in target.file.current:
        raise Conflict(f"VM {target.where.vmid} has a '{slot}' already")
    if any(volume in keys.state_volumes(s.values).values() for s in source.file.snapshots.values()):
        raise Conflict(f"'{volume}' is part of a snapshot; remove the snapshot first")
    for guest in (source, target):
        if guest.file.current.get("template") == "1":
            raise Conflict(f"VM {guest.where.vmid} is a template; its disks stay as they are")
    if machines.state(vmid) is not None and not is_unused(disk):
        raise Conflict(f"'{disk}' is in use: stop VM {vmid} or detach the disk first")
    special = ("efidisk0", "tpmstate0")
    if (disk in special or slot in special) and disk != slot:
        raise Conflict(f"'{disk}' cannot become '{slot}'")


def rescan(host: Host, log: TaskLog, vmid: int, *, dry_run: bool = False, machines: Machines | None = None) -> None:
    """Name volumes of the machine's id that its file does not name as unused, and correct the sizes that it tells."""
    with files.lock(vmid):
        guest = opened(host, log, vmid, machines=machines)
        if dry_run:
            for name in missing_volumes(host, guest):
                log.info(f"VM {vmid}: '{name}' is not in the configuration")
            return
        adopt(host, log, guest)
        guest = files.load(host.store, where(host, vmid))
        catalog = catalog_of(host)
        current = dict(guest.file.current)
        for key, name in keys.state_volumes(guest.file.current).items():
            try:
                size = catalog.volume(VolumeId.parse(name)).size_bytes
            except NotFound:
                log.warn(f"{key}: volume '{name}' does not exist")
                continue
            values = propstring.parse(current[key], default_key="file", aliases=_OLD_VOLUME)
            if size and key not in ("efidisk0",) and values.get("size") != format_size(size):
                current[key] = propstring.format({**values, "size": format_size(size)}, default_key="file")
                log.info(f"{key}: size is {format_size(size)}")
        if current != guest.file.current:
            files.save(host.store, guest, replace(guest.file, current=current))
