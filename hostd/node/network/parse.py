"""Reads ``/etc/network/interfaces`` (interfaces(5) of ifupdown2)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from hostd.node.network import ovs
from hostd.node.network.links import Link
from hostd.node.network.model import (
    ANY,
    INET,
    INET6,
    OVS,
    Configuration,
    Interface,
    Kind,
    Stanza,
    is_yes,
    parent_of,
    prefix_length,
    split,
    vlan_id_of,
)

# Keys of the file (with dashes; the file may have underscores) -> names of the API. All others are kept as lines.
SETTINGS = {
    "bridge-ports": "bridge_ports", "bridge-stp": "bridge_stp", "bridge-fd": "bridge_fd",
    "bridge-vlan-aware": "bridge_vlan_aware", "bridge-vids": "bridge_vids",
    "slaves": "slaves", "bond-slaves": "slaves", "bond-miimon": "bond_miimon", "bond-mode": "bond_mode",
    "bond-xmit-hash-policy": "bond_xmit_hash_policy", "bond-primary": "bond-primary",
    "ovs-type": "ovs_type", "ovs-bridge": "ovs_bridge", "ovs-ports": "ovs_ports", "ovs-bonds": "ovs_bonds",
    "ovs-options": "ovs_options", "ovs-mtu": "mtu", "mtu": "mtu",
    **{key: key for key in (
        "vlan-id", "vlan-raw-device", "vlan-protocol", "vxlan-id", "vxlan-svcnodeip", "vxlan-physdev",
        "vxlan-local-tunnelip", "bridge-access", "bridge-learning", "bridge-arp-nd-suppress",
        "bridge-unicast-flood", "bridge-multicast-flood", "uplink-id", "link-type")},
}  # fmt: skip
MEMBERS = ("bridge_ports", "slaves", "ovs_ports", "ovs_bonds")
MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")

_AUTO = re.compile(r"\s*(?:auto|allow-auto|allow-hotplug|allow-ovs)\s+(?P<names>.+)")
_IFACE = re.compile(r"\s*iface\s+(?P<name>\S+)(?:\s+(?P<family>inet6?)\s+(?P<method>\S+))?\Z")
_NEXT = re.compile(r"\s*(?:iface|mapping|auto|allow-\S+|source|source-directory|rename|template)\s")
_ALLOW = re.compile(r"\s*allow-(?P<bridge>\S+)\s+(?P<ports>.+)")
_HARDWARE = re.compile(r"(?:eth\d+|nic\d+|en[^:.]+|ib[^:.]+)\Z")
_BOND, _BRIDGE = re.compile(r"bond\d+\Z"), re.compile(r"vmbr\d+\Z")


@dataclass
class _Draft:
    """An interface while its lines are read."""

    autostart: bool = False
    priority: int | None = None
    families: list[str] = field(default_factory=list)
    methods: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=lambda: {INET: {}, INET6: {}})
    options: dict[str, list[str]] = field(default_factory=lambda: {INET: [], INET6: []})
    comments: dict[str, str] = field(default_factory=lambda: {INET: "", INET6: ""})
    settings: dict[str, str] = field(default_factory=dict)
    remotes: list[str] = field(default_factory=list)

    def stanza(self, family: str) -> Stanza:
        values = self.values[family]
        address, _, prefix = values.get("address", "").partition("/")
        return Stanza(
            method=self.methods.get(family, "manual"),
            address=address,
            netmask=prefix_length(prefix or values.get("netmask", "")),
            gateway=values.get("gateway", ""),
            comments=self.comments[family],
            options=tuple(self.options[family]),
        )


def parse(text: str, *, links: Mapping[str, Link], active: Collection[str]) -> Configuration:
    """The file's contents, with hardware that it does not mention.

    ``links`` are the network devices of the machine, ``active`` the names of those that are up. Nothing in the file is
    an error: what is not understood is kept as line. Source: interfaces(5), ifupdown2's ifupdown-addons-interfaces(5).
    """
    drafts, options = _read(text.split("\n"))
    mentioned = set(drafts)
    for name, link in sorted(links.items()):
        if link.physical and not mentioned & {name, *link.altnames}:
            drafts[name] = _Draft()
    hardware = {alias for name, link in links.items() if link.physical for alias in (name, *link.altnames)}
    interfaces = {name: _finish(name, drafts[name], hardware) for name in sorted(drafts)}
    interfaces = {name: replace(i, active=name in active) for name, i in interfaces.items()}
    if interfaces.get("lo", Interface()).priority is None:
        interfaces["lo"] = Interface(kind=Kind.LOOPBACK, inet=Stanza(method="loopback"), autostart=True, priority=1)
    for name, interface in sorted(interfaces.items()):
        below = interfaces.get(parent_of(name, interface.settings))
        if interface.kind in (Kind.VLAN, Kind.ALIAS) and below is not None:
            interfaces[name] = replace(interface, exists=below.exists)
    return Configuration(interfaces=interfaces, options=tuple(_without_ports(options, interfaces)))


def _read(lines: list[str]) -> tuple[dict[str, _Draft], list[tuple[int, str]]]:
    """The stanzas and the lines outside of them; places count from 2, as 1 is the loopback device's."""
    drafts: dict[str, _Draft] = {}
    options: list[tuple[int, str]] = []
    place, at = 2, 0
    while at < len(lines):
        line = lines[at].rstrip()
        at += 1
        if not line or line.startswith("#"):
            continue
        if found := _AUTO.match(line):
            for name in found["names"].split():
                drafts.setdefault(name, _Draft()).autostart = True
        elif found := _IFACE.match(line):
            draft = drafts.setdefault(found["name"], _Draft())
            if draft.priority is None:
                draft.priority, place = place, place + 1
            at = _read_stanza(draft, found["family"] or ANY, found["method"] or "", lines, at)
        else:
            options.append((place, line))
            place += 1
    return drafts, options


