"""Addresses of a card as its configuration names them, for the writers of network files."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from hostd.guests.lxc.nic import Nic


@dataclass(frozen=True, kw_only=True)
class Addressing:
    """How a card gets its address in one family.

    ``method``: ``static``, ``dhcp``, ``manual`` or ``auto`` (IPv6 alone), empty where nothing is said. ``address``:
    with prefix, for ``static``. ``gateway_outside``: no address of ours is on the gateway's network, so that it needs
    a route of its own first.
    """

    method: str = ""
    address: str = ""
    netmask: str = ""
    prefix: int = 0
    gateway: str = ""
    gateway_outside: bool = False

    @property
    def plain_address(self) -> str:
        return self.address.partition("/")[0]


def ipv4(nic: Nic) -> Addressing:
    return _addressing(nic.values.get("ip", ""), nic.values.get("gw", ""))


def ipv6(nic: Nic) -> Addressing:
    return _addressing(nic.values.get("ip6", ""), nic.values.get("gw6", ""))


def _addressing(value: str, gateway: str) -> Addressing:
    if "/" not in value:
        return Addressing(method=value)
    interface = ipaddress.ip_interface(value)
    router = ipaddress.ip_address(gateway) if gateway else None
    outside = router is not None and router not in interface.network and not router.is_link_local
    return Addressing(
        method="static",
        address=value,
        netmask=str(interface.netmask),
        prefix=interface.network.prefixlen,
        gateway=gateway,
        gateway_outside=outside,
    )
