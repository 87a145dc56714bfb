"""Addresses of this host, by ip(8): one short program instead of a netlink library that takes seconds to load."""

from __future__ import annotations

import ipaddress
import json

from hostd.core.run import Run


def own_addresses(run: Run) -> list[str]:
    """Global and unique-local addresses of all interfaces, IPv4 first; none of loopback or link-local scope.

    Source: the JSON form of ip-address(8).
    """
    links = json.loads(run(["ip", "-json", "address", "show"]).stdout)
    addresses = [ipaddress.ip_address(info["local"]) for link in links for info in link.get("addr_info", ())]
    usable = {address for address in addresses if not (address.is_loopback or address.is_link_local)}
    return [str(a) for a in sorted(usable, key=lambda a: (a.version, int(a)))]
