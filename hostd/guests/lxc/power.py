"""Holding a container still, going on, and booting anew; ``lifecycle`` starts and stops."""

from __future__ import annotations

from hostd.core.errors import Conflict
from hostd.guests import config as files
from hostd.guests.lxc import lifecycle
from hostd.guests.lxc.engine import Engine, SystemdEngine
from hostd.guests.lxc.interrupted import opened
from hostd.node.host import Host
from hostd.tasks.log import TaskLog


def reboot(
    host: Host, log: TaskLog, vmid: int, *, timeout_s: int = lifecycle.SHUTDOWN_S, engine: Engine | None = None
) -> None:
    """Shut down and start again, so that waiting changes count. One that does not shut down in time goes on."""
    lifecycle.shutdown(host, log, vmid, timeout_s=timeout_s, engine=engine)
    lifecycle.start(host, log, vmid, engine=engine)


def suspend(host: Host, log: TaskLog, vmid: int, *, engine: Engine | None = None) -> None:
    """Hold every process of the container still; their memory stays where it is."""
    engine = engine or SystemdEngine(host)
    with files.lock(vmid):
        _require_running(host, log, vmid, engine)
        engine.freeze(vmid)
    log.info(f"CT {vmid} is held still")


def resume(host: Host, log: TaskLog, vmid: int, *, engine: Engine | None = None) -> None:
    """Go on; harmless where it was not held."""
    engine = engine or SystemdEngine(host)
    with files.lock(vmid):
        _require_running(host, log, vmid, engine)
        engine.thaw(vmid)
    log.info(f"CT {vmid} goes on")


def _require_running(host: Host, log: TaskLog, vmid: int, engine: Engine) -> None:
    opened(host, log, vmid, engine=engine)
    if not engine.running(vmid):
        raise Conflict(f"CT {vmid} not running")
