"""Taking, removing and going back to snapshots of a container: the operations that tasks carry out."""

from __future__ import annotations

from dataclasses import replace

from hostd.guests import config as files
from hostd.guests import notes, snapshots
from hostd.guests.lxc import config as keys
from hostd.guests.lxc import lifecycle
from hostd.guests.lxc.engine import Engine
from hostd.guests.lxc.interrupted import opened
from hostd.guests.lxc.ownership import where
from hostd.guests.lxc.snapshotting import ContainerSteps
from hostd.node.host import Host
from hostd.tasks.log import TaskLog


def take(host: Host, log: TaskLog, vmid: int, name: str, *, comment: str = "", engine: Engine | None = None) -> None:
    """Keep the container's present state under a name; its processes are held meanwhile."""
    with files.lock(vmid):
        guest = opened(host, log, vmid, engine=engine)
        steps = ContainerSteps(host, log, guest, engine)
        snapshots.create(steps, guest.file, name, comment=comment)
    log.info(f"snapshot '{name}' of CT {vmid} taken")


def remove(
    host: Host, log: TaskLog, vmid: int, name: str, *, force: bool = False, engine: Engine | None = None
) -> None:
    """Forget a state; ``force``: also where a volume does not let go of it."""
    with files.lock(vmid):
        guest = files.load(host.store, where(host, vmid))
        snapshots.delete(ContainerSteps(host, log, guest, engine), guest.file, name, force=force)
    log.info(f"snapshot '{name}' of CT {vmid} removed")


def go_back(
    host: Host, log: TaskLog, vmid: int, name: str, *, start: bool = False, engine: Engine | None = None
) -> None:
    """Back to a state; the container is ended for it, and stays off unless ``start``."""
    with files.lock(vmid):
        guest = files.load(host.store, where(host, vmid))
        steps = ContainerSteps(host, log, guest, engine)
        notes.write(vmid, notes.ROLLBACK, name)
        try:
            snapshots.roll_back(steps, guest.file, name)
        finally:
            if steps.guest.file.current.get("lock") != snapshots.ROLLBACK_LOCK:
                notes.drop(vmid, notes.ROLLBACK)
    log.info(f"CT {vmid} is as snapshot '{name}' has it")
    if start:
        lifecycle.start(host, log, vmid, engine=engine)


def describe(host: Host, vmid: int, name: str, comment: str) -> None:
    """Change a snapshot's notes."""
    with files.lock(vmid):
        guest = files.load(host.store, where(host, vmid))
        section = replace(snapshots.find(guest.file, name), comment=comment)
        changed = replace(guest.file, snapshots={**guest.file.snapshots, name: section})
        files.save(host.store, guest, keys.without_forbidden(changed))
