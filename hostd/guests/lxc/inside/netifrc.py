"""Gentoo's network settings for OpenRC: ``/etc/conf.d/net`` (net.example of netifrc), one service per card."""

from __future__ import annotations

import re
from typing import Final

from hostd.guests.lxc.inside import addresses, openrc, sections
from hostd.guests.lxc.inside.addresses import Addressing
from hostd.guests.lxc.inside.tree import Tree
from hostd.guests.lxc.nic import Nic

PATH: Final = "etc/conf.d/net"
_TEMPLATE_SERVICE: Final = "net.lo"


def write(tree: Tree, nics: list[Nic]) -> None:
    sections.keep_file(tree, PATH, "".join(text(nic) for nic in nics))
    if tree.read(f"{openrc.SCRIPTS}/{_TEMPLATE_SERVICE}") is None:
        return
    for nic in nics:
        script = f"{openrc.SCRIPTS}/net.{nic.name}"
        if not tree.is_link(script) and tree.read(script) is None:
            tree.link(script, _TEMPLATE_SERVICE)
        openrc.enable(tree, f"net.{nic.name}", "default")


def text(nic: Nic) -> str:
    """The variables of one card; names of shell variables have no dots and dashes."""
    name = re.sub(r"\W", "_", nic.name)
    families = (addresses.ipv4(nic), addresses.ipv6(nic))
    found = [word for version, given in zip((4, 6), families, strict=True) if (word := _config(version, given))]
    routes = [line for given, bits in zip(families, (32, 128), strict=True) for line in _routes(given, bits)]
    lines = f'config_{name}="{chr(10).join(found or ["null"])}"\n'
    return lines + (f'routes_{name}="{chr(10).join(routes)}"\n' if routes else "")


def _config(version: int, given: Addressing) -> str:
    if given.method == "static":
        return given.address
    return {(4, "dhcp"): "dhcp", (6, "dhcp"): "dhcpv6"}.get((version, given.method), "")


def _routes(given: Addressing, bits: int) -> list[str]:
    if not given.gateway:
        return []
    first = [f"{given.gateway}/{bits} scope link"] if given.gateway_outside else []
    return [*first, f"default via {given.gateway}"]
