"""What has to be made for values of a configuration: volumes from ``<storage>:<GiB>``, addresses of cards. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from hostd.core.errors import ParseError
from hostd.core.formats import propstring
from hostd.core.units import GIB, MIB
from hostd.guests import newvalues
from hostd.guests.lxc import mounts, network
from hostd.guests.lxc.mounts import MountPoint
from hostd.guests.macs import Random, addressed
from hostd.guests.options import is_card, is_unused
from hostd.storage.volume import VolumeId

DEFAULT_ROOT_GIB: Final = 4


@dataclass(frozen=True, kw_only=True)
class NewVolume:
    """A volume to allocate, in whole MiB. ``size_bytes`` 0: a folder without limit."""

    point: MountPoint
    storage: str
    size_bytes: int


Plan = newvalues.Plan[NewVolume]


def plan_values(values: Mapping[str, str]) -> Plan:
    """The volumes that values ask for, the root first. Raises Invalid with every key that cannot be."""
    new: list[NewVolume] = []
    existing: dict[str, VolumeId] = {}

    def look(key: str, value: str) -> None:
        if key == "rootfs" or re.fullmatch(r"mp\d+", key):
            _plan_volume(mounts.parse_mount(key, value), new, existing)
        elif is_unused(key):
            existing[key] = VolumeId.parse(propstring.parse(value, default_key="volume").get("volume", ""))
        elif is_card(key):
            network.parse_nic(key, value)

    newvalues.each(values, look)
    new.sort(key=lambda volume: (volume.point.key != "rootfs", len(volume.point.key), volume.point.key))
    return Plan(values=values, new=tuple(new), existing=existing)


def identified(plan: Plan, random: Random, mac_prefix: str) -> Plan:
    """The plan, its values with new addresses for cards without one."""
    return replace(plan, values=addressed(plan.values, network.parse_nic, random, mac_prefix))


def _plan_volume(point: MountPoint, new: list[NewVolume], existing: dict[str, VolumeId]) -> None:
    if point.is_path:
        if point.key == "rootfs":
            raise ParseError("a new root needs a volume: '<storage>:<GiB>'")
        return
    wanted = mounts.new_volume(point.source)
    if wanted is None:
        existing[point.key] = point.volume
        return
    storage, size_gib = wanted
    size = -(-int(size_gib * GIB) // MIB) * MIB
    new.append(NewVolume(point=point, storage=storage, size_bytes=size))


def storages(values: Mapping[str, str]) -> set[str]:
    """Where new volumes would be made: what a caller needs permission for."""
    found = set()
    for key, value in values.items():
        if key == "rootfs" or re.fullmatch(r"mp\d+", key):
            wanted = mounts.new_volume(mounts.parse_mount(key, value).source)
            found |= {wanted[0]} if wanted else set()
    return found


def first_values(values: Mapping[str, str], *, vmid: int, ostype: str = "", arch: str = "") -> dict[str, str]:
    """What a new container gets without being asked; ``ostype`` and ``arch`` as they were found in its files."""
    found = dict(values)
    found.setdefault("hostname", f"CT{vmid}")
    found.setdefault("memory", "512")
    found.setdefault("swap", "512")
    found.setdefault("arch", arch or "amd64")
    if ostype:
        found.setdefault("ostype", ostype)
    return found
