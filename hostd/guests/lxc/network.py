"""Network cards of containers: ``net0: name=eth0,bridge=vmbr0,ip=dhcp``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.core.schema import Kind
from hostd.guests.qemu.devices.net import check_mac

COUNT: Final = 32
# A device name has 15 characters (IFNAMSIZ in if.h, without the final NUL).
_NAME_LENGTH: Final = 15
_FLAG = Kind(type="boolean")
IPv4, IPv6 = ipaddress.IPv4Interface, ipaddress.IPv6Interface


def check_ipv4(value: str) -> str:
    """An address without prefix length."""
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        return "value does not look like a valid IPv4 address"
    return ""


def check_ipv6(value: str) -> str:
    """An address without prefix length."""
    try:
        ipaddress.IPv6Address(value)
    except ValueError:
        return "value does not look like a valid IPv6 address"
    return ""


def _check_cidr(value: str, words: tuple[str, ...], version: int, shortest: int) -> str:
    if value in words:
        return ""
    try:
        found = ipaddress.ip_interface(value)
    except ValueError:
        found = None
    if found is None or "/" not in value or found.version != version or found.network.prefixlen < shortest:
        return f"value does not look like a valid IPv{version} network configuration"
    return ""


def check_ipv4_config(value: str) -> str:
    """``dhcp``, ``manual`` or address/prefix."""
    return _check_cidr(value, ("dhcp", "manual"), 4, 8)


def check_ipv6_config(value: str) -> str:
    """``auto``, ``dhcp``, ``manual`` or address/prefix."""
    return _check_cidr(value, ("auto", "dhcp", "manual"), 6, 8)


FORMAT: Final = Format(
    keys={
        "name": Kind(pattern=r"[-_.\w]{1,15}"),
        "type": Kind(enum=("veth",)),
        "bridge": Kind(pattern=r"[-_.\w]{1,15}"),
        "hwaddr": Kind(format="mac-addr", check=check_mac),
        "ip": Kind(format="pve-ipv4-config", check=check_ipv4_config),
        "gw": Kind(format="ipv4", check=check_ipv4),
        "ip6": Kind(format="pve-ipv6-config", check=check_ipv6_config),
        "gw6": Kind(format="ipv6", check=check_ipv6),
        "firewall": _FLAG,
        "host-managed": _FLAG,
        "link_down": _FLAG,
        "mtu": Kind(type="integer", minimum=64, maximum=65535),
        "rate": Kind(type="number", minimum=0),
        "tag": Kind(type="integer", minimum=1, maximum=4094),
        "trunks": Kind(pattern=r"\d+(?:;\d+)*"),
    },
    required=frozenset(("name",)),
)


@dataclass(frozen=True, kw_only=True)
class Nic:
    """One card. ``values``: every part as text, so that what we do not use is written back."""

    key: str
    index: int
    name: str
    values: Mapping[str, str]

    @property
    def mac(self) -> str:
        return self.values.get("hwaddr", "").upper()

    def flag(self, name: str) -> bool:
        return propstring.boolean(self.values.get(name, "0"))

    def with_mac(self, mac: str) -> Nic:
        return Nic(key=self.key, index=self.index, name=self.name, values={**self.values, "hwaddr": mac})

    def text(self) -> str:
        return propstring.format(self.values)


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


_DEVICE = re.compile(r"ve(?:th)?(\d+)i(\d+)\Z")


def device_owner(name: str) -> int | None:
    """The container whose card a host device is, or None."""
    match = _DEVICE.match(name)
    return int(match.group(1)) if match else None
