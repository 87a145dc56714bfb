"""The edge of ballooning: each round asks libvirt what machines have, and tells it what changes."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import HostError
from hostd.core.formats.keyvalue import parse_guest
from hostd.core.units import MIB
from hostd.guests.config import GuestKind, GuestPath
from hostd.guests.qemu import ballooning
from hostd.guests.qemu import config as keys
from hostd.guests.qemu.ballooning import Balloon, HostMemory
from hostd.guests.qemu.machines import Machines, MachineState, MachineStats
from hostd.node import config as node_config
from hostd.node import status
from hostd.node.host import Host

log = logging.getLogger(__name__)
INTERVAL_S: Final = 10.0
# So many rounds a guest may take to do what it was told; then its balloon counts as it is.
_PATIENCE: Final = 6


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What a machine was told, in bytes, and in how many rounds since it has not got there."""

    size: int
    rounds: int = 0


@functools.lru_cache(maxsize=1024)
def _values(data: bytes) -> Mapping[str, str]:
    return parse_guest(data.decode(errors="replace"), pending=GuestKind.QEMU.pending).current


def balloon_of(stats: MachineStats, values: Mapping[str, str], asked: int) -> Balloon | None:
    """None for machines that are left alone: without balloon or shares, locked, held still, or whose guest says nothing
    of its memory, so that nobody there would do what is asked."""
    shares = keys.shares(values)
    idle = stats.state is not MachineState.RUNNING or stats.guest_memory_usable is None
    if idle or "lock" in values or values.get("balloon") == "0" or not shares:
        return None
    most = min(keys.memory_mib(values) * MIB, stats.memory_max // MIB * MIB)
    return Balloon(
        vmid=stats.vmid,
        size=stats.memory_now,
        asked=asked,
        least=min(keys.balloon_mib(values) * MIB, most),
        most=most,
        usable=stats.guest_memory_usable or 0,
        shares=shares,
    )


class Ballooner:
    """``round`` after ``round``; it keeps what machines were told."""

    def __init__(self, host: Host, machines: Machines, memory: Callable[[], Mapping[str, int]] = status.memory) -> None:
        self._host, self._machines, self._memory = host, machines, memory
        self._asked: dict[int, _Asked] = {}

    def round(self) -> None:
        """Raises HostError or OSError where libvirt or the host cannot be asked."""
        stats = {entry.vmid: entry for entry in self._machines.stats()}
        self._asked = {vmid: told for vmid in stats if (told := self._still_asked(stats[vmid])) is not None}
        balloons = [found for entry in stats.values() if (found := self._balloon(entry)) is not None]
        if not balloons:
            return
        memory = self._memory()
        percent = self._percent()
        host = HostMemory(total=memory["total"], available=memory["available"])
        for vmid, mib in ballooning.plan(host, percent, balloons).items():
            self._tell(
                stats[vmid], mib, f"host has {host.available // MIB} of {host.total // MIB} MiB, mark {percent} %"
            )

    def _still_asked(self, stats: MachineStats) -> _Asked | None:
        found = self._asked.get(stats.vmid)
        if found is None or found.size == stats.memory_now or found.rounds >= _PATIENCE:
            return None
        return _Asked(size=found.size, rounds=found.rounds + 1)

    def _balloon(self, stats: MachineStats) -> Balloon | None:
        place = GuestPath(node=self._host.node, kind=GuestKind.QEMU, vmid=stats.vmid)
        file = self._host.mirror.get(place.path)
        if file is None:
            return None
        asked = self._asked.get(stats.vmid)
        try:
            return balloon_of(stats, _values(file.data), asked.size if asked else stats.memory_now)
        except (HostError, ValueError) as err:
            log.debug("VM %d: its balloon is left alone: %s", stats.vmid, err)
            return None

    def _percent(self) -> int:
        file = self._host.mirror.get(node_config.path(self._host.node))
        return node_config.ballooning_percent(file.data if file else b"")

    def _tell(self, stats: MachineStats, mib: int, why: str) -> None:
        try:
            self._machines.set_balloon(stats.vmid, mib)
        except HostError as err:
            log.debug("VM %d: its balloon stays at %d MiB: %s", stats.vmid, stats.memory_now // MIB, err)
            return
        self._asked[stats.vmid] = _Asked(size=mib * MIB)
        log.debug("VM %d: balloon %d -> %d MiB (%s)", stats.vmid, stats.memory_now // MIB, mib, why)

    def run(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """For ever, for a thread of its own: libvirt may keep a call waiting for long."""
        while True:
            try:
                self.round()
            except (HostError, OSError) as err:  # who samples says it, too
                log.debug("ballooning: %s", err)
            sleep(INTERVAL_S)
