"""Live values of virtual machines: counters of libvirt, turned into rates and into what lists show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hostd.guests.qemu import process
from hostd.guests.qemu.machines import MachineState, MachineStats

_NS: Final = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Processor time of a machine at a moment of the monotonic clock."""

    cpu_ns: int
    at_s: float


def usage(before: Reading | None, now: Reading, cpus: int) -> float:
    """Share of the machine's own processors between two readings, 0 to 1; 0 without an earlier reading."""
    if before is None or now.at_s <= before.at_s or now.cpu_ns < before.cpu_ns:
        return 0.0
    busy_s = (now.cpu_ns - before.cpu_ns) / _NS
    return min(busy_s / (now.at_s - before.at_s) / max(cpus, 1), 1.0)


def values(stats: MachineStats, *, cpu: float, pid: int, uptime_s: int) -> dict[str, object]:
    """One machine's live values, in the names that the API uses; bytes, seconds, shares."""
    return {
        "cpu": cpu,
        "cpus": stats.cpus,
        "mem": stats.guest_memory_used or stats.memory_host,
        "memhost": stats.memory_host,
        "maxmem": stats.memory_max,
        "disk": 0,
        "netin": stats.net_in,
        "netout": stats.net_out,
        "diskread": stats.disk_read,
        "diskwrite": stats.disk_write,
        "uptime": uptime_s,
        "pid": pid,
        "qmpstatus": str(stats.state),
    }


class MachineSampler:
    """Keeps the last readings, by which the next sample tells rates."""

    def __init__(self) -> None:
        self._before: dict[int, Reading] = {}

    def sample(self, stats: list[MachineStats], now_s: float) -> dict[int, dict[str, object]]:
        """Live values by guest id; machines that have ended are no longer among them."""
        readings = {s.vmid: Reading(cpu_ns=s.cpu_ns, at_s=now_s) for s in stats}
        found = {}
        for entry in stats:
            if entry.state is MachineState.STOPPED:
                continue
            pid = process.read_pid(entry.vmid)
            cpu = usage(self._before.get(entry.vmid), readings[entry.vmid], entry.cpus)
            found[entry.vmid] = values(entry, cpu=cpu, pid=pid, uptime_s=process.age_s(pid) if pid else 0)
        self._before = readings
        return found
