"""What both daemons of high availability start with."""

from __future__ import annotations

import functools
import signal
import threading

from hostd.core.notify import notify
from hostd.core.run import Run
from hostd.daemons.wiring import make_host
from hostd.ha.host import soundness, wdmd
from hostd.ha.host.locks import Locks
from hostd.ha.host.side import Surroundings
from hostd.ha.host.watchdogs import NoWatchdog, Watchdog
from hostd.tasks.archive import process_start

READY_S = 300.0


def boot_id() -> str:
    """Of this boot: the kernel's, and when its first process began, as containers share a kernel (proc(5))."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return f"{file.read().strip()}.{process_start(1)}"


def stop_on_signals() -> threading.Event:
    """Set when the process is to end."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def make_watchdog(name: str, run: Run) -> Watchdog:
    """The device where wdmd is installed and finds one; it is started when it is needed."""
    library = wdmd.load()
    path = wdmd.find(run) if library else ""
    if library is None or not path:
        return NoWatchdog()
    disk = functools.cache(soundness.disk)  # from the first feed on: without services the disk is left alone
    return wdmd.Wdmd(name, library, path, lambda: wdmd.start(run), lambda: soundness.is_sound(disk()))


def make_surroundings(name: str) -> Surroundings:
    """Of a process that follows the store; waits for its first copy of the tree. ``name``: what wdmd knows it by."""
    host = make_host(values=True)
    host.mirror.start()
    host.mirror.wait_ready(READY_S)
    locks = Locks(host.store, host.mirror, host.node, boot_id())
    notify("READY=1")
    return Surroundings(host=host, locks=locks, watchdog=make_watchdog(name, host.run))
