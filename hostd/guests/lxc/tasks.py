"""Tasks about containers: the functions behind the task types, with the reference's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hostd.guests.changes import Change
from hostd.guests.lxc import cloning, disks, lifecycle, power, snapshot_operations
from hostd.guests.lxc.create import NewContainer, create
from hostd.guests.lxc.restore import Wanted, restore
from hostd.node.host import Host
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task


@task("vzcreate")
def create_task(
    host: Host,
    log: TaskLog,
    *,
    vmid: int,
    template: str,
    values: Mapping[str, str],
    password: str = "",
    ssh_keys: str = "",
    start: bool = False,
    pool: str = "",
    limit_kib: int = 0,
) -> None:
    """Make a container; ``password`` and ``ssh_keys`` come over the task daemon's socket, which is root's alone."""
    wanted = NewContainer(
        template=template,
        values=values,
        password=password,
        ssh_keys=ssh_keys,
        start=start,
        pool=pool,
        limit_kib=limit_kib,
    )
    create(host, log, vmid, wanted)


@task("vzrestore")
def restore_task(
    host: Host,
    log: TaskLog,
    *,
    vmid: int,
    archive: str,
    user: str,
    storage: str,
    values: Mapping[str, str],
    unique: bool = False,
    force: bool = False,
    ignore_errors: bool = False,
    start: bool = False,
    pool: str = "",
    limit_kib: int = 0,
) -> None:
    """Make a container from its backup; ``user``: who restores, by whose rights the backup's settings are taken."""
    wanted = Wanted(
        archive=archive,
        user=user,
        storage=storage,
        given=values,
        unique=unique,
        force=force,
        ignore_errors=ignore_errors,
        start=start,
        pool=pool,
        limit_kib=limit_kib,
    )
    restore(host, log, vmid, wanted)


@task("vzconfig")
def change_task(
    host: Host,
    log: TaskLog,
    *,
    vmid: int,
    values: Mapping[str, str],
    delete: Mapping[str, bool],
    revert: Sequence[str],
    digest: str = "",
) -> None:
    """A change of a configuration that makes or removes volumes."""
    lifecycle.change(host, log, vmid, Change(values=values, delete=delete, revert=revert), digest=digest)


@task("vzstart")
def start_task(host: Host, log: TaskLog, *, vmid: int, skip_lock: bool = False, debug: bool = False) -> None:
    lifecycle.start(host, log, vmid, skip_lock=skip_lock, debug=debug)


@task("vzstop")
def stop_task(host: Host, log: TaskLog, *, vmid: int, skip_lock: bool = False) -> None:
    lifecycle.stop(host, log, vmid, skip_lock=skip_lock)


@task("vzshutdown")
def shutdown_task(host: Host, log: TaskLog, *, vmid: int, timeout_s: int, force_stop: bool = False) -> None:
    lifecycle.shutdown(host, log, vmid, timeout_s=timeout_s, force_stop=force_stop)


@task("vzdestroy")
def destroy_task(
    host: Host, log: TaskLog, *, vmid: int, unreferenced: bool = False, force: bool = False, purge: bool = False
) -> None:
    """Remove a container."""
    lifecycle.destroy(host, log, vmid, unreferenced=unreferenced, force=force, purge=purge)


@task("vzreboot")
def reboot_task(host: Host, log: TaskLog, *, vmid: int, timeout_s: int) -> None:
    """Shut down and start again."""
    power.reboot(host, log, vmid, timeout_s=timeout_s)


@task("vzsuspend")
def suspend_task(host: Host, log: TaskLog, *, vmid: int) -> None:
    """Hold a container still."""
    power.suspend(host, log, vmid)


@task("vzresume")
def resume_task(host: Host, log: TaskLog, *, vmid: int) -> None:
    """Let it go on."""
    power.resume(host, log, vmid)


@task("vzsnapshot")
def snapshot_task(host: Host, log: TaskLog, *, vmid: int, name: str, comment: str = "") -> None:
    """Keep a container's present state."""
    snapshot_operations.take(host, log, vmid, name, comment=comment)


@task("vzdelsnapshot")
def delete_snapshot_task(host: Host, log: TaskLog, *, vmid: int, name: str, force: bool = False) -> None:
    """Forget a state."""
    snapshot_operations.remove(host, log, vmid, name, force=force)


@task("vzrollback")
def roll_back_task(host: Host, log: TaskLog, *, vmid: int, name: str, start: bool = False) -> None:
    """Go back to a state."""
    snapshot_operations.go_back(host, log, vmid, name, start=start)


@task("vzclone")
def clone_task(
    host: Host,
    log: TaskLog,
    *,
    vmid: int,
    newid: int,
    hostname: str = "",
    description: str | None = None,
    full: bool = True,
    snapshot: str = "",
    storage: str = "",
    limit_kib: int = 0,
    pool: str = "",
    target: str = "",
) -> None:
    """Make a copy of a container."""
    wanted = cloning.Wanted(
        vmid=newid,
        hostname=hostname,
        description=description,
        full=full,
        snapshot=snapshot,
        storage=storage,
        limit_kib=limit_kib,
        pool=pool,
        target=target,
    )
    cloning.clone(host, log, vmid, wanted)


@task("vztemplate")
def template_task(host: Host, log: TaskLog, *, vmid: int) -> None:
    """Turn a container into a template."""
    cloning.make_template(host, log, vmid)


@task("vzresize")
def resize_task(host: Host, log: TaskLog, *, vmid: int, disk: str, size: str, digest: str = "") -> None:
    """Grow a volume."""
    disks.resize(host, log, vmid, disk, size, digest=digest)


@task("move_volume")
def move_task(
    host: Host,
    log: TaskLog,
    *,
    vmid: int,
    disk: str,
    storage: str,
    delete: bool = False,
    digest: str = "",
    limit_kib: int = 0,
) -> None:
    """Move a volume to another storage."""
    disks.move(host, log, vmid, disk, storage, delete=delete, digest=digest, limit_kib=limit_kib)


@task("vzreassign")
def reassign_task(
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
    """Give a volume to another container."""
    disks.reassign(host, log, vmid, disk, target_vmid, target_disk, digest=digest, target_digest=target_digest)
