"""Network files of SUSE's family, ``/etc/sysconfig/network`` (ifcfg(5), ifroute(5) of wicked and sysconfig)."""

from __future__ import annotations

from typing import Final

from hostd.guests.lxc.inside import addresses, sections
from hostd.guests.lxc.inside.addresses import Addressing
from hostd.guests.lxc.inside.tree import Tree
from hostd.guests.lxc.nic import Nic

FOLDER: Final = "etc/sysconfig/network"
_PROTOCOLS: Final = {(False, False): "static", (True, False): "dhcp4", (False, True): "dhcp6", (True, True): "dhcp"}


def write(tree: Tree, nics: list[Nic]) -> None:
    for nic in nics:
        tree.write(f"{FOLDER}/ifcfg-{nic.name}", text(nic))
        sections.keep_file(tree, f"{FOLDER}/ifroute-{nic.name}", routes(nic))


def text(nic: Nic) -> str:
    """The file of one card, all of it ours. Two addresses are told apart by what follows ``IPADDR``."""
    families = (addresses.ipv4(nic), addresses.ipv6(nic))
    used = any(given.method not in ("", "manual") for given in families)
    protocol = _PROTOCOLS[(families[0].method == "dhcp", families[1].method == "dhcp")]
    lines = [f"STARTMODE={'onboot' if used else 'manual'}", f"BOOTPROTO={protocol}"]
    fixed = [given.address for given in families if given.method == "static"]
    if len(fixed) == 1:
        lines.append(f"IPADDR={fixed[0]}")
    else:
        lines += [f"IPADDR_{number}={address}" for number, address in enumerate(fixed, 1)]
    return "".join(f"{line}\n" for line in lines)


def routes(nic: Nic) -> str:
    """Lines of ``destination gateway netmask device``; a gateway outside gets a route of its own first."""
    four, six = addresses.ipv4(nic), addresses.ipv6(nic)
    lines = _routes(nic.name, four, direct="0.0.0.0 255.255.255.255", default="0.0.0.0")
    lines += _routes(nic.name, six, direct="- -", default="-", bits="/128")
    return "".join(f"{line}\n" for line in lines)


def _routes(name: str, given: Addressing, *, direct: str, default: str, bits: str = "") -> list[str]:
    if not given.gateway:
        return []
    first = [f"{given.gateway}{bits} {direct} {name}"] if given.gateway_outside else []
    return [*first, f"default {given.gateway} {default} {name}"]
