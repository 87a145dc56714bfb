"""What tools tell about the use of devices: command lines and how their output is read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from hostd.core.errors import ParseError
from hostd.node.disks.inventory import CephPart

LSBLK = ["lsblk", "--noheadings", "--json", "-o", "path,parttype,fstype"]
ZPOOLS = ["zpool", "list", "-HPLv"]
PVS = ["pvs", "--noheadings", "--readonly", "-o", "pv_name"]
CEPH_VOLUMES = [
    "lvs", "-S", "lv_name=~^osd-", "-o", "devices,lv_name,lv_tags", "--noheadings", "--readonly", "--separator", ";",
]  # fmt: skip
_VOLUME = re.compile(r"\s*([^;]+)\(\d+\);osd-([^-;]+)-[^;]*;(.*)")


def parse_lsblk(out: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Types of partitions (lower case) and contents, by path; ParseError on another shape. Source: lsblk(8)."""
    try:
        rows = json.loads(out)["blockdevices"] if out.strip() else []
        types = {row["path"]: row["parttype"].lower() for row in rows if row.get("parttype")}
        return types, {row["path"]: row["fstype"] for row in rows if row.get("fstype")}
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise ParseError(f"lsblk: unexpected output: {err}") from err


def parse_zpools(out: str) -> frozenset[str]:
    """Devices of all pools: lines that are indented and begin with a path. Source: zpool-list(8)."""
    fields = (line.strip().split("\t")[0] for line in out.splitlines() if line.startswith(("\t", " ")))
    return frozenset(field for field in fields if field.startswith("/"))


def parse_pvs(out: str) -> frozenset[str]:
    return frozenset(line.strip() for line in out.splitlines() if line.strip().startswith("/"))


def parse_ceph_volumes(out: str) -> Mapping[str, tuple[CephPart, ...]]:
    """Volumes of OSDs by the device that holds them, from ``CEPH_VOLUMES``: ``device(extent);osd-KIND-id;tags``."""
    found: dict[str, list[CephPart]] = {}
    for line in out.splitlines():
        if match := _VOLUME.match(line):
            tags = dict(tag.partition("=")[::2] for tag in match[3].strip().split(","))
            part = CephPart(kind=match[2], osd=tags.get("ceph.osd_id", ""), encrypted=tags.get("ceph.encrypted") == "1")
            found.setdefault(match[1], []).append(part)
    return {path: tuple(parts) for path, parts in found.items()}
