"""Connections of NetworkManager (nm-settings-keyfile(5)): one file per card, all of it ours."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final

from hostd.guests.lxc.inside import addresses, identity
from hostd.guests.lxc.inside.addresses import Addressing
from hostd.guests.lxc.inside.job import Job
from hostd.guests.lxc.inside.tree import Tree
from hostd.guests.lxc.nic import Nic

FOLDER: Final = "etc/NetworkManager/system-connections"
# NetworkManager leaves out files that others than root may read.
_MODE: Final = 0o600
_UUID = re.compile(r"^uuid=([0-9a-fA-F-]{36})[ \t]*$", re.MULTILINE)
_METHODS: Final = {
    4: {"static": "manual", "dhcp": "auto"},
    6: {"static": "manual", "dhcp": "dhcp", "auto": "auto"},
}


def path(nic: Nic) -> str:
    return f"{FOLDER}/{nic.name}.nmconnection"


def write(tree: Tree, job: Job, nics: list[Nic], new_uuid: Callable[[], str]) -> None:
    for nic in nics:
        known = _UUID.search(tree.read(path(nic)) or "")
        tree.write(path(nic), text(nic, job, known.group(1) if known else new_uuid()), mode=_MODE)


def text(nic: Nic, job: Job, uuid: str) -> str:
    """The file of one card."""
    lines = ["[connection]", f"id={nic.name}", f"uuid={uuid}", "type=ethernet", f"interface-name={nic.name}"]
    lines += _family(4, addresses.ipv4(nic), job) + _family(6, addresses.ipv6(nic), job)
    return "".join(f"{line}\n" for line in lines)


def _family(version: int, given: Addressing, job: Job) -> list[str]:
    method = _METHODS[version].get(given.method, "disabled")
    lines = [f"[ipv{version}]", f"method={method}"]
    if given.method == "static":
        lines.append(f"{'addresses' if version == 4 else 'address'}={given.address}")
        # The reference gives no IPv6 gateway that lies outside, only the route to it; we write what it writes.
        if given.gateway and (version == 4 or not given.gateway_outside):
            lines.append(f"gateway={given.gateway}")
        lines += [f"routes={given.gateway}"] if given.gateway_outside else []
    return lines if method == "disabled" else lines + _resolver(version, job)


def _resolver(version: int, job: Job) -> list[str]:
    """Name servers of this family, and the search domains beside them."""
    servers = [server for server in identity.nameservers(job) if _version(server) == version]
    if not servers:
        return []
    domains = identity.search_domains(job)
    return [f"dns={';'.join(servers)}", *([f"dns-search={';'.join(domains)}"] if domains else [])]


def _version(server: str) -> int:
    try:
        return ipaddress.ip_address(server.partition("%")[0]).version
    except ValueError:
        return 0
