"""Where the counters and limits of a container are: version 2 (the product) and version 1 (some build machines).

Every container runs below its unit's own control group (``lxc.cgroup.relative``), in ``ct-<id>``; LXC's process that
watches it is beside it. The names differ for each container because with version 1 systemd makes no group for a unit
in some hierarchies, so that all units share their parent there.
Source: cgroups(7), proc_pid_cgroup(5), proc_pid_mountinfo(5).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

_UNIFIED: Final = ""


def container_name(vmid: int) -> str:
    return f"ct-{vmid}"


def monitor_name(vmid: int) -> str:
    return f"ct-{vmid}-monitor"


def pivot_name(vmid: int) -> str:
    """LXC's process goes there at the end, to be able to remove the group that it was in."""
    return f"ct-{vmid}-pivot"


@dataclass(frozen=True, kw_only=True)
class Hierarchies:
    """``version`` 2 where one hierarchy has the controllers. ``mounts``: controller (or ``name=systemd``) → place.

    The empty key is the unified hierarchy, which also a machine with version 1 may have, without controllers.
    """

    version: int
    mounts: Mapping[str, str] = field(default_factory=dict)


def parse_mountinfo(text: str) -> Hierarchies:
    """The control group mounts in /proc/self/mountinfo; the last of several mounts of a controller counts."""
    mounts: dict[str, str] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or fields[3] != "/":
            continue
        if kind[0] == "cgroup2":
            mounts[_UNIFIED] = fields[4]
        elif kind[0] == "cgroup":
            for word in kind[2].split(","):
                mounts[word] = fields[4]
    return Hierarchies(version=1 if "memory" in mounts else 2, mounts=mounts)


def parse_membership(text: str) -> dict[str, str]:
    """/proc/PID/cgroup: controller (or ``name=…``, or empty for the unified hierarchy) → path in its hierarchy."""
    found = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            found[name] = path
    return found


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The groups of one container. ``base``: its unit's own, as ``parse_membership`` tells them."""

    vmid: int
    hierarchies: Hierarchies
    base: Mapping[str, str]

    def folder(self, controller: str, name: str = "") -> str | None:
        """The folder with a controller's files; None where this machine has no such controller. ``name``: of another
        group of this container's unit."""
        key = controller if self.hierarchies.version == 1 else _UNIFIED
        mount, path = self.hierarchies.mounts.get(key), self.base.get(key)
        if mount is None or path is None:
            return None
        return f"{mount}{path.rstrip('/')}/{name or container_name(self.vmid)}"

    def process_folder(self, name: str = "") -> str | None:
        """A folder whose ``cgroup.procs`` (and those below it) list the container's processes, or another group's."""
        if self.hierarchies.version == 2:
            return self.folder("", name)
        return next((found for one in ("pids", "memory", "freezer") if (found := self.folder(one, name))), None)

    def read(self, controller: str, name: str) -> str:
        """A file's text; empty where there is none."""
        folder = self.folder(controller)
        return read_text(f"{folder}/{name}") if folder else ""


def remove_stale(vmid: int, hierarchies: Hierarchies, base: Mapping[str, str]) -> None:
    """Remove empty groups of ours that a start before left behind when it was killed; LXC makes only new ones."""
    for controller, mount in hierarchies.mounts.items():
        for name in (container_name(vmid), monitor_name(vmid), pivot_name(vmid)):
            top = f"{mount}{base[controller].rstrip('/')}/{name}" if controller in base else ""
            for folder, _, _ in os.walk(top, topdown=False) if top else ():
                with contextlib.suppress(OSError):  # in use: LXC will say so
                    os.rmdir(folder)


def read_text(path: str) -> str:
    """A kernel file's text; empty where there is none (any more)."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def processes(groups: Groups) -> Iterator[int]:
    """The container's processes, those in groups that it made itself last."""
    top = groups.process_folder()
    if top is None:
        return
    for folder, _, _ in os.walk(top):
        for line in read_text(f"{folder}/cgroup.procs").split():
            yield int(line)


def monitor(groups: Groups) -> int | None:
    """LXC's own process of the container, in whose mount namespace its volumes are; None when there is none."""
    top = groups.process_folder(monitor_name(groups.vmid))
    pids = read_text(f"{top}/cgroup.procs").split() if top else []
    return int(pids[0]) if pids else None


def parse_keys(text: str) -> dict[str, int]:
    """``key value`` lines, as in memory.stat and cpu.stat."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def parse_io_stat(text: str, devices: frozenset[str]) -> tuple[int, int]:
    """Bytes read and written from io.stat (version 2), of these devices (``8:0``) only: layers count twice else."""
    total = [0, 0]
    for line in text.splitlines():
        words = line.split()
        if words and words[0] in devices:
            values = dict(word.split("=", 1) for word in words[1:] if "=" in word)
            total[0] += int(values.get("rbytes", "0"))
            total[1] += int(values.get("wbytes", "0"))
    return total[0], total[1]


def parse_io_service(text: str, devices: frozenset[str]) -> tuple[int, int]:
    """The same from blkio.throttle.io_service_bytes_recursive (version 1)."""
    total = {"Read": 0, "Write": 0}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] in devices and words[1] in total:
            total[words[1]] += int(words[2])
    return total["Read"], total["Write"]


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """``0-3,8`` → 0, 1, 2, 3, 8 (cpuset(7), "List format")."""
    found: list[int] = []
    for part in text.strip().split(","):
        if part:
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
    return tuple(found)


def format_cpu_list(cpus: tuple[int, ...]) -> str:
    return ",".join(str(cpu) for cpu in cpus)
