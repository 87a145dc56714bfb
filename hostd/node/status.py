"""Facts and live values of this host, from /proc and /sys (proc(5)); parsers are pure."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CpuTimes:
    """Ticks since boot, all processors together (first line of /proc/stat)."""

    busy: int
    iowait: int
    total: int


def parse_stat(text: str) -> CpuTimes:
    """``cpu user nice system idle iowait irq softirq steal …``; guest time is part of user already."""
    values = [int(v) for v in text.splitlines()[0].split()[1:9]]
    idle, iowait = values[3], values[4]
    total = sum(values)
    return CpuTimes(busy=total - idle - iowait, iowait=iowait, total=total)


def usage(before: CpuTimes, now: CpuTimes) -> tuple[float, float]:
    """(busy, waiting for disks) between two readings, each a fraction of all processors."""
    total = max(now.total - before.total, 1)
    return (now.busy - before.busy) / total, (now.iowait - before.iowait) / total


def parse_meminfo(text: str) -> dict[str, int]:
    """/proc/meminfo to bytes by name."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        number = rest.split()[0] if rest.split() else "0"
        found[name] = int(number) * (1024 if rest.endswith("kB") else 1)
    return found


def parse_cpuinfo(text: str) -> dict[str, object]:
    """Model and counts as the API tells them; ``hvm`` says whether the processor has hardware virtualization."""
    blocks = [dict(_pairs(block)) for block in text.strip().split("\n\n")]
    first = blocks[0]
    sockets = {b.get("physical id", "0") for b in blocks}
    flags = first.get("flags", "")
    return {
        "model": first.get("model name", ""),
        "vendor": first.get("vendor_id", ""),
        "family": first.get("cpu family", ""),
        "mhz": first.get("cpu MHz", ""),
        "flags": flags,
        "hvm": "1" if re.search(r"\b(vmx|svm)\b", flags) else "",
        "cpus": len(blocks),
        "cores": int(first.get("cpu cores", len(blocks))),
        "sockets": len(sockets),
        "user_hz": os.sysconf("SC_CLK_TCK"),
    }


def _pairs(block: str) -> list[tuple[str, str]]:
    return [(k.strip(), v.strip()) for k, _, v in (line.partition(":") for line in block.splitlines())]


def read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def memory() -> dict[str, int]:
    """total, used, free, available in bytes; what caches hold and can be given back is not used."""
    info = parse_meminfo(read("/proc/meminfo"))
    available = info.get("MemAvailable", info["MemFree"])
    return {
        "total": info["MemTotal"],
        "free": info["MemFree"],
        "available": available,
        "used": info["MemTotal"] - available,
        "swap_total": info["SwapTotal"],
        "swap_free": info["SwapFree"],
    }


def merged_bytes() -> int:
    """Memory that guests share because its contents are equal (KSM, Documentation/admin-guide/mm/ksm.rst)."""
    try:
        return int(read("/sys/kernel/mm/ksm/pages_sharing")) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def root_fs(path: str = "/") -> dict[str, int]:
    """Bytes of the root file system."""
    stat = os.statvfs(path)
    total, free, avail = (n * stat.f_frsize for n in (stat.f_blocks, stat.f_bfree, stat.f_bavail))
    return {"total": total, "free": free, "avail": avail, "used": total - free}


def uptime_s() -> int:
    return int(float(read("/proc/uptime").split()[0]))


def load_average() -> list[str]:
    """Over 1, 5 and 15 minutes, as text."""
    return read("/proc/loadavg").split()[:3]


def boot_info() -> dict[str, object]:
    """Firmware that started this host."""
    if not os.path.isdir("/sys/firmware/efi"):
        return {"mode": "legacy-bios"}
    secure = False
    name = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    if os.path.exists(name):
        with open(name, "rb") as file:
            secure = file.read()[-1:] == b"\x01"
    return {"mode": "efi", "secureboot": secure}


def kernel() -> dict[str, str]:
    system = os.uname()
    return {"sysname": system.sysname, "release": system.release, "version": system.version, "machine": system.machine}


_CARD = re.compile(r"(en|eth|wl|ib|nic)[a-z0-9]*\Z")


def parse_net(text: str) -> tuple[int, int]:
    """Bytes received and sent by the host's own cards (/proc/net/dev, proc_pid_net(5)); VLANs are in them already."""
    received = sent = 0
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        words = rest.split()
        if _CARD.match(name.strip()) and len(words) > 8:
            received, sent = received + int(words[0]), sent + int(words[8])
    return received, sent


def parse_pressure(text: str) -> dict[str, float]:
    """``some`` and ``full`` to the share of the last 10 s (Documentation/accounting/psi.rst), 0 to 1."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        match = re.match(r"avg10=([0-9.]+)", rest)
        if match:
            found[kind] = float(match[1]) / 100
    return found


def pressure(folder: str = "/proc/pressure") -> dict[str, float]:
    """``pressurecpusome``, ``pressureiofull`` and so on; nothing where the kernel does not count it."""
    found: dict[str, float] = {}
    for area in ("cpu", "io", "memory"):
        try:
            shares = parse_pressure(read(f"{folder}/{area}"))
        except OSError:
            continue
        found |= {f"pressure{area}{kind}": share for kind, share in shares.items()}
    return found


def arc_bytes(path: str = "/proc/spl/kstat/zfs/arcstats") -> int:
    """Size of the cache of ZFS; 0 without ZFS."""
    try:
        match = re.search(r"^size\s+\d+\s+(\d+)", read(path), re.MULTILINE)
    except OSError:
        return 0
    return int(match[1]) if match else 0


class NodeSampler:
    """Live values of the node; keeps the last reading of the processors for the next one."""

    def __init__(self) -> None:
        self._before = parse_stat(read("/proc/stat"))

    def sample(self) -> dict[str, object]:
        now = parse_stat(read("/proc/stat"))
        cpu, wait = usage(self._before, now)
        self._before = now
        mem, disk = memory(), root_fs()
        received, sent = parse_net(read("/proc/net/dev"))
        return {
            "cpu": cpu,
            "wait": wait,
            "maxcpu": os.cpu_count() or 1,
            "mem": mem["used"],
            "maxmem": mem["total"],
            "disk": disk["used"],
            "maxdisk": disk["total"],
            "uptime": uptime_s(),
            "loadavg": float(load_average()[0]),
            "memavailable": mem["available"],
            "swaptotal": mem["swap_total"],
            "swapused": mem["swap_total"] - mem["swap_free"],
            "arcsize": arc_bytes(),
            "netin": received,
            "netout": sent,
            **pressure(),
        }
