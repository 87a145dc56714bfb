"""A node without a watchdog device: its agent ends the guests itself when it may no longer run them.

That covers a node that is cut off while its agent works. It does not cover one that hangs, which only a device or a
fence agent does; status tells so. Processes are killed, as everything gentler may wait for something that is cut off.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from hostd.cluster.store import Mirror
from hostd.core.errors import HostError
from hostd.guests.lxc.running import init_pid
from hostd.guests.qemu.domain_xml import domain_name
from hostd.guests.qemu.process import read_pid
from hostd.ha import stored
from hostd.ha.budget import WATCHDOG_S, agent_lock
from hostd.ha.host.locks import Locks
from hostd.ha.states import Requested

log = logging.getLogger(__name__)
_LOOK_S: Final = 1.0
STAMP: Final = Path("/run/hostd/ha-fed")
# What was ended, for the account afterwards; in memory, as a disk that is stuck must not be waited for here.
NOTE: Final = Path("/run/hostd/ha-ended")


class SelfFence:
    """``end_guests`` kills what runs and says what did; called again every second until it is fed.

    ``stamp``: a file, gone with a boot, that says when it was fed last, so that a process which follows one that died
    counts on from there. ``note``: one that says what was ended. ``clock_s``: seconds since boot, ``wall_s``: the date.
    """

    device = ""

    def __init__(
        self,
        end_guests: Callable[[], Sequence[str]],
        clock_s: Callable[[], float],
        stamp: Path = STAMP,
        note: Path = NOTE,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._end_guests, self._clock_s, self._wall_s = end_guests, clock_s, wall_s
        self._stamp, self._note = stamp, note
        self._lock = threading.Lock()
        self._fed_s = self._left_behind()

    def _left_behind(self) -> float | None:
        try:
            return float(self._stamp.read_text())
        except (OSError, ValueError):
            return None

    def open(self) -> None:
        log.info("from now on the guests of this node are killed when it is cut off for %d s", WATCHDOG_S)
        self.feed()

    def feed(self) -> None:
        with self._lock:
            self._fed_s = self._clock_s()
            _write(self._stamp, f"{self._fed_s:.1f}")

    def close(self) -> None:
        with self._lock:
            self._fed_s = None
            self._stamp.unlink(missing_ok=True)

    def leave(self, patience_s: int) -> None:
        """A process can only act while it is there."""
        self.close()

    def take_over(self) -> bool:
        return False

    def look(self) -> None:
        """Act if it is time to; every second."""
        with self._lock:
            fed_s = self._fed_s
            late = fed_s is not None and self._clock_s() - fed_s > WATCHDOG_S
        if late and (killed := self._end_guests()):
            log.error("not fed for %d s: guests of this node were killed, as others may start them soon", WATCHDOG_S)
            _write(self._note, json.dumps({"at": int(self._wall_s()), "guests": sorted(killed)}))

    def follow(self) -> None:
        """Look every second in a thread of its own: the agent's may be waiting for the store."""
        threading.Thread(target=self._follow, name="self-fence", daemon=True).start()

    def _follow(self) -> None:
        tick = threading.Event()
        while not tick.wait(_LOOK_S):
            try:
                self.look()
            except Exception:  # it must look again, whatever went wrong
                log.exception("guests could not be killed")


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def ended(note: Path = NOTE) -> dict[str, object]:
    """What guests were ended last since the node was booted: ``at`` (date), ``guests``; empty where none were."""
    try:
        found = json.loads(note.read_text())
        return {"at": int(found["at"]), "guests": [str(sid) for sid in found["guests"]]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def services_here(mirror: Mirror, node: str) -> list[str]:
    """Guests of this node that others may start once its lock has run out."""
    found = stored.resources(mirror)
    return [sid for sid, each in found.items() if each.node == node and each.requested is not Requested.IGNORED]


def kill(
    sids: Iterable[str], pid_of: Callable[[str], int | None], kill: Callable[[int, int], None] = os.kill
) -> list[str]:
    """End the processes of services at once; those that had one."""
    found = []
    for sid in sids:
        if pid := pid_of(sid):
            found.append(sid)
            log.error("killing '%s', process %d", sid, pid)
            try:
                kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    return found


def pid_of(sid: str) -> int | None:
    """The process that is the guest on this node: QEMU, or a container's first one."""
    type, _, vmid = sid.partition(":")
    try:
        return _qemu(int(vmid)) if type == "vm" else init_pid(int(vmid))
    except HostError:
        return None


def _qemu(vmid: int) -> int | None:
    """By libvirt's note, which may be an old one: the process itself must say that it is this machine."""
    pid = read_pid(vmid)
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return None
    name = f"guest={domain_name(vmid)}".encode()
    return pid if any(word == name or word.startswith(name + b",") for word in words) else None


def end_guests(mirror: Mirror, locks: Locks, *, pid_of: Callable[[str], int | None] = pid_of) -> list[str]:
    """Kill the services of this node, unless it belongs to no cluster, where nobody else could start them.

    Those that ran. Once there are none, a lock that was kept because guests had been left is given back.
    """
    if mirror.members() is None:
        return []
    if killed := kill(services_here(mirror, locks.node), pid_of):
        return killed
    name = agent_lock(locks.node)
    try:
        held = locks.holder(name)
        if held is not None and held.node == locks.node and held.kept:
            locks.release(name)
            log.info("no guest that was left uncovered runs any more: others may have this node's lock")
    except HostError:
        pass  # cut off from the store: the next look tries again
    return []
