"""The tasks of virtual machines: plain arguments as JSON carries them, the work in ``lifecycle``."""

from __future__ import annotations

from collections.abc import Mapping

from hostd.guests.changes import Change
from hostd.guests.qemu import lifecycle
from hostd.node.host import Host
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task


@task("qmcreate")
def create(host: Host, log: TaskLog, *, vmid: int, values: Mapping[str, str], start: bool = False) -> None:
    """Make a machine and perhaps start it."""
    lifecycle.create(host, log, vmid, values, start_after=start)


@task("qmstart")
def start(host: Host, log: TaskLog, *, vmid: int, skip_lock: bool = False) -> None:
    """Start a machine."""
    lifecycle.start(host, log, vmid, skip_lock=skip_lock)


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


@task("qmreset")
def reset(host: Host, log: TaskLog, *, vmid: int, skip_lock: bool = False) -> None:
    """Press the reset button."""
    lifecycle.reset(host, log, vmid, skip_lock=skip_lock)


@task("qmdestroy")
def destroy(host: Host, log: TaskLog, *, vmid: int, unreferenced: bool = False, skip_lock: bool = False) -> None:
    """Remove a machine and its disks."""
    lifecycle.destroy(host, log, vmid, unreferenced=unreferenced, skip_lock=skip_lock)


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
) -> None:
    """Change a configuration; disks are allocated and removed on the way."""
    change = Change(values=values, delete=delete, revert=revert)
    lifecycle.change(host, log, vmid, change, digest=digest, skip_lock=skip_lock)
