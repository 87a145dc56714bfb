"""Management address and host name that follow from what the network told (default route, DHCP answer)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import ParseError
from installer.addresses import Address, Interface
from installer.hostname import Fqdn, parse_fqdn
from installer.machine import NetworkFacts, Nic, Route

FALLBACK_DOMAIN: Final = "example.invalid"
# Shown where the network told nothing: a private network that one can reach with a cable and a fixed address.
FALLBACK_ADDRESS: Final = ipaddress.ip_interface("192.168.100.2/24")
FALLBACK_GATEWAY: Final = ipaddress.ip_address("192.168.100.1")


@dataclass(frozen=True, kw_only=True)
class NetworkDefaults:
    ifname: str
    fqdn: Fqdn
    address: Interface
    gateway: Address
    dns_server: Address


def network_defaults(
    facts: NetworkFacts, *, host: str, default_domain: str = "", fallback_domain: str = FALLBACK_DOMAIN
) -> NetworkDefaults:
    """The interface with the default route (IPv4 first) and its address; else the first interface and fixed values.

    ``host`` is the name where DHCP gave none. ``default_domain`` goes before the domain of the DHCP answer.
    """
    route, nic, address = _routed(facts)
    first = min(facts.nics, key=lambda n: n.index, default=None)
    chosen = nic or first
    servers = facts.dns_servers
    return NetworkDefaults(
        ifname=chosen.name if chosen else "",
        fqdn=default_fqdn(facts, host=host, default_domain=default_domain, fallback_domain=fallback_domain),
        address=address or FALLBACK_ADDRESS,
        gateway=ipaddress.ip_address(route.gateway) if route and address else FALLBACK_GATEWAY,
        dns_server=ipaddress.ip_address(servers[0]) if servers else FALLBACK_GATEWAY,
    )


def _routed(facts: NetworkFacts) -> tuple[Route | None, Nic | None, Interface | None]:
    """The default route in use, its interface, and the address there of the route's family."""
    candidate: Nic | None = None
    for route, version in ((facts.gateway4, 4), (facts.gateway6, 6)):
        nic = facts.nic(route.dev) if route else None
        if route is None or nic is None:
            continue
        candidate = candidate or nic
        for text in nic.addresses:
            address = ipaddress.ip_interface(text)
            if address.version == version:
                return route, nic, address
    return None, candidate, None


def default_fqdn(
    facts: NetworkFacts, *, host: str, default_domain: str = "", fallback_domain: str = FALLBACK_DOMAIN
) -> Fqdn:
    """Host name and domain from DHCP. A full name there is taken as it is; what is no host name is not used."""
    given = facts.dhcp_hostname or host
    domain = default_domain or facts.dns_domain or fallback_domain
    for text in (given, f"{given}.{domain}"):
        try:
            return parse_fqdn(text)
        except ParseError:
            continue
    return Fqdn(host=host, domain=fallback_domain)
