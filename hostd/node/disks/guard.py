"""What keeps a disk from being overwritten."""

from __future__ import annotations

import json
from typing import Final

from hostd.core.errors import Conflict, ParseError
from hostd.core.run import Run
from hostd.node.disks.gather import Wanted, find, list_disks
from hostd.node.disks.inventory import Disk, is_disk

_TABLES: Final = ("gpt", "PMBR", "dos")


def unused(run: Run, path: str, wanted: Wanted = is_disk) -> Disk:
    """The disk or partition at a path; Conflict saying what it is used for."""
    disk = find(run, path, wanted)
    known = list_disks(run, smart=False, partitions=True, wanted=wanted)
    if reason := why_used(disk, known) or ", ".join(contents(run, disk.devpath)):
        raise Conflict(f"'{disk.devpath}' is in use ({reason}); wipe it first if nobody needs what is on it")
    return disk


def contents(run: Run, device: str) -> list[str]:
    """What is written on a device itself, looked at now: udev may not have seen it yet. Tables alone are nothing."""
    found = parse_signatures(run(["wipefs", "--no-act", "--json", "--", device]).stdout)
    return [kind for kind in found if kind not in _TABLES]


def parse_signatures(out: str) -> list[str]:
    """Kinds of contents from ``wipefs --json``, in order; no output for none. Source: wipefs(8)."""
    try:
        return [row["type"] for row in json.loads(out)["signatures"]] if out.strip() else []
    except (ValueError, KeyError, TypeError) as err:
        raise ParseError(f"wipefs: unexpected output: {err}") from err


def why_used(disk: Disk, all: list[Disk]) -> str:
    """Empty for a free one. A disk with partitions is not free, whatever they hold."""
    if disk.mounted:
        return "mounted"
    if disk.used:
        return disk.used
    return "partitions" if any(part.parent == disk.devpath for part in all) else ""


def not_active(run: Run, path: str, wanted: Wanted = is_disk) -> Disk:
    """The disk at a path, for wiping: contents go, but nothing that the host works with; Conflict then.

    Mounted file systems, members of pools and volume groups, and what another device is built on are being used; a
    file system that lies there unmounted, or a partition table, are not.
    """
    disk = find(run, path, wanted)
    parts = [d for d in list_disks(run, smart=False, partitions=True, wanted=wanted) if d.parent == disk.devpath]
    for each in (disk, *parts):
        if each.mounted or each.used in ("LVM", "ZFS", "Device Mapper", "mounted") or each.osds:
            raise Conflict(f"'{each.devpath}' is in use ({each.used or 'mounted'}); remove what uses it first")
    return disk
