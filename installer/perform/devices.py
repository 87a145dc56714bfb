"""Block devices as the kernel shows them: what lies on which disk, what is mounted, who uses it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Mount:
    """One line of mountinfo: where, from what (as given to mount), and the device's ``major:minor``."""

    point: str
    source: str
    device: str


def parse_mountinfo(text: str) -> list[Mount]:
    """Parse ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)); octal escapes in paths are undone."""
    found = []
    for line in text.splitlines():
        fields, _, tail = line.partition(" - ")
        first, last = fields.split(" "), tail.split(" ")
        if len(first) >= 6 and len(last) >= 2:
            found.append(Mount(point=_unescape(first[4]), source=_unescape(last[1]), device=first[2]))
    return found


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)


def block_name(device: str, sys: Path) -> str:
    """Kernel name of a block device given by path or ``major:minor``; empty if there is none such."""
    if re.fullmatch(r"\d+:\d+", device):
        link = sys / "dev/block" / device
        return link.resolve().name if link.exists() else ""
    name = Path(device).resolve().name
    return name if device.startswith("/dev/") and (sys / "class/block" / name).exists() else ""


def disks_below(name: str, sys: Path) -> set[str]:
    """Names of the whole disks a block device lies on: through partitions, the device mapper and arrays."""
    node = sys / "class/block" / name
    slaves = node / "slaves"
    if slaves.is_dir() and (below := [entry.name for entry in slaves.iterdir()]):
        return set().union(*(disks_below(slave, sys) for slave in below))
    if (node / "partition").exists():
        return {node.resolve().parent.name}
    return {name} if node.exists() else set()


def on_disks(device: str, disks: Iterable[str], sys: Path) -> bool:
    """Whether a device (path or ``major:minor``) lies on one of ``disks`` (paths)."""
    name = block_name(device, sys)
    return bool(name) and bool(disks_below(name, sys) & {Path(disk).name for disk in disks})


def partitions(disk: str, sys: Path) -> list[str]:
    """Paths of the partitions the kernel knows on a disk, in order."""
    folder = sys / "class/block" / Path(disk).name
    found = [entry for entry in folder.glob("*") if (entry / "partition").is_file()]
    found.sort(key=lambda entry: int((entry / "partition").read_text()))
    return [f"/dev/{entry.name}" for entry in found]


def users_of(folder: Path, disks: Iterable[str], *, proc: Path, sys: Path) -> list[int]:
    """Processes with an open file, working folder or root below ``folder``, or with one of the disks open.

    Left out are this process and those that started it, and udev, which looks at devices by itself and lets go.
    """
    spared, wanted, found = ancestors(proc), list(disks), []
    for entry in proc.iterdir():
        if not entry.name.isdigit() or int(entry.name) in spared:
            continue
        with contextlib.suppress(OSError):  # it has ended meanwhile
            links = [entry / "cwd", entry / "root", entry / "exe", *(entry / "fd").iterdir()]
            if (entry / "comm").read_text().strip() in ("systemd-udevd", "(udev-worker)"):
                continue
            if any(_concerns(link, folder, wanted, sys) for link in links):
                found.append(int(entry.name))
    return sorted(found)


def _concerns(link: Path, folder: Path, disks: list[str], sys: Path) -> bool:
    try:
        place = os.readlink(link)
    except OSError:
        return False
    return place == str(folder) or place.startswith(f"{folder}/") or on_disks(place, disks, sys)


def ancestors(proc: Path) -> set[int]:
    """This process, its parent, that one's parent, and so on."""
    found, pid = set(), os.getpid()
    while pid > 0 and pid not in found:
        found.add(pid)
        try:
            status = (proc / str(pid) / "stat").read_text()
        except OSError:
            break
        pid = int(status.rpartition(")")[2].split()[1])
    return found
