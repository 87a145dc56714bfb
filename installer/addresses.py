"""Addresses and prefix lengths as people type them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from hostd.core.errors import ParseError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
SHORTEST_PREFIX = 8


@dataclass(frozen=True, kw_only=True)
class AddressInput:
    """A checked address: the text as typed, without blanks around it, and 4 or 6."""

    text: str
    version: int


def parse_address(text: str, version: int | None = None) -> AddressInput:
    """An IPv4 or IPv6 address without zone and prefix; ``version`` asks for one of them. Raises ParseError."""
    plain = text.strip()
    try:
        address = ipaddress.ip_address(plain)
    except ValueError as err:
        raise ParseError(f"'{plain}' is not an IP address") from err
    if "%" in plain:
        raise ParseError(f"'{plain}': an address with a zone (%…) cannot be used here")
    if version is not None and address.version != version:
        raise ParseError(f"'{plain}' is not an IPv{version} address")
    return AddressInput(text=plain, version=address.version)


def parse_prefix(text: str, version: int) -> int:
    """A prefix length: digits, or for IPv4 also a netmask like ``255.255.255.0``.

    Allowed are 8 to 32 (IPv4) or 8 to 128 (IPv6): no host has a shorter one. Raises ParseError.
    """
    plain = text.strip()
    longest = 32 if version == 4 else 128
    if version == 4 and plain.count(".") == 3:
        length = _netmask_length(plain)
    elif plain.isascii() and plain.isdigit():
        length = int(plain)
    else:
        raise ParseError(f"'{plain}' is not a prefix length")
    if not SHORTEST_PREFIX <= length <= longest:
        raise ParseError(f"prefix length {length} is not between {SHORTEST_PREFIX} and {longest}")
    return length


def _netmask_length(text: str) -> int:
    try:
        bits = f"{int(ipaddress.IPv4Address(text)):032b}"
    except ValueError as err:
        raise ParseError(f"'{text}' is not a netmask") from err
    if "01" in bits:
        raise ParseError(f"'{text}' is not a netmask: its bits are not one run")
    return bits.count("1")


def parse_interface(text: str) -> Interface:
    """``ADDRESS/LENGTH``; the length must be given. Raises ParseError."""
    address, slash, length = text.strip().partition("/")
    if not slash:
        raise ParseError(f"'{text}' has no prefix length; write it as '{text}/24'")
    checked = parse_address(address)
    return ipaddress.ip_interface(f"{checked.text}/{parse_prefix(length, checked.version)}")
