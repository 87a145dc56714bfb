"""Tasks that turn unused disks into storages, and back. Each looks again whether a disk is unused before it writes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from hostd.cluster.locks import local_lock
from hostd.core import files
from hostd.core.errors import Conflict, NotFound
from hostd.core.run import Run
from hostd.core.undo import Undo
from hostd.node.disks import commands, guard, pools
from hostd.node.disks.gather import Wanted, list_disks
from hostd.node.disks.inventory import is_disk
from hostd.node.host import Host
from hostd.storage.edits import check_free, edit, with_node, without_node
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task

_ACTOR: Final = "root@pam"
_SLOW_S: Final = 600.0
_LOCK_S: Final = 60.0
_WIPED_BYTES: Final = 1024**2
_MOUNT_ROOT: Final = "/mnt/pve"


@task("diskinit")
def initialise(host: Host, log: TaskLog, *, device: str, uuid: str = "") -> None:
    """An empty GPT on an unused disk."""
    with local_lock("disks", _LOCK_S):
        disk = guard.unused(host.run, device)
        log.info(f"making a partition table on '{disk.devpath}'")
        host.run(commands.gpt_argv(disk.devpath, uuid), timeout_s=_SLOW_S)
        host.run(commands.settle_argv(), check=False)


@task("wipedisk")
def wipe_task(host: Host, log: TaskLog, *, device: str) -> None:
    """Remove everything from a disk or partition that nothing works with."""
    with local_lock("disks", _LOCK_S):
        wipe(host.run, log, device)


def wipe(run: Run, log: TaskLog, device: str, wanted: Wanted = is_disk) -> None:
    """Signatures of the disk and its partitions, then its first and last MiB, where tables lie."""
    disk = guard.not_active(run, device, wanted)
    known = list_disks(run, smart=False, partitions=True, wanted=wanted)
    parts = [d.devpath for d in known if d.parent == disk.devpath]
    log.info(f"wiping '{disk.devpath}'{f' with {len(parts)} partitions' if parts else ''}")
    run(commands.wipe_argv([*parts, disk.devpath]), timeout_s=_SLOW_S)
    _zero(disk.devpath, disk.size_bytes)
    if not disk.parent:
        run(["blockdev", "--rereadpt", disk.devpath], check=False)
    run(commands.settle_argv(), check=False)


def _zero(path: str, size_bytes: int) -> None:
    """O_EXCL on a block device is refused by the kernel while somebody holds it: the last guard."""
    length = min(_WIPED_BYTES, size_bytes)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC)
    except OSError as err:
        raise Conflict(f"'{path}' cannot be written: {err.strerror}") from err
    try:
        for offset in sorted({0, max(0, size_bytes - length)}):
            os.pwrite(fd, bytes(length), offset)
        os.fsync(fd)
    finally:
        os.close(fd)


@task("dircreate")
def make_folder(
    host: Host, log: TaskLog, *, name: str, device: str, filesystem: str = "ext4", add_storage: bool = False
) -> None:
    """A file system on an unused disk, mounted at ``/mnt/pve/NAME`` now and at every boot."""
    values = {"path": f"{_MOUNT_ROOT}/{name}", "is_mountpoint": "1"}
    with local_lock("disks", _LOCK_S), Undo() as undo:
        if add_storage:
            check_free(host.store, name, "dir", {"path": values["path"]})
        unit = pools.UNITS / pools.unit_name(name)
        if unit.exists() or os.path.ismount(values["path"]):
            raise Conflict(f"there is something at '{values['path']}' already")
        disk = guard.unused(host.run, device)
        target = disk.devpath
        if not disk.parent:
            host.run(commands.whole_partition_argv(target), timeout_s=_SLOW_S)
            undo.add(wipe, host.run, log, disk.devpath)
            host.run(commands.settle_argv(), check=False)
            target = _first_partition(host.run, disk.devpath)
        log.info(f"making {filesystem} on '{target}'")
        host.run(commands.make_filesystem_argv(target, filesystem), timeout_s=_SLOW_S)
        uuid = host.run(commands.uuid_argv(target)).stdout.strip()
        host.run(commands.settle_argv(), check=False)
        files.replace(unit, pools.unit_text(name, uuid, filesystem).encode())
        undo.add(_forget_unit, host.run, unit)
        host.run(["systemctl", "daemon-reload"])
        host.run(["systemctl", "enable", "--now", unit.name], timeout_s=_SLOW_S)
        _add(host, log, name, "dir", values, add_storage)
        undo.keep()


def _first_partition(run: Run, disk: str) -> str:
    for found in list_disks(run, smart=False, partitions=True):
        if found.parent == disk:
            return found.devpath
    raise NotFound(f"the partition that was just made on '{disk}' does not show up")


def _forget_unit(run: Run, unit: Path) -> None:
    run(["systemctl", "disable", "--now", unit.name], check=False)
    with contextlib.suppress(FileNotFoundError):
        unit.unlink()
    run(["systemctl", "daemon-reload"], check=False)


def _add(host: Host, log: TaskLog, name: str, type: str, values: Mapping[str, str], wanted: bool) -> None:
    if wanted:
        edit(host.store, lambda file: with_node(file, name, type, values, host.node), actor=_ACTOR)
        log.info(f"storage '{name}' was added")


@task("lvmcreate")
def make_group(host: Host, log: TaskLog, *, name: str, device: str, add_storage: bool = False) -> None:
    """A volume group on an unused disk."""
    with local_lock("disks", _LOCK_S), Undo() as undo:
        if add_storage:
            check_free(host.store, name, "lvm", {"vgname": name})
        disk = guard.unused(host.run, device)
        _make_group(host, log, undo, name, disk.devpath)
        _add(host, log, name, "lvm", {"vgname": name, "content": "images,rootdir"}, add_storage)
        undo.keep()


def _make_group(host: Host, log: TaskLog, undo: Undo, name: str, device: str) -> None:
    """vgcreate refuses a name that is taken."""
    log.info(f"making volume group '{name}' on '{device}'")
    host.run(commands.group_argv(name, device), timeout_s=_SLOW_S)
    undo.add(host.run, ["pvremove", "--yes", "--force", device], check=False)
    undo.add(host.run, ["vgremove", "--yes", "--force", name], check=False)


@task("lvmthincreate")
def make_thin_pool(host: Host, log: TaskLog, *, name: str, device: str, add_storage: bool = False) -> None:
    """A volume group with one thin pool on an unused disk, both of that name."""
    with local_lock("disks", _LOCK_S), Undo() as undo:
        values = {"vgname": name, "thinpool": name}
        if add_storage:
            check_free(host.store, name, "lvmthin", values)
        disk = guard.unused(host.run, device)
        _make_group(host, log, undo, name, disk.devpath)
        log.info(f"making thin pool '{name}/{name}'")
        host.run(commands.thin_pool_argv(name, name), timeout_s=_SLOW_S)
        _add(host, log, name, "lvmthin", {**values, "content": "images,rootdir"}, add_storage)
        undo.keep()


@task("zfscreate")
def make_pool(
    host: Host,
    log: TaskLog,
    *,
    name: str,
    devices: Sequence[str],
    level: str,
    ashift: int = 12,
    compression: str = "on",
    data: int = 0,
    spares: int = 0,
    add_storage: bool = False,
) -> None:
    """A ZFS pool on unused disks, which it knows by names that stay when disks change places."""
    with local_lock("disks", _LOCK_S), Undo() as undo:
        if add_storage:
            check_free(host.store, name, "zfspool", {"pool": name})
        disks = [guard.unused(host.run, device) for device in devices]
        if len({disk.devpath for disk in disks}) != len(disks):
            raise Conflict(f"devices are named twice: {', '.join(devices)}")
        stable = [disk.by_id or disk.devpath for disk in disks]
        argv = commands.pool_argv(name, level, stable, ashift=ashift, compression=compression, data=data, spares=spares)
        log.info(f"making pool '{name}': {' '.join(argv)}")
        host.run(argv, timeout_s=_SLOW_S)
        undo.add(host.run, ["zpool", "destroy", "-f", name], check=False)
        host.run(["systemctl", "enable", f"zfs-import@{name}.service"], check=False)
        _add(host, log, name, "zfspool", {"pool": name, "content": "images,rootdir"}, add_storage)
        undo.keep()


# --- and back


@task("dirremove")
def remove_folder(
    host: Host, log: TaskLog, *, name: str, clean_config: bool = False, clean_disks: bool = False
) -> None:
    """Unmount a folder, and forget its unit; what is on the disk stays unless it is to be wiped."""
    path = f"{_MOUNT_ROOT}/{name}"
    with local_lock("disks", _LOCK_S):
        unit = pools.UNITS / pools.unit_name(name)
        here = next((f for f in pools.folders() if f["unitfile"] == str(unit)), None)
        if here is None:
            raise NotFound(f"there is no folder '{name}'")
        device = os.path.realpath(str(here["device"]))
        log.info(f"unmounting '{path}'")
        host.run(["systemctl", "stop", unit.name], timeout_s=_SLOW_S)
        _forget_unit(host.run, unit)
        _clean_config(host, log, "dir", {"path": path}, clean_config)
        _clean_disks(host.run, log, [device], clean_disks)


@task("lvmremove")
def remove_group(host: Host, log: TaskLog, *, name: str, clean_config: bool = False, clean_disks: bool = False) -> None:
    """A volume group; Conflict while there are volumes in it."""
    with local_lock("disks", _LOCK_S):
        devices = _members(host.run, name)
        log.info(f"removing volume group '{name}'")
        # Without force and with nobody to ask, vgremove refuses a group that still has volumes.
        host.run(["vgremove", name], timeout_s=_SLOW_S)
        for device in devices:
            host.run(["pvremove", "--yes", device], check=False)
        _clean_config(host, log, "lvm", {"vgname": name}, clean_config)
        _clean_disks(host.run, log, devices, clean_disks)


def _members(run: Run, group: str) -> list[str]:
    tree = pools.parse_groups(run(pools.VOLUMES).stdout)
    children = tree["children"]
    for found in children if isinstance(children, list) else []:
        if found["name"] == group:
            return [str(device["name"]) for device in found["children"]]
    raise NotFound(f"there is no volume group '{group}'")


@task("lvmthinremove")
def remove_thin_pool(
    host: Host, log: TaskLog, *, name: str, group: str, clean_config: bool = False, clean_disks: bool = False
) -> None:
    """A thin pool with everything in it; its group too, if its disks are to be wiped."""
    with local_lock("disks", _LOCK_S):
        devices = _members(host.run, group)
        if clean_disks and (others := _others(host.run, group, name)):
            raise Conflict(f"volume group '{group}' holds more than that pool ({', '.join(others)}); keep its disks")
        log.info(f"removing thin pool '{group}/{name}'")
        host.run(["lvremove", "--yes", f"{group}/{name}"], timeout_s=_SLOW_S)
        if clean_disks:
            host.run(["vgremove", group], timeout_s=_SLOW_S)
            for device in devices:
                host.run(["pvremove", "--yes", device], check=False)
        _clean_config(host, log, "lvmthin", {"vgname": group, "thinpool": name}, clean_config)
        _clean_disks(host.run, log, devices, clean_disks)


def _others(run: Run, group: str, pool: str) -> list[str]:
    rows = run(["lvs", "--noheadings", "-o", "lv_name,pool_lv", group]).stdout.splitlines()
    fields = [row.split() for row in rows if row.strip()]
    return [row[0] for row in fields if row[0] != pool and (len(row) < 2 or row[1] != pool)]


@task("zfsremove")
def remove_pool(host: Host, log: TaskLog, *, name: str, clean_config: bool = False, clean_disks: bool = False) -> None:
    """A ZFS pool with everything in it."""
    with local_lock("disks", _LOCK_S):
        out = host.run(["zpool", "list", "-HPLv", "-o", "name", "--", name]).stdout
        devices = [line.split()[0] for line in out.splitlines() if line.strip().startswith("/")]
        log.info(f"destroying pool '{name}'")
        host.run(["zpool", "destroy", name], timeout_s=_SLOW_S)
        host.run(["systemctl", "disable", f"zfs-import@{name}.service"], check=False)
        _clean_config(host, log, "zfspool", {"pool": name}, clean_config)
        _clean_disks(host.run, log, devices, clean_disks)


def _clean_config(host: Host, log: TaskLog, type: str, values: Mapping[str, str], wanted: bool) -> None:
    if wanted:
        edit(host.store, lambda file: without_node(file, type, values, host.node), actor=_ACTOR)
        log.info("storages of it were removed from this node")


def _clean_disks(run: Run, log: TaskLog, devices: Sequence[str], wanted: bool) -> None:
    """Whole disks where a partition was all that there was on one."""
    if not wanted:
        return
    known = {disk.devpath: disk for disk in list_disks(run, smart=False, partitions=True)}
    for device in devices:
        parent = known[device].parent if device in known else ""
        alone = parent and sum(1 for disk in known.values() if disk.parent == parent) <= _OWN_PARTITIONS
        wipe(run, log, parent if alone else device)


# ZFS makes two partitions of a disk, others one.
_OWN_PARTITIONS: Final = 2
