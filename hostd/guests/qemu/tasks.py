"""The tasks of virtual machines: plain arguments as JSON carries them, the work in ``lifecycle``."""

from __future__ import annotations

from collections.abc import Mapping

from hostd.guests.changes import Change
from hostd.guests.qemu import cloning, disks, lifecycle, making, power, snapshot_operations
from hostd.guests.qemu.once import Once
from hostd.node.host import Host
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task


@task("qmcreate")
def create(
    host: Host,
    log: TaskLog,
    *,
    vmid: int,
    values: Mapping[str, str],
    start: bool = False,
    pool: str = "",
    limit_kib: int = 0,
    working: str = "",
) -> None:
    """Make a machine and perhaps start it."""
    making.create(host, log, vmid, values, start_after=start, pool=pool, limit_kib=limit_kib, working=working)


@task("qmstart")
def start(
    host: Host, log: TaskLog, *, vmid: int, skip_lock: bool = False, machine: str = "", processor: str = ""
) -> None:
    """Start a machine, perhaps as another than it is."""
    lifecycle.start(host, log, vmid, skip_lock=skip_lock, once=Once(machine=machine, processor=processor))


@task("qmstop")
def stop(host: Host, log: TaskLog, *, vmid: int, skip_lock: bool = False) -> None:
    """Pull the plug."""
    lifecycle.stop(host, log, vmid, skip_lock=skip_lock)


@task("qmshutdown")
def shutdown(
    host: Host, log: TaskLog, *, vmid: int, timeout_s: int, force_stop: bool = False, skip_lock: bool = False
) -> None:
    """Ask the guest to power off."""
    lifecycle.shutdown(host, log, vmid, timeout_s=timeout_s, force_stop=force_stop, skip_lock=skip_lock)


@task("qmreboot")
def reboot(host: Host, log: TaskLog, *, vmid: int, timeout_s: int) -> None:
    """Shut down and start again."""
    power.reboot(host, log, vmid, timeout_s=timeout_s)


@task("qmpause")
def pause(host: Host, log: TaskLog, *, vmid: int, skip_lock: bool = False) -> None:
    """Hold the machine still."""
    power.suspend(host, log, vmid, skip_lock=skip_lock)


@task("qmsuspend")
def suspend(host: Host, log: TaskLog, *, vmid: int, storage: str = "", skip_lock: bool = False) -> None:
    """Save the machine's memory and end it."""
    power.suspend_to_disk(host, log, vmid, storage=storage, skip_lock=skip_lock)


@task("qmresume")
def resume(host: Host, log: TaskLog, *, vmid: int, skip_lock: bool = False) -> None:
    """Go on."""
    power.resume(host, log, vmid, skip_lock=skip_lock)


@task("qmreset")
def reset(host: Host, log: TaskLog, *, vmid: int, skip_lock: bool = False) -> None:
    """Press the reset button."""
    lifecycle.reset(host, log, vmid, skip_lock=skip_lock)


@task("qmdestroy")
def destroy(
    host: Host, log: TaskLog, *, vmid: int, unreferenced: bool = False, purge: bool = False, skip_lock: bool = False
) -> None:
    """Remove a machine and its disks."""
    making.destroy(host, log, vmid, unreferenced=unreferenced, purge=purge, skip_lock=skip_lock)


@task("qmconfig")
def configure(
    host: Host,
    log: TaskLog,
    *,
    vmid: int,
    values: Mapping[str, str],
    delete: Mapping[str, bool],
    revert: list[str],
    digest: str = "",
    skip_lock: bool = False,
    working: str = "",
) -> None:
    """Change a configuration; disks are allocated and removed on the way."""
    change = Change(values=values, delete=delete, revert=revert)
    making.change(host, log, vmid, change, digest=digest, skip_lock=skip_lock, working=working)


@task("qmsnapshot")
def snapshot(host: Host, log: TaskLog, *, vmid: int, name: str, comment: str = "", memory: bool = False) -> None:
    """Keep a machine's present state."""
    snapshot_operations.take(host, log, vmid, name, comment=comment, memory=memory)


@task("qmdelsnapshot")
def delete_snapshot(host: Host, log: TaskLog, *, vmid: int, name: str, force: bool = False) -> None:
    """Forget a state."""
    snapshot_operations.remove(host, log, vmid, name, force=force)


@task("qmrollback")
def roll_back(host: Host, log: TaskLog, *, vmid: int, name: str, start: bool = False) -> None:
    """Go back to a state."""
    snapshot_operations.go_back(host, log, vmid, name, start=start)


@task("qmclone")
def clone(
    host: Host,
    log: TaskLog,
    *,
    vmid: int,
    newid: int,
    name: str = "",
    description: str | None = None,
    full: bool = True,
    snapshot: str = "",
    storage: str = "",
    format: str = "",
    limit_kib: int = 0,
    pool: str = "",
    target: str = "",
) -> None:
    """Make a copy of a machine."""
    wanted = cloning.Wanted(
        vmid=newid,
        name=name,
        description=description,
        full=full,
        snapshot=snapshot,
        storage=storage,
        format=format,
        limit_kib=limit_kib,
        pool=pool,
        target=target,
    )
    cloning.clone(host, log, vmid, wanted)


@task("qmtemplate")
def template(host: Host, log: TaskLog, *, vmid: int, disk: str = "") -> None:
    """Turn a machine into a template."""
    cloning.make_template(host, log, vmid, only=disk)


@task("qmmove")
def move(
    host: Host,
    log: TaskLog,
    *,
    vmid: int,
    disk: str,
    storage: str,
    format: str = "",
    delete: bool = False,
    digest: str = "",
    limit_kib: int = 0,
) -> None:
    """Move a disk to another storage."""
    disks.move(host, log, vmid, disk, storage, format=format, delete=delete, digest=digest, limit_kib=limit_kib)


@task("qmreassign")
def reassign(
    host: Host,
    log: TaskLog,
    *,
    vmid: int,
    disk: str,
    target_vmid: int,
    target_disk: str,
    digest: str = "",
    target_digest: str = "",
) -> None:
    """Give a disk to another machine."""
    disks.reassign(host, log, vmid, disk, target_vmid, target_disk, digest=digest, target_digest=target_digest)


@task("resize")
def resize(
    host: Host, log: TaskLog, *, vmid: int, disk: str, size: str, digest: str = "", skip_lock: bool = False
) -> None:
    """Grow a disk."""
    disks.resize(host, log, vmid, disk, size, digest=digest, skip_lock=skip_lock)
