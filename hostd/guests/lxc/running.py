"""Which containers run, and where their processes and control groups are. Kernel files alone, no program.

A container's start leaves ``/run/hostd/ct/<id>/cgroup``, which systemd removes with the unit.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from hostd.guests.lxc import cgroups
from hostd.guests.lxc.cgroups import Groups, Hierarchies, read_text
from hostd.guests.lxc.facts import hierarchies

FOLDER: Final = "/run/hostd/ct"
# A file per container that has asked for a reboot and is not started anew yet (debian/etc/ct-rebooted).
REBOOTS: Final = "/run/hostd/ct-reboots"
_CGROUP_FILE: Final = "cgroup"
_CPUS_FILE: Final = "cpus"


def unit(vmid: int) -> str:
    """Its unit's name."""
    return f"hostd-ct@{vmid}.service"


def folder(vmid: int, root: str = "") -> str:
    return f"{root or FOLDER}/{vmid}"


def record(vmid: int, *, membership: str, cpus: str, root: str = "") -> None:
    """Remember a start: the unit's own groups (the text of /proc/self/cgroup), and what it is pinned to."""
    place = folder(vmid, root)
    os.makedirs(place, exist_ok=True)
    for name, text in ((_CGROUP_FILE, membership), (_CPUS_FILE, cpus)):
        with open(f"{place}/{name}", "w", encoding="ascii") as file:
            file.write(text)


def record_cpus(vmid: int, cpus: str, root: str = "") -> None:
    """Remember what a running container is pinned to from now on."""
    with open(f"{folder(vmid, root)}/{_CPUS_FILE}", "w", encoding="ascii") as file:
        file.write(cpus)


def take_reboot(vmid: int, root: str = "") -> bool:
    """Whether this start is a reboot that the container asked for; asked once."""
    try:
        os.unlink(f"{root or REBOOTS}/{vmid}")
    except FileNotFoundError:
        return False
    return True


def pins(root: str = "") -> dict[int, str]:
    """The processor lists of containers that run, of those that are pinned."""
    found = {vmid: read_text(f"{folder(vmid, root)}/{_CPUS_FILE}") for vmid in recorded(root)}
    return {vmid: text for vmid, text in found.items() if text}


def pinned(root: str = "") -> list[str]:
    return list(pins(root).values())


def recorded(root: str = "") -> list[int]:
    """Containers whose start was remembered; whether they still run is ``init_pid``'s to say."""
    try:
        return sorted(int(name) for name in os.listdir(root or FOLDER) if name.isdecimal())
    except FileNotFoundError:
        return []


def groups(vmid: int, mounts: Hierarchies | None = None, root: str = "") -> Groups | None:
    """The control groups of a container that was started; None otherwise."""
    text = read_text(f"{folder(vmid, root)}/{_CGROUP_FILE}")
    if not text:
        return None
    return Groups(vmid=vmid, hierarchies=mounts or hierarchies(), base=cgroups.parse_membership(text))


@dataclass(frozen=True, kw_only=True)
class Init:
    """A container's first program: its number here, and when it began in clock ticks since boot, which tells it from
    a later process with the same number."""

    pid: int
    start_ticks: int


def parse_stat(text: str) -> int:
    """The start time in /proc/PID/stat (proc_pid_stat(5), field 22); the name in field 2 may hold anything."""
    return int(text.rpartition(")")[2].split()[19])


def namespace_pids(status: str) -> list[int]:
    """``NSpid`` of /proc/PID/status: the number here, then in each namespace further in."""
    line = next((line for line in status.splitlines() if line.startswith("NSpid:")), "")
    return [int(word) for word in line.split()[1:]]


def find_init(found: Groups) -> Init | None:
    """The process that is number 1 in a namespace directly below ours; None when nothing runs."""
    for pid in cgroups.processes(found):
        numbers = namespace_pids(read_text(f"/proc/{pid}/status"))
        if len(numbers) == 2 and numbers[1] == 1:
            return alive(pid)
    return None


def alive(pid: int) -> Init | None:
    text = read_text(f"/proc/{pid}/stat")
    return Init(pid=pid, start_ticks=parse_stat(text)) if text else None


def init_pid(vmid: int) -> int | None:
    """The number of a running container's first process; None when it does not run."""
    found = groups(vmid)
    init = find_init(found) if found else None
    return init.pid if init else None
