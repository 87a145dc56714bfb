"""What has to be made for values of a configuration: volumes from ``<storage>:<GiB>``, addresses of cards. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hostd.cluster import datacenter
from hostd.core.errors import HostError, Invalid, ParseError
from hostd.core.formats import propstring
from hostd.core.units import GIB, MIB
from hostd.guests.lxc import mounts, network
from hostd.guests.lxc.mounts import MountPoint
from hostd.guests.macs import new_mac
from hostd.guests.options import is_unused
from hostd.storage.volume import VolumeId

DEFAULT_ROOT_GIB: Final = 4


@dataclass(frozen=True, kw_only=True)
class NewVolume:
    """A volume to allocate, in whole MiB. ``size_bytes`` 0: a folder without limit."""

    point: MountPoint
    storage: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """``values``: what will stand in the file, new volumes still as they were asked for. ``existing``: key → volume."""

    values: Mapping[str, str]
    new: tuple[NewVolume, ...]
    existing: Mapping[str, VolumeId]


def plan_values(
    values: Mapping[str, str], random: Callable[[int], bytes], mac_prefix: str = datacenter.MAC_PREFIX
) -> Plan:
    """Volumes that the values ask for, and the values with hardware addresses filled in.

    Raises Invalid with every key that cannot be.
    """
    errors: dict[str, str] = {}
    planned = dict(values)
    new: list[NewVolume] = []
    existing: dict[str, VolumeId] = {}
    for key, value in values.items():
        try:
            if key == "rootfs" or re.fullmatch(r"mp\d+", key):
                _plan_volume(mounts.parse_mount(key, value), new, existing)
            elif is_unused(key):
                existing[key] = VolumeId.parse(propstring.parse(value, default_key="volume").get("volume", ""))
            elif re.fullmatch(r"net\d+", key):
                planned[key] = with_mac(key, value, random, mac_prefix)
        except HostError as err:
            errors[key] = next(iter(err.errors.values())) if isinstance(err, Invalid) else str(err)
    if errors:
        raise Invalid(errors)
    new.sort(key=lambda volume: (volume.point.key != "rootfs", len(volume.point.key), volume.point.key))
    return Plan(values=planned, new=tuple(new), existing=existing)


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


def with_mac(key: str, value: str, random: Callable[[int], bytes], prefix: str) -> str:
    """A card's value with an address, a new one where it has none."""
    nic = network.parse_nic(key, value)
    return value if nic.mac else nic.with_mac(new_mac(random, prefix)).text()


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
