"""Live values of containers, from kernel files alone: no program and no question to LXC per container."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, Final

from hostd.guests.lxc import cgroups, network, running
from hostd.guests.lxc import runtime_config as runtime
from hostd.guests.lxc.cgroups import Groups, Hierarchies, read_text
from hostd.guests.lxc.facts import hierarchies
from hostd.guests.lxc.running import Init
from hostd.node.host import Host

_TICKS: Final = os.sysconf("SC_CLK_TCK")
# A limit above this is none: version 1 shows the highest page-aligned number, version 2 "max".
_NO_LIMIT: Final = 1 << 60


@dataclass(frozen=True, kw_only=True)
class Counters:
    """One reading of a container's groups. Bytes, and microseconds of processor time since its start.

    ``cpus``: how many processors it may use, 0 where nothing limits it.
    """

    cpu_us: int
    cpus: float
    memory: int
    memory_max: int
    swap: int
    read: int
    written: int


@dataclass
class _Known:
    """What is remembered of a container between two samples. ``devices``: disks it has mounted, as ``8:0``."""

    init: Init
    devices: frozenset[str]
    cpu_us: int
    at_s: float


class ContainerSampler:
    """Samples every container that runs on this node; processor use is what was used since the sample before."""

    def __init__(self, host: Host) -> None:
        self._known: dict[int, _Known] = {}
        self._cpus = os.cpu_count() or 1

    def sample(self, now_s: float) -> dict[int, dict[str, Any]]:
        """By guest id, of running containers only. ``now_s`` is monotonic, in seconds."""
        mounts = hierarchies()
        cards = card_counters()
        uptime_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        found = {}
        for vmid in running.recorded():
            values = self._one(vmid, mounts, now_s, uptime_s)
            if values is None:
                self._known.pop(vmid, None)
            else:
                received, sent = cards.get(vmid, (0, 0))
                found[vmid] = values | {"netin": received, "netout": sent}
        for gone in set(self._known) - set(found):
            del self._known[gone]
        return found

    def _one(self, vmid: int, mounts: Hierarchies, now_s: float, uptime_s: float) -> dict[str, Any] | None:
        groups = running.groups(vmid, mounts)
        known = self._known.get(vmid)
        if groups is None:
            return None
        init = running.alive(known.init.pid) if known else None
        if known is None or init != known.init:
            init = running.find_init(groups)
            if init is None:
                return None
            known = _Known(init=init, devices=disk_devices(init.pid), cpu_us=0, at_s=0.0)
            self._known[vmid] = known
        counters = read_counters(groups, known.devices)
        share = self._share(known, counters, now_s)
        known.cpu_us, known.at_s = counters.cpu_us, now_s
        used, total = space(groups)
        values = {
            "type": "lxc",
            "status": "running",
            "pid": known.init.pid,
            "uptime": max(int(uptime_s - known.init.start_ticks / _TICKS), 0),
            "cpu": share,
            "mem": counters.memory,
            "swap": counters.swap,
            "disk": used,
            "maxdisk": total,
            "diskread": counters.read,
            "diskwrite": counters.written,
        }
        return values | ({"maxmem": counters.memory_max} if counters.memory_max else {})

    def _share(self, known: _Known, counters: Counters, now_s: float) -> float:
        """Part of the processors that it may use, 1 for all of them; 0 at its first sample."""
        passed = now_s - known.at_s
        if not known.at_s or passed <= 0:
            return 0.0
        used = max(counters.cpu_us - known.cpu_us, 0) / 1e6 / passed
        return round(used / (counters.cpus or self._cpus), 6)


def read_counters(groups: Groups, devices: frozenset[str]) -> Counters:
    """The files of either version of control groups (cgroups(7); Documentation/admin-guide/cgroup-v{1,2})."""
    if groups.hierarchies.version == 2:
        stat = cgroups.parse_keys(groups.read("memory", "memory.stat"))
        read, written = cgroups.parse_io_stat(groups.read("io", "io.stat"), devices)
        return Counters(
            cpu_us=cgroups.parse_keys(groups.read("cpu", "cpu.stat")).get("usage_usec", 0),
            cpus=allowed_cpus(groups.read("cpuset", "cpuset.cpus"), groups.read("cpu", "cpu.max")),
            memory=max(_number(groups.read("memory", "memory.current")) - stat.get("inactive_file", 0), 0),
            memory_max=_limit(groups.read("memory", "memory.max")),
            swap=_number(groups.read("memory", "memory.swap.current")),
            read=read,
            written=written,
        )
    stat = cgroups.parse_keys(groups.read("memory", "memory.stat"))
    quota, period = groups.read("cpu", "cpu.cfs_quota_us").strip(), groups.read("cpu", "cpu.cfs_period_us").strip()
    read, written = cgroups.parse_io_service(groups.read("blkio", "blkio.throttle.io_service_bytes_recursive"), devices)
    return Counters(
        cpu_us=_number(groups.read("cpuacct", "cpuacct.usage")) // 1000,
        cpus=allowed_cpus(groups.read("cpuset", "cpuset.cpus"), f"{quota} {period}"),
        memory=max(_number(groups.read("memory", "memory.usage_in_bytes")) - stat.get("total_inactive_file", 0), 0),
        memory_max=_limit(groups.read("memory", "memory.limit_in_bytes")),
        swap=stat.get("total_swap", 0),
        read=read,
        written=written,
    )


def allowed_cpus(cpuset: str, bandwidth: str) -> float:
    """The smaller of the processors it is pinned to and its bandwidth (``<quota> <period>``); 0 for neither."""
    limits = [float(len(cgroups.parse_cpu_list(cpuset)))]
    words = bandwidth.split()
    if len(words) == 2 and words[0].isdigit() and words[1].isdigit() and int(words[1]):
        limits.append(int(words[0]) / int(words[1]))
    return min((limit for limit in limits if limit), default=0.0)


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0


def _limit(text: str) -> int:
    """A limit in bytes; 0 where there is none."""
    limit = _number(text)
    return limit if limit < _NO_LIMIT else 0


def parse_devices(mountinfo: str) -> frozenset[str]:
    """The disks (``major:minor``) in /proc/PID/mountinfo; major 0 is the kernel's own file systems and ZFS."""
    fields = (line.split() for line in mountinfo.splitlines())
    return frozenset(words[2] for words in fields if len(words) > 2 and not words[2].startswith("0:"))


def disk_devices(pid: int) -> frozenset[str]:
    return parse_devices(read_text(f"/proc/{pid}/mountinfo"))


def space(groups: Groups) -> tuple[int, int]:
    """Bytes used and there are, of the volume that is the container's root.

    It is looked at where LXC's process has it: what the container makes its root could be a file system of its own
    programs (FUSE), which need not ever answer.
    """
    pid = cgroups.monitor(groups)
    try:
        stat = os.statvfs(f"/proc/{pid}/root{runtime.rootfs(groups.vmid)}")
    except OSError:
        return 0, 0
    return (stat.f_blocks - stat.f_bfree) * stat.f_frsize, stat.f_blocks * stat.f_frsize


def card_counters(folder: str = "/sys/class/net") -> dict[int, tuple[int, int]]:
    """Bytes that each container received and sent; what the host's end sends is what the container receives."""
    found: dict[int, tuple[int, int]] = {}
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        vmid = network.device_owner(name)
        if vmid is not None:
            received, sent = found.get(vmid, (0, 0))
            place = f"{folder}/{name}/statistics"
            found[vmid] = (
                received + _number(read_text(f"{place}/tx_bytes")),
                sent + _number(read_text(f"{place}/rx_bytes")),
            )
    return found
