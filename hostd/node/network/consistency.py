"""What must hold between interfaces before the file is written: members exist and are used once, sizes fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from hostd.core.errors import Invalid
from hostd.node.network.model import ANY, INET, INET6, Interface, Kind, is_dotted, parent_of
from hostd.node.network.parse import MEMBERS

Interfaces = Mapping[str, Interface]
ETHERNET_MTU = 1500
VLAN_PROTOCOLS = ("802.1q", "802.1ad")
_NOWHERE = ("", "0.0.0.0", "::")
_PORTS = (Kind.OVS_BOND, Kind.OVS_PORT, Kind.OVS_INT_PORT)


def settle(interfaces: Interfaces) -> dict[str, Interface]:
    """The interfaces as they must be written: ports of Open vSwitch follow their bridge's list, members start at boot.

    Raises Invalid, naming the interface, where something contradicts.
    """
    owners = _owners(interfaces)
    out = dict(_with_ports(interfaces, owners))
    for name, interface in sorted(out.items()):
        for check in _CHECKS.get(interface.kind, ()):
            check(name, interface, out)
    _check_vxlan_ids(out)
    started = {member for i in out.values() for key in ("slaves", "ovs_ports", "ovs_bonds") for member in i.listed(key)}
    return {name: replace(i, autostart=i.autostart or name in started) for name, i in out.items()}


def _owners(interfaces: Interfaces) -> dict[str, str]:
    """By member: the bridge or bond that has it."""
    owners: dict[str, str] = {}
    for name, interface in sorted(interfaces.items()):
        for member in (member for key in MEMBERS for member in interface.listed(key)):
            if owners.setdefault(member, name) != name:
                raise _wrong(name, f"port '{member}' is already used on interface '{owners[member]}'")
    return owners


def _with_ports(interfaces: Interfaces, owners: Mapping[str, str]) -> Iterator[tuple[str, Interface]]:
    """A port that no Open vSwitch bridge lists is plain hardware again, or (what only exists as port) goes away."""
    for name, interface in interfaces.items():
        owner = owners.get(name, "")
        bridged = owner in interfaces and interfaces[owner].kind is Kind.OVS_BRIDGE
        if bridged and interface.kind in (Kind.ETH, *_PORTS):
            kind = Kind.OVS_PORT if interface.kind is Kind.ETH else interface.kind
            yield name, replace(interface.with_settings(ovs_bridge=owner), kind=kind)
        elif interface.kind is Kind.OVS_PORT and not bridged:
            if interface.exists:
                kept = {key: value for key, value in interface.settings.items() if not key.startswith("ovs_")}
                yield name, replace(interface, kind=Kind.ETH, settings=kept)
        elif bridged or interface.kind not in _PORTS:
            yield name, interface


def _wrong(name: str, text: str) -> Invalid:
    return Invalid({"iface": f"{name}: {text}"}, f"interface '{name}': {text}")


def _member(name: str, member: str, interfaces: Interfaces, kinds: tuple[Kind, ...], what: str) -> Interface:
    found = interfaces.get(member)
    if found is None:
        raise _wrong(name, f"unable to find {what} '{member}'; define it first, or leave it out")
    if kinds and found.kind not in kinds:
        raise _wrong(name, f"{what} '{member}' is '{found.kind}', but must be one of: {', '.join(kinds)}")
    return found


def _mtu(interface: Interface) -> int:
    """The size that is set, 0 where none is."""
    text = interface.settings.get("mtu", "0")
    return int(text) if text.isdigit() else 0


def _check_size(name: str, above: Interface, below_name: str, below: Interface) -> None:
    if _mtu(above) > (_mtu(below) or ETHERNET_MTU):
        size = _mtu(below) or ETHERNET_MTU
        raise _wrong(name, f"mtu {_mtu(above)} does not fit through '{below_name}', whose mtu is {size}")


def _check_bridge(name: str, bridge: Interface, interfaces: Interfaces) -> None:
    for port in bridge.listed("bridge_ports"):
        if port not in interfaces and is_dotted(port) and parent_of(port, {}) in interfaces:
            continue  # ifupdown2 makes a VLAN that only a bridge mentions
        found = _member(name, port, interfaces, (), "bridge port")
        for family in (INET, INET6):
            stanza = found.stanza(family)
            used = family in found.families or ANY in found.families
            if used and (stanza.method == "static" or ANY in found.families) and stanza.address not in _NOWHERE:
                raise _wrong(port, f"has address {stanza.address}, but is a port of '{name}'; give it to the bridge")
        _check_size(name, bridge, port, found)


def _check_bond(name: str, bond: Interface, interfaces: Interfaces) -> None:
    for slave in bond.listed("slaves"):
        found = _member(name, slave, interfaces, (Kind.ETH, Kind.BOND), "slave")
        # A bond without a size of its own takes its slaves'; with one it sets theirs, which must not be larger.
        if _mtu(found) and _mtu(bond) and _mtu(found) > _mtu(bond):
            raise _wrong(name, f"mtu {_mtu(bond)} is lower than that of slave '{slave}', {_mtu(found)}")
    primary = bond.settings.get("bond-primary", "")
    if primary and primary not in bond.listed("slaves"):
        raise _wrong(name, f"bond-primary '{primary}' is none of its slaves: {bond.settings.get('slaves', '')}")


def _check_vlan(name: str, vlan: Interface, interfaces: Interfaces) -> None:
    protocol = vlan.settings.get("vlan-protocol", VLAN_PROTOCOLS[0])
    if protocol.lower() not in VLAN_PROTOCOLS:
        raise _wrong(name, f"vlan-protocol '{protocol}' is none of: {', '.join(VLAN_PROTOCOLS)}")
    below = parent_of(name, vlan.settings)
    if not below:
        raise _wrong(name, "has no vlan-raw-device; set it, or name the VLAN DEVICE.NUMBER")
    _check_size(name, vlan, below, _member(name, below, interfaces, _BELOW_VLAN, "vlan-raw-device"))


_BELOW_VLAN = (Kind.ETH, Kind.BOND, Kind.BRIDGE, Kind.VLAN, Kind.OVS_BRIDGE, Kind.OVS_PORT, Kind.OVS_INT_PORT,
               Kind.OVS_BOND, Kind.UNKNOWN)  # fmt: skip


def _check_ovs_bridge(name: str, bridge: Interface, interfaces: Interfaces) -> None:
    for port in bridge.listed("ovs_ports"):
        _member(name, port, interfaces, _PORTS, "port")


def _check_ovs_bond(name: str, bond: Interface, interfaces: Interfaces) -> None:
    for member in bond.listed("ovs_bonds"):
        _member(name, member, interfaces, (Kind.ETH,), "bonded interface")


def _check_vxlan(name: str, vxlan: Interface, interfaces: Interfaces) -> None:
    keys = ("vxlan-svcnodeip", "vxlan-local-tunnelip")
    ends = [key for key in keys if key in vxlan.settings] + (["vxlan-remoteip"] if vxlan.remotes else [])
    if len(ends) > 1:
        raise _wrong(name, f"only one of these can be set: {', '.join(ends)}")
    if ("vxlan-svcnodeip" in vxlan.settings) != ("vxlan-physdev" in vxlan.settings):
        raise _wrong(name, "vxlan-svcnodeip and vxlan-physdev need each other")


def _check_vxlan_ids(interfaces: Interfaces) -> None:
    seen: dict[str, str] = {}
    for name, interface in sorted(interfaces.items()):
        number = interface.settings.get("vxlan-id", "") if interface.kind is Kind.VXLAN else ""
        if number and seen.setdefault(number, name) != name:
            raise _wrong(name, f"vxlan-id {number} is already used by '{seen[number]}'")


_CHECKS = {
    Kind.BRIDGE: (_check_bridge,),
    Kind.BOND: (_check_bond,),
    Kind.VLAN: (_check_vlan,),
    Kind.OVS_BRIDGE: (_check_ovs_bridge,),
    Kind.OVS_BOND: (_check_ovs_bond,),
    Kind.VXLAN: (_check_vxlan,),
}
