"""Cards of a running container that come, go and change: commands of ip(8) and bridge(8), made by pure functions.

The host's own programs work in the container's network (nsenter(1)); nothing of the container is run.
"""

from __future__ import annotations

from typing import Final

from hostd.guests.lxc.inside import addresses
from hostd.guests.lxc.inside.addresses import Addressing
from hostd.guests.lxc.network import device_name
from hostd.guests.lxc.nic import Nic

# A change of one of them needs another card.
_FIXED: Final = ("name", "hwaddr", "type")
_LINK: Final = ("bridge", "tag", "link_down", "mtu")
_ADDRESSES: Final = ("ip", "gw", "ip6", "gw6")
Argv = list[str]


def plan(vmid: int, pid: int, before: Nic | None, after: Nic | None) -> list[Argv]:
    """What brings a card from one state to the other; nothing where both are the same.

    ``pid``: the container's first process. What DHCP or the kernel gives is the container's own business.
    """
    if after is None:
        return [] if before is None else [["ip", "link", "delete", "dev", device_name(vmid, before.index)]]
    if before is None:
        return _add(vmid, pid, after)
    if is_other(before, after):
        return [*plan(vmid, pid, before, None), *_add(vmid, pid, after)]
    changed = {key for key in (*_LINK, *_ADDRESSES) if before.values.get(key) != after.values.get(key)}
    link = _link(vmid, pid, before, after) if changed & set(_LINK) else []
    return link + (_readdress(pid, after, changed) if changed & set(_ADDRESSES) else [])


def is_other(before: Nic | None, after: Nic | None) -> bool:
    """Whether the change needs another device, or takes it away."""
    if before is None or after is None:
        return True
    return any(before.values.get(key) != after.values.get(key) for key in _FIXED)


def _inside(pid: int, *words: str) -> Argv:
    return ["nsenter", f"--net=/proc/{pid}/ns/net", "--", "ip", *words]


def _add(vmid: int, pid: int, nic: Nic) -> list[Argv]:
    device, peer = device_name(vmid, nic.index), f"vp{vmid}i{nic.index}"[:15]
    mtu = ["mtu", nic.values["mtu"]] if "mtu" in nic.values else []
    return [
        ["ip", "link", "add", "name", device, *mtu, "type", "veth", "peer", "name", peer, "address", nic.mac, *mtu],
        *_joined(device, nic),
        ["ip", "link", "set", "dev", peer, "netns", str(pid), "name", nic.name],
        *_state(pid, device, nic),
        *_addressed(pid, nic),
    ]


def _joined(device: str, nic: Nic) -> list[Argv]:
    bridge, tag = nic.values.get("bridge"), nic.values.get("tag")
    if not bridge:
        return []
    commands = [["ip", "link", "set", "dev", device, "master", bridge]]
    if tag:
        commands += [
            ["bridge", "vlan", "delete", "dev", device, "vid", "1"],
            ["bridge", "vlan", "add", "dev", device, "vid", tag, "pvid", "untagged"],
        ]
    return commands


def _state(pid: int, device: str, nic: Nic) -> list[Argv]:
    state = "down" if nic.flag("link_down") else "up"
    return [["ip", "link", "set", "dev", device, state], _inside(pid, "link", "set", "dev", nic.name, state)]


def _link(vmid: int, pid: int, before: Nic, after: Nic) -> list[Argv]:
    device = device_name(vmid, after.index)
    commands: list[Argv] = []
    if any(before.values.get(key) != after.values.get(key) for key in ("bridge", "tag")):
        # Leaving a bridge takes its VLANs away as well.
        commands += [["ip", "link", "set", "dev", device, "nomaster"]] if before.values.get("bridge") else []
        commands += _joined(device, after)
    if before.values.get("mtu") != after.values.get("mtu"):
        mtu = after.values.get("mtu", "1500")
        commands.append(["ip", "link", "set", "dev", device, "mtu", mtu])
        commands.append(_inside(pid, "link", "set", "dev", after.name, "mtu", mtu))
    return commands + _state(pid, device, after)


def _readdress(pid: int, nic: Nic, changed: set[str]) -> list[Argv]:
    commands: list[Argv] = []
    for version, keys in (("-4", {"ip", "gw"}), ("-6", {"ip6", "gw6"})):
        if changed & keys:
            commands.append(_inside(pid, version, "address", "flush", "dev", nic.name, "scope", "global"))
            commands.append(_inside(pid, version, "route", "flush", "dev", nic.name, "proto", "static"))
    return commands + _addressed(pid, nic)


def _addressed(pid: int, nic: Nic) -> list[Argv]:
    commands: list[Argv] = []
    for version, given in (("-4", addresses.ipv4(nic)), ("-6", addresses.ipv6(nic))):
        commands += _fixed(pid, version, given, nic.name)
    return commands


def _fixed(pid: int, version: str, given: Addressing, name: str) -> list[Argv]:
    if given.method != "static":
        return []
    commands = [_inside(pid, version, "address", "replace", given.address, "dev", name)]
    if given.gateway_outside:
        commands.append(_inside(pid, version, "route", "replace", given.gateway, "dev", name, "proto", "static"))
    if given.gateway:
        via = ["default", "via", given.gateway, "dev", name, "proto", "static"]
        commands.append(_inside(pid, version, "route", "replace", *via))
    return commands
