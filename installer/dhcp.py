"""Asking the network in the live system: DHCP on every NIC with a cable, then IPv6 routers."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hostd.core.errors import CommandFailed, ParseError
from hostd.core.run import Run
from installer.machine import NetworkFacts, Nic, Route

# Where Debian's AppArmor profile lets dhclient write.
LEASES: Final = "/var/lib/dhcp/dhclient.{}.leases"
PIDS: Final = "/run/dhclient.{}.pid"
CARRIER_WAIT_S: Final = 8.0
DHCP_WAIT_S: Final = 30.0
ROUTER_WAIT_S: Final = 6.0


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A DHCPv4 answer: ``address`` as ``ADDRESS/LENGTH``; what it does not say is empty."""

    address: str
    router: str = ""
    dns_servers: tuple[str, ...] = ()
    domain: str = ""
    hostname: str = ""


def parse_leases(text: str) -> Lease | None:
    """The last lease of a dhclient.leases(5) file; None if it has none. Raises ParseError on one without address."""
    blocks = re.findall(r"^lease \{(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    if not blocks:
        return None
    fixed = re.search(r"^\s*fixed-address\s+([\d.]+);", blocks[-1], re.MULTILINE)
    options = dict(re.findall(r"^\s*option\s+(\S+)\s+(.*?);\s*$", blocks[-1], re.MULTILINE))
    if fixed is None:
        raise ParseError("DHCP lease without an address")
    mask = options.get("subnet-mask", "255.255.255.255")
    try:
        address = ipaddress.ip_interface(f"{fixed.group(1)}/{mask}")
    except ValueError as err:
        raise ParseError(f"DHCP lease: {err}") from err
    return Lease(
        address=str(address),
        router=options.get("routers", "").split(",")[0].strip(),
        dns_servers=tuple(word.strip() for word in options.get("domain-name-servers", "").split(",") if word.strip()),
        domain=options.get("domain-name", "").strip('"').split(" ")[0],
        hostname=options.get("host-name", "").strip('"'),
    )


def parse_default_routes(output: str) -> list[Route]:
    """Parse ``ip -json -6 route show default``: gateway and interface of each. Raises ParseError."""
    try:
        rows = json.loads(output or "[]")
        return [Route(dev=row["dev"], gateway=row["gateway"]) for row in rows if "gateway" in row]
    except (ValueError, KeyError, TypeError) as err:
        raise ParseError(f"ip route: {err}") from err


def parse_addresses(output: str) -> dict[str, tuple[str, ...]]:
    """Parse ``ip -json -6 address show scope global``: interface -> ``ADDRESS/LENGTH``. Raises ParseError."""
    try:
        rows = json.loads(output or "[]")
        return {
            row["ifname"]: tuple(f"{a['local']}/{a['prefixlen']}" for a in row["addr_info"] if "local" in a)
            for row in rows
            if row
        }
    except (ValueError, KeyError, TypeError) as err:
        raise ParseError(f"ip address: {err}") from err


def with_leases(facts: NetworkFacts, leases: Mapping[str, Lease]) -> NetworkFacts:
    """The facts with what DHCP said, NIC name -> lease. The first NIC with a router has the default route."""
    nics = tuple(
        dataclasses.replace(nic, addresses=(leases[nic.name].address, *nic.addresses)) if nic.name in leases else nic
        for nic in facts.nics
    )
    ordered = [(nic, leases[nic.name]) for nic in sorted(facts.nics, key=lambda n: n.index) if nic.name in leases]
    routed = next(((nic, lease) for nic, lease in ordered if lease.router), None) or next(iter(ordered), None)
    if routed is None:
        return facts
    nic, lease = routed
    return dataclasses.replace(
        facts,
        nics=nics,
        gateway4=Route(dev=nic.name, gateway=lease.router) if lease.router else None,
        dns_servers=lease.dns_servers,
        dns_domain=lease.domain,
        dhcp_hostname=lease.hostname,
    )


def ask_network(run: Run, facts: NetworkFacts, say: Callable[[str], None], sys: Path = Path("/sys")) -> NetworkFacts:
    """Bring every NIC up, ask for IPv4 addresses by DHCP where there is a cable; without any, look for IPv6 routers."""
    connected = _with_carrier(run, facts.nics, sys)
    leases: dict[str, Lease] = {}
    for nic in connected:
        lease = _ask_dhcp(run, nic)
        say(f"{nic.name}: DHCP gave {lease.address}" if lease else f"{nic.name}: no answer by DHCP")
        if lease:
            leases[nic.name] = lease
    facts = with_leases(facts, leases)
    return facts if leases else _ask_ipv6(run, facts)


def _with_carrier(run: Run, nics: tuple[Nic, ...], sys: Path) -> list[Nic]:
    for nic in nics:
        run(["ip", "link", "set", "dev", nic.name, "up"], check=False)
    deadline = time.monotonic() + CARRIER_WAIT_S
    waiting, found = list(nics), list[Nic]()
    while waiting and time.monotonic() < deadline:
        for nic in list(waiting):
            if _carrier(sys / "class/net" / nic.name / "carrier"):
                waiting.remove(nic)
                found.append(nic)
        if waiting:
            time.sleep(0.2)
    return sorted(found, key=lambda nic: nic.index)


def _carrier(path: Path) -> bool:
    try:
        return path.read_text().strip() == "1"
    except OSError:  # the interface is down
        return False


def _ask_dhcp(run: Run, nic: Nic) -> Lease | None:
    leases, pid = LEASES.format(nic.name), PIDS.format(nic.name)
    run(["dhclient", "-x", "-pf", pid, nic.name], check=False)  # one that an earlier try left
    Path(leases).unlink(missing_ok=True)
    try:
        run(["dhclient", "-4", "-1", "-lf", leases, "-pf", pid, nic.name], timeout_s=DHCP_WAIT_S)
    except CommandFailed:
        return None
    file = Path(leases)
    return parse_leases(file.read_text()) if file.is_file() else None


def _ask_ipv6(run: Run, facts: NetworkFacts) -> NetworkFacts:
    deadline = time.monotonic() + ROUTER_WAIT_S
    while not (routes := parse_default_routes(run(["ip", "-json", "-6", "route", "show", "default"]).stdout)):
        if time.monotonic() > deadline:
            return facts
        time.sleep(0.5)
    addresses = parse_addresses(run(["ip", "-json", "-6", "address", "show", "scope", "global"]).stdout)
    nics = tuple(dataclasses.replace(nic, addresses=nic.addresses + addresses.get(nic.name, ())) for nic in facts.nics)
    return dataclasses.replace(facts, nics=nics, gateway6=routes[0])
