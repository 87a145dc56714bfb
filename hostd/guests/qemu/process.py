"""A running machine's process, from what libvirt leaves in /run and what the kernel tells; no call to libvirt."""

from __future__ import annotations

import contextlib
import os
from typing import Final

from hostd.guests.qemu.domain_xml import domain_name

FOLDER = "/run/libvirt/qemu"
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def read_pid(vmid: int) -> int:
    """QEMU's process as libvirt noted it; 0 when the machine does not run."""
    with contextlib.suppress(OSError, ValueError), open(f"{FOLDER}/{domain_name(vmid)}.pid", encoding="ascii") as file:
        return int(file.read())
    return 0


def is_running(vmid: int) -> bool:
    """Whether the machine's process is there."""
    pid = read_pid(vmid)
    return pid > 0 and os.path.exists(f"/proc/{pid}")


def age_s(pid: int) -> int:
    """Whole seconds since a process started (proc_pid_stat(5), field 22); 0 when it is gone."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            start_ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/uptime", encoding="ascii") as file:
            return max(int(float(file.read().split()[0]) - start_ticks / _TICKS_PER_S), 0)
    return 0
