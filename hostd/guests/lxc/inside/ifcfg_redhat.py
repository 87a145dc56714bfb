"""Network scripts of Red Hat's family, ``/etc/sysconfig/network-scripts`` (sysconfig.txt of initscripts).

NetworkManager reads them too, up to its version 1.52 (RHEL 9).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from hostd.guests.lxc.inside import addresses, identity, sections
from hostd.guests.lxc.inside.addresses import Addressing
from hostd.guests.lxc.inside.job import Job
from hostd.guests.lxc.inside.tree import Tree
from hostd.guests.lxc.nic import Nic

FOLDER: Final = "etc/sysconfig/network-scripts"
NETWORK: Final = "etc/sysconfig/network"
_UUID = re.compile(r"^UUID=\"?([0-9a-fA-F-]{36})\"?[ \t]*$", re.MULTILINE)


def write(tree: Tree, job: Job, nics: list[Nic], new_uuid: Callable[[], str]) -> None:
    tree.write(NETWORK, switched_on(tree.read(NETWORK) or ""))
    for nic in nics:
        path = f"{FOLDER}/ifcfg-{nic.name}"
        known = _UUID.search(tree.read(path) or "")
        tree.write(path, text(nic, job, known.group(1) if known else new_uuid()))
        for name, given in (("route", addresses.ipv4(nic)), ("route6", addresses.ipv6(nic))):
            sections.keep_file(tree, f"{FOLDER}/{name}-{nic.name}", routes(nic.name, given))


def switched_on(text: str) -> str:
    """The file of settings for all cards, with networking on."""
    for key in ("NETWORKING", "NETWORKING_IPV6"):
        text = set_variable(text, key, "yes")
    return text


def set_variable(text: str, key: str, value: str) -> str:
    """A file of shell variables with one of them set: where it stands, else at the end."""
    line = f"{key}={value}"
    pattern = re.compile(rf"^[ \t]*{re.escape(key)}=.*$", re.MULTILINE)
    if pattern.search(text):
        return pattern.sub(lambda _: line, text, count=1)
    return text + ("\n" if text and not text.endswith("\n") else "") + f"{line}\n"


def text(nic: Nic, job: Job, uuid: str) -> str:
    """The file of one card, all of it ours."""
    lines = [f"DEVICE={nic.name}", "ONBOOT=yes", f"UUID={uuid}"]
    lines += _lines4(addresses.ipv4(nic)) + _lines6(addresses.ipv6(nic))
    lines += [f"DNS{number}={server}" for number, server in enumerate(identity.nameservers(job), 1)]
    if domains := identity.search_domains(job):
        lines.append(f"DOMAIN={domains[0]}" if len(domains) == 1 else f'DOMAIN="{" ".join(domains)}"')
    return "".join(f"{line}\n" for line in lines)


def _lines4(given: Addressing) -> list[str]:
    lines = [f"BOOTPROTO={'dhcp' if given.method == 'dhcp' else 'none'}"]
    if given.method == "static":
        lines += [f"IPADDR={given.plain_address}", f"NETMASK={given.netmask}"]
        lines += [f"GATEWAY={given.gateway}"] if given.gateway else []
    return lines


def _lines6(given: Addressing) -> list[str]:
    match given.method:
        case "static":
            lines = ["IPV6INIT=yes", f"IPV6ADDR={given.address}", "IPV6_AUTOCONF=no"]
            wanted = given.gateway and not given.gateway_outside
            return lines + ([f"IPV6_DEFAULTGW={given.gateway}"] if wanted else [])
        case "auto":
            return ["IPV6INIT=yes", "IPV6_AUTOCONF=yes"]
        case "dhcp":
            return ["IPV6INIT=yes", "DHCPV6C=yes"]
        case _:
            return []


def routes(name: str, given: Addressing) -> str:
    """A gateway that no network of the card reaches is given a route of its own first; else nothing."""
    if not given.gateway_outside:
        return ""
    return f"{given.gateway} dev {name}\ndefault via {given.gateway} dev {name}\n"
