"""Network files of the installed system: bridge ``vmbr0`` on the management NIC, fixed names for NICs, who it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from installer.machine import Machine, Nic
from installer.resolve import PIN_PREFIX, Target

BRIDGE: Final = "vmbr0"
# The kernel hands these out itself while drivers load: a fixed name of this form could be taken already.
_KERNEL_NAME: Final = re.compile(r"eth\d+")


def nic_names(machine: Machine, target: Target) -> dict[str, str]:
    """MAC -> name on the installed system for every NIC: as the answers say, else the name it has now."""
    names = {}
    for nic in machine.network.nics:
        own = f"{PIN_PREFIX}{nic.number}" if _KERNEL_NAME.fullmatch(nic.name) else nic.name
        names[nic.mac.lower()] = target.network.pins.get(nic.mac.lower(), own)
    return names


def files(machine: Machine, target: Target) -> dict[str, str]:
    """Path -> contents of all network files."""
    names = nic_names(machine, target)
    return {
        "/etc/hostname": f"{target.fqdn.host}\n",
        "/etc/hosts": hosts(target),
        "/etc/resolv.conf": resolv_conf(target),
        "/etc/network/interfaces": interfaces(machine, target, names),
        **{
            f"/etc/systemd/network/50-holdfast-{name}.link": link_file(mac, name)
            for mac, name in sorted(names.items(), key=lambda item: item[1])
        },
    }


def link_file(mac: str, name: str) -> str:
    """A systemd.link(5) file. The permanent address is matched: bridges and bonds take over the one in use."""
    return (
        f"# Written by the installer: this interface keeps its name wherever its slot is counted.\n"
        f"[Match]\nPermanentMACAddress={mac}\nType=ether\n\n[Link]\nName={name}\n"
    )


def interfaces(machine: Machine, target: Target, names: Mapping[str, str]) -> str:
    """``/etc/network/interfaces`` for ifupdown2: every NIC without an address, the management one in the bridge."""
    network = target.network
    port = next((names[n.mac.lower()] for n in machine.network.nics if n.name == network.nic), network.nic_name)
    blocks = ["auto lo\niface lo inet loopback\n", f"iface {port} inet manual\n"]
    family = "inet6" if network.address.version == 6 else "inet"
    lines = [f"auto {BRIDGE}"]
    if network.dhcp:
        lines.append(f"iface {BRIDGE} {'inet6' if only_ipv6(machine) else 'inet'} dhcp")
    else:
        lines += [f"iface {BRIDGE} {family} static", f"\taddress {network.address}", f"\tgateway {network.gateway}"]
    lines += [f"\tbridge-ports {port}", "\tbridge-stp off", "\tbridge-fd 0"]
    blocks.append("\n".join(lines) + "\n")
    blocks += [f"iface {names[nic.mac.lower()]} inet manual\n" for nic in others(machine.network.nics, network.nic)]
    blocks.append("source /etc/network/interfaces.d/*\n")
    return "\n".join(blocks)


def only_ipv6(machine: Machine) -> bool:
    """Whether the network has an IPv6 router and nothing for IPv4."""
    return machine.network.gateway6 is not None and machine.network.gateway4 is None


def others(nics: tuple[Nic, ...], management: str) -> list[Nic]:
    return sorted((nic for nic in nics if nic.name != management), key=lambda nic: nic.index)


def hosts(target: Target) -> str:
    """``/etc/hosts``. With DHCP the address may change, so the name then stands for this host's loopback address."""
    address = "127.0.1.1" if target.network.dhcp else str(target.network.address.ip)
    return (
        "127.0.0.1 localhost.localdomain localhost\n"
        f"{address} {target.fqdn} {target.fqdn.host}\n"
        "\n"
        "::1 ip6-localhost ip6-loopback\n"
        "fe00::0 ip6-localnet\n"
        "ff02::1 ip6-allnodes\n"
        "ff02::2 ip6-allrouters\n"
    )


def resolv_conf(target: Target) -> str:
    """``/etc/resolv.conf``; with DHCP the client writes the name server itself."""
    server = "" if target.network.dhcp else f"nameserver {target.network.dns}\n"
    return f"search {target.fqdn.domain}\n{server}"
