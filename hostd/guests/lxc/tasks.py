"""Tasks about containers: the functions behind the task types, with the reference's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hostd.guests.changes import Change
from hostd.guests.lxc import lifecycle
from hostd.guests.lxc.create import NewContainer, create
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
) -> None:
    """Make a container; ``password`` and ``ssh_keys`` come over the task daemon's socket, which is root's alone."""
    wanted = NewContainer(template=template, values=values, password=password, ssh_keys=ssh_keys, start=start)
    create(host, log, vmid, wanted)


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
def start_task(host: Host, log: TaskLog, *, vmid: int, skip_lock: bool = False) -> None:
    lifecycle.start(host, log, vmid, skip_lock=skip_lock)


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
    """Remove a container. Nothing else on this host refers to guests yet that ``purge`` would clean."""
    lifecycle.destroy(host, log, vmid, unreferenced=unreferenced, force=force)
