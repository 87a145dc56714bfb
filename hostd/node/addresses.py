"""Addresses of this host, by rtnetlink (pyroute2)."""

from __future__ import annotations

import ipaddress

from pyroute2 import IPRoute


def own_addresses() -> list[str]:
    """Global and unique-local addresses of all interfaces, IPv4 first; none of loopback or link-local scope."""
    found = []
    with IPRoute() as netlink:
        for message in netlink.get_addr():
            attributes = dict(message["attrs"])
            address = ipaddress.ip_address(str(attributes.get("IFA_LOCAL") or attributes["IFA_ADDRESS"]))
            if not (address.is_loopback or address.is_link_local):
                found.append(address)
    return [str(a) for a in sorted(found, key=lambda a: (a.version, int(a)))]
