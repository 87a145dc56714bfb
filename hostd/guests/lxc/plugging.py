"""Changes of a running container: what counts at once (limits, cards, what does not touch it), the rest waits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from hostd.core.errors import HostError
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.undo import Undo
from hostd.guests.changes import Change, Outcome, Owned, change_later
from hostd.guests.config import StoredGuest
from hostd.guests.lxc import config as keys
from hostd.guests.lxc import live, netplug, network, shaping
from hostd.guests.lxc.engine import Engine
from hostd.guests.options import is_card
from hostd.node.host import Host
from hostd.tasks.log import TaskLog


def is_live(key: str) -> bool:
    """Whether a change of the key does not touch the container, so that it counts at once."""
    option = keys.OPTIONS.get(key)
    return key.startswith("unused") or (option is not None and option.live)


def changed(
    host: Host, log: TaskLog, guest: StoredGuest, wanted: Change, owned: Owned, engine: Engine, undo: Undo
) -> Outcome:
    """The new file of a running container, after what could be changed was changed; the way back is in ``undo``.

    What the running container refuses becomes a pending change, with a warning.
    """
    touched = {*wanted.values, *wanted.delete}
    at_once = {key for key in touched if is_live(key)}
    limits = touched & live.KEYS
    after = change_later(guest.file, wanted, (at_once | limits).__contains__, owned).file
    if limits and _set_limits(log, guest, after, engine, undo):
        at_once |= limits
    for key in sorted(key for key in touched if is_card(key)):
        if _plug(host, log, guest, wanted, key, engine, undo):
            at_once.add(key)
    return change_later(guest.file, wanted, at_once.__contains__, owned)


def _set_limits(log: TaskLog, guest: StoredGuest, after: GuestFile, engine: Engine, undo: Undo) -> bool:
    before = keys.parse_container(guest.where.vmid, guest.file)
    try:
        engine.set_limits(keys.parse_container(guest.where.vmid, after))
    except HostError as err:
        log.warn(f"the new limits count from the next start on: {err}")
        with contextlib.suppress(HostError):  # those that had been set before the refused one
            engine.set_limits(before)
        return False
    undo.add(engine.set_limits, before)
    return True


def _plug(host: Host, log: TaskLog, guest: StoredGuest, wanted: Change, key: str, engine: Engine, undo: Undo) -> bool:
    vmid = guest.where.vmid
    pid = engine.init_pid(vmid)
    old, new = guest.file.current.get(key), wanted.values.get(key)
    before = network.parse_nic(key, old) if old else None
    after = network.parse_nic(key, new) if new else None
    new_device = netplug.is_other(before, after)
    back = netplug.plan(vmid, pid, after, before) + shaping.plan(vmid, after, before, new_device=new_device)
    try:
        for argv in netplug.plan(vmid, pid, before, after):
            host.run(argv)
    except HostError as err:
        log.warn(f"{key} counts from the next start on: {err}")
        _put_back(host, back)
        return False
    undo.add(_put_back, host, back)
    try:
        for argv in shaping.plan(vmid, before, after, new_device=new_device):
            host.run(argv)
    except HostError as err:  # the card counts all the same
        log.warn(f"{key}: its limit (rate) is not in force: {err}")
    return True


def _put_back(host: Host, argvs: Iterable[list[str]]) -> None:
    """As far as it goes: some of it may never have been done."""
    for argv in argvs:
        host.run(argv, check=False)
