"""Tasks that hand a guest to the manager, or tell it what is wanted of one."""

from __future__ import annotations

import time
from typing import Final

from hostd.core.errors import HostError
from hostd.ha import accounts, files, stored
from hostd.node.host import Host
from hostd.tasks.archive import Archive
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task
from hostd.tasks.upid import Upid

_POLL_S: Final = 1.0


@task("hastart")
def start(host: Host, log: TaskLog, *, sid: str) -> None:
    """Want a service started."""
    files.set_state(host.store, sid, "started", actor="root@pam")
    log.info(f"service '{sid}' is to be started; the HA manager does it within seconds")


@task("hastop")
def stop(host: Host, log: TaskLog, *, sid: str, timeout_s: int) -> None:
    """Ask the manager to stop a service."""
    files.queue(host.store, [f"stop {sid} {timeout_s}"], actor="root@pam")
    log.info(f"asked the HA manager to stop service '{sid}'")


@task("hamigrate")
def migrate(host: Host, log: TaskLog, *, sid: str, target: str) -> None:
    """Ask the manager to move a service."""
    files.queue(host.store, [f"migrate {sid} {target}"], actor="root@pam")
    log.info(f"asked the HA manager to migrate service '{sid}' to node '{target}'")


@task("haadd")
def add(host: Host, log: TaskLog, *, sid: str, after: str, state: str) -> None:
    """Have a guest looked after once the task ``after`` has made it."""
    archive, made = Archive(), Upid.parse(after)
    while (entry := archive.status(made)) is not None and entry.status is None:
        time.sleep(_POLL_S)
    if entry is None or not (entry.status == "OK" or str(entry.status).startswith("WARNINGS")):
        raise HostError(f"'{sid}' was not made, so that nobody looks after it: {entry.status if entry else 'no task'}")
    type, _, name = sid.partition(":")
    file = files.load(host.store, stored.RESOURCES).added(name, type, {"state": state}, "ha resource")
    files.save(host.store, file, actor="root@pam")
    log.info(f"service '{sid}' is looked after, state '{state}'")


@task("haincident")
def tell_incident(host: Host, log: TaskLog, *, incident: str) -> None:
    """Tell the account of an incident, as far as it has gone; warnings where guests are not well again."""
    found = stored.read_incident(host.store, incident)
    told = accounts.account(found)
    for line in told.lines():
        log.info(line)
    if not told.well:
        log.warn("not all is well again: see above")
