"""Network files of systemd-networkd (systemd.network(5)): one per card, all of it ours."""

from __future__ import annotations

from typing import Final

from hostd.guests.lxc.inside import addresses
from hostd.guests.lxc.inside.tree import Tree
from hostd.guests.lxc.nic import Nic

FOLDER: Final = "etc/systemd/network"
UNIT: Final = "systemd-networkd.service"
_DHCP: Final = {(False, False): "no", (True, False): "ipv4", (False, True): "ipv6", (True, True): "yes"}


def path(nic: Nic) -> str:
    return f"{FOLDER}/{nic.name}.network"


def text(nic: Nic) -> str:
    """The file of one card."""
    families = (addresses.ipv4(nic), addresses.ipv6(nic))
    lines = ["[Match]", f"Name = {nic.name}", "", "[Network]"]
    lines.append(f"Description = Interface {nic.name} autoconfigured by PVE")
    for given in families:
        if given.method == "static":
            lines.append(f"Address = {given.address}")
            lines += [f"Gateway = {given.gateway}"] if given.gateway else []
    dhcp = _DHCP[(families[0].method == "dhcp", families[1].method == "dhcp")]
    advertised = "true" if families[1].method == "auto" else "false"
    lines += [f"DHCP = {dhcp}", f"IPv6AcceptRA = {advertised}"]
    for given, bits in zip(families, (32, 128), strict=True):
        if given.gateway_outside:
            lines += ["", "[Route]", f"Destination = {given.gateway}/{bits}", "Scope = link"]
    return "".join(f"{line}\n" for line in lines)


def enable(tree: Tree) -> None:
    """As ``systemctl enable`` would, where the unit is and is not enabled yet."""
    wanted = f"etc/systemd/system/multi-user.target.wants/{UNIT}"
    for top in ("usr/lib/systemd/system", "lib/systemd/system"):
        if tree.read(f"{top}/{UNIT}") is not None:
            if not tree.is_link(wanted):
                tree.link(wanted, f"/{top}/{UNIT}")
            return