def _read_stanza(draft: _Draft, family: str, method: str, lines: list[str], at: int) -> int:
    """Take the lines after ``iface``, up to an empty one or the next stanza; returns where that is."""
    if family not in draft.families:
        draft.families.append(family)
    if method:
        draft.methods[family] = method
    while at < len(lines):
        line = lines[at].strip()
        if not line or _NEXT.match(line):
            break
        at += 1
        if line.startswith("#"):
            draft.comments[family or INET] += line[1:] + "\n"
        else:
            _take(draft, family, line)
    return at


def _take(draft: _Draft, family: str, line: str) -> None:
    key, _, value = line.partition(" ") if "\t" not in line.split(" ")[0] else line.partition("\t")
    value = value.strip()
    known = SETTINGS.get(key.replace("_", "-"), "")
    if key in ("address", "gateway") and family == ANY:
        draft.values[INET6 if ":" in value else INET][key] = value
    elif key in ("address", "netmask", "gateway"):
        draft.values[family or INET][key] = value
    elif key == "vxlan-remoteip":
        draft.remotes.append(value)
    elif known in MEMBERS:
        draft.settings[known] = " ".join(sorted(set(split(value)) - {"none"}))
    elif known == "bridge_vlan_aware":
        draft.settings |= {known: "yes"} if is_yes(value) else {}
    elif known == "bond_mode" and value.isdigit() and int(value) < len(MODES):
        draft.settings[known] = MODES[int(value)]
    elif known and value:
        draft.settings[known] = value
    else:
        draft.options[family or INET].append(line)


def _finish(name: str, draft: _Draft, hardware: Collection[str]) -> Interface:
    kind = kind_of(name, draft.settings, name in hardware)
    return Interface(
        kind=kind,
        families=tuple(draft.families) or (INET,),
        inet=draft.stanza(INET),
        inet6=draft.stanza(INET6),
        settings=_completed(name, kind, draft.settings),
        remotes=tuple(draft.remotes),
        autostart=draft.autostart,
        exists=name in hardware,
        priority=draft.priority,
    )


def kind_of(name: str, settings: Mapping[str, str], hardware: bool) -> Kind:
    """What an interface is, by its settings, its name, and whether there is ``hardware`` of that name."""
    if "ovs_type" in settings:
        return next((kind for kind in OVS if kind == settings["ovs_type"]), Kind.UNKNOWN)
    if name == "lo":
        return Kind.LOOPBACK
    if _BOND.match(name) or "slaves" in settings:
        return Kind.BOND
    if _BRIDGE.match(name) or "bridge_ports" in settings:
        return Kind.BRIDGE
    if "vxlan-id" in settings:
        return Kind.VXLAN
    if parent_of(name, settings):
        return Kind.ALIAS if ":" in name and "vlan-raw-device" not in settings else Kind.VLAN
    return Kind.ETH if hardware or _HARDWARE.match(name) else Kind.UNKNOWN


def _completed(name: str, kind: Kind, settings: Mapping[str, str]) -> Mapping[str, str]:
    """With what the kind implies: defaults of bridges, number and parent of VLANs, Open vSwitch's packed options."""
    if kind is Kind.BRIDGE:
        return {"bridge_ports": "", "bridge_stp": "off", "bridge_fd": "0", **settings}
    if kind is Kind.VLAN:
        number = vlan_id_of(name)
        return {"vlan-raw-device": parent_of(name, settings), **({"vlan-id": number} if number else {}), **settings}
    return ovs.unpack(kind, settings)


def _without_ports(
    options: Iterable[tuple[int, str]], interfaces: Mapping[str, Interface]
) -> Iterable[tuple[int, str]]:
    """Without the names in ``allow-BRIDGE PORT…`` that the bridge's own list of ports has: the writer makes those."""
    for place, line in options:
        found = _ALLOW.match(line)
        bridge = interfaces.get(found["bridge"]) if found else None
        if found is None or bridge is None:
            yield place, line
            continue
        others = [port for port in found["ports"].split() if port not in bridge.listed("ovs_ports")]
        if others:
            yield place, f"allow-{found['bridge']} {' '.join(others)}"
