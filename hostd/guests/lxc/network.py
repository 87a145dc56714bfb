"""Network cards of containers: ``net0: name=eth0,bridge=vmbr0,ip=dhcp``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.core.schema import Kind
from hostd.guests.lxc.nic import Nic

COUNT: Final = 32
# A device name has 15 characters (IFNAMSIZ in if.h, without the final NUL).
_NAME_LENGTH: Final = 15
IPv4, IPv6 = ipaddress.IPv4Interface, ipaddress.IPv6Interface


_DEVICE_NAME = Kind(pattern=rf"[-_.\w]{{1,{_NAME_LENGTH}}}")
FORMAT: Final = Format(name="pve-lxc-network", own={"name": _DEVICE_NAME, "bridge": _DEVICE_NAME})


def parse_nic(key: str, text: str) -> Nic:
    """Raises Invalid or ParseError."""
    values = propstring.validate(text, FORMAT)
    return Nic(key=key, index=int(key.removeprefix("net")), name=values["name"], values=values)


def nics(config: Mapping[str, str]) -> list[Nic]:
    return [parse_nic(key, config[key]) for n in range(COUNT) if (key := f"net{n}") in config]


def device_name(vmid: int, index: int) -> str:
    """The card's end on the host, by which statistics and firewall know it; shortened where it would be too long."""
    name = f"veth{vmid}i{index}"
    return name if len(name) <= _NAME_LENGTH else f"ve{vmid}i{index}"


def intermediate_name(vmid: int, index: int) -> str:
    """The device through which what the card sends is led where it has a limit (``shaping``)."""
    return f"ifb{vmid}i{index}"


_DEVICE = re.compile(r"ve(?:th)?(\d+)i(\d+)\Z")


def device_owner(name: str) -> int | None:
    """The container whose card a host device is, or None."""
    match = _DEVICE.match(name)
    return int(match.group(1)) if match else None
