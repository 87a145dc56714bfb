"""Interfaces as the file describes them, and their form on the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Any

INET, INET6, ANY = "inet", "inet6", ""  # ANY: a stanza without family (ifupdown2), which holds addresses of both
FAMILIES = {INET: "", INET6: "6"}  # the suffix of a family's properties on the wire
_DOTTED = re.compile(r"(?P<parent>\S+)\.(?P<id>\d+)\Z")
_ALIAS = re.compile(r"(?P<parent>\S+):\d+\Z")
_VLAN = re.compile(r"vlan(?P<id>\d+)\Z")


class Kind(StrEnum):
    """What an interface is."""

    LOOPBACK = "loopback"
    ETH = "eth"
    BOND = "bond"
    BRIDGE = "bridge"
    VLAN = "vlan"
    ALIAS = "alias"
    VXLAN = "vxlan"
    OVS_BRIDGE = "OVSBridge"
    OVS_BOND = "OVSBond"
    OVS_PORT = "OVSPort"
    OVS_INT_PORT = "OVSIntPort"
    UNKNOWN = "unknown"


OVS = (Kind.OVS_BRIDGE, Kind.OVS_BOND, Kind.OVS_PORT, Kind.OVS_INT_PORT)
BRIDGES = (Kind.BRIDGE, Kind.OVS_BRIDGE)


@dataclass(frozen=True, kw_only=True)
class Stanza:
    """What one family of an interface says. ``netmask`` is a prefix length; ``options`` are lines nobody knows."""

    method: str = "manual"
    address: str = ""
    netmask: str = ""
    gateway: str = ""
    comments: str = ""
    options: tuple[str, ...] = ()

    def cidr(self, *, longest: int) -> str:
        """Address and prefix length; an address without one is a host of its own (``longest``)."""
        return f"{self.address}/{self.netmask or longest}" if self.address else ""


@dataclass(frozen=True, kw_only=True)
class Interface:
    """One interface.

    ``settings`` belong to no family and have the names of the API; ``remotes`` are the other ends of a VXLAN.
    ``priority`` is the place in the file (None: not in it), ``exists`` says that hardware is behind the name.
    """

    kind: Kind = Kind.UNKNOWN
    families: tuple[str, ...] = (INET,)
    inet: Stanza = field(default_factory=Stanza)
    inet6: Stanza = field(default_factory=Stanza)
    settings: Mapping[str, str] = field(default_factory=dict)
    remotes: tuple[str, ...] = ()
    autostart: bool = False
    active: bool = False
    exists: bool = False
    priority: int | None = None

    def listed(self, key: str) -> list[str]:
        """The names in a setting that is a list."""
        return split(self.settings.get(key, ""))

    def stanza(self, family: str) -> Stanza:
        """What is said for a family; a stanza without one shares the place of IPv4."""
        return self.inet6 if family == INET6 else self.inet

    def with_settings(self, **changed: str | None) -> Interface:
        """With some settings changed, or (None) without them; underscores stay as they are."""
        kept = {key: value for key, value in self.settings.items() if key not in changed}
        return replace(self, settings=kept | {key: value for key, value in changed.items() if value is not None})


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The whole file. ``options`` are the lines outside of stanzas, each with its place."""

    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    options: tuple[tuple[int, str], ...] = ()


def split(text: str) -> list[str]:
    """The parts of a list in the file or on the wire: blanks, commas and semicolons separate."""
    return [part for part in re.split(r"[\s,;]+", text) if part]


def prefix_length(mask: str) -> str:
    """A netmask as prefix length: ``255.255.254.0`` is ``23``; what is none already stays, for the reader to see."""
    try:
        return str(IPv4Network(f"0.0.0.0/{mask}").prefixlen) if "." in mask else mask
    except ValueError:
        return mask


def parent_of(name: str, settings: Mapping[str, str]) -> str:
    """The interface below a VLAN (by its name ``eth0.5`` or its setting) or an alias (``eth0:1``); empty for others."""
    found = _ALIAS.match(name)
    if found is None and "vlan-raw-device" in settings:
        return settings["vlan-raw-device"]
    found = found or _DOTTED.match(name)
    return found["parent"] if found else ""


def vlan_id_of(name: str) -> str:
    """The VLAN's number where the name says it: ``eth0.5``, ``vlan5``."""
    found = _DOTTED.match(name) or _VLAN.match(name)
    return str(int(found["id"])) if found else ""


def is_dotted(name: str) -> bool:
    """Whether a VLAN's name says both its number and the interface below it."""
    return _DOTTED.match(name) is not None


# -- the wire ------------------------------------------------------------------------------------------------------


def to_wire(interface: Interface) -> dict[str, object]:
    """Properties of the API; those without a value are absent, flags are 1 or absent."""
    wire: dict[str, object] = {
        "type": str(interface.kind),
        "families": [family or None for family in interface.families],
        **interface.settings,
    }
    if "bridge_vlan_aware" in wire:
        wire["bridge_vlan_aware"] = 1
    for family, suffix in FAMILIES.items():
        stanza = interface.stanza(family)
        shown = {
            "method": stanza.method,
            "address": stanza.address,
            "netmask": stanza.netmask,
            "cidr": stanza.cidr(longest=128 if family == INET6 else 32),
            "gateway": stanza.gateway,
            "comments": stanza.comments,
            "options": list(stanza.options),
        }
        wire |= {key + suffix: value for key, value in shown.items() if value}
    flags = {"autostart": interface.autostart, "active": interface.active, "exists": interface.exists}
    wire |= {key: 1 for key, value in flags.items() if value}
    wire |= {"vxlan-remoteip": list(interface.remotes)} if interface.remotes else {}
    return wire | ({"priority": interface.priority} if interface.priority is not None else {})


# Properties that are no settings; cidr repeats address and netmask.
_NOT_SETTINGS = {"type", "families", "autostart", "active", "exists", "priority", "vxlan-remoteip", "iface", "digest",
                 "bridge_vlan_aware"} | {
    key + suffix for suffix in FAMILIES.values()
    for key in ("method", "address", "netmask", "cidr", "gateway", "comments", "options")
}  # fmt: skip


def from_wire(wire: Mapping[str, Any]) -> Interface:
    """The inverse of ``to_wire``; takes ``address/prefix`` for the address too, and ``ovs_mtu`` for ``mtu``."""
    given = {key: value for key, value in wire.items() if value is not None}
    settings = {key: str(value) for key, value in given.items() if key not in _NOT_SETTINGS}
    if "ovs_mtu" in settings:
        settings["mtu"] = settings.pop("ovs_mtu")
    if is_yes(str(given.get("bridge_vlan_aware", "no"))):
        settings["bridge_vlan_aware"] = "yes"
    kind = str(given.get("type", Kind.UNKNOWN))
    return Interface(
        kind=Kind(kind) if kind in set(Kind) else Kind.UNKNOWN,
        families=tuple(family or ANY for family in wire.get("families") or (INET,)),
        inet=_stanza(given, ""),
        inet6=_stanza(given, "6"),
        settings=settings,
        remotes=tuple(_texts(given.get("vxlan-remoteip", ()))),
        autostart=is_yes(str(given.get("autostart", 0))),
        active=is_yes(str(given.get("active", 0))),
        exists=is_yes(str(given.get("exists", 0))),
        priority=int(given["priority"]) if "priority" in given else None,
    )


def is_yes(text: str) -> bool:
    """The file's and the wire's words for true."""
    return text.strip().lower() in ("1", "yes", "on", "true")


def _stanza(given: Mapping[str, Any], suffix: str) -> Stanza:
    address, _, prefix = str(given.get(f"address{suffix}", "")).partition("/")
    return Stanza(
        method=str(given.get(f"method{suffix}", "manual")),
        address=address,
        netmask=prefix_length(prefix or str(given.get(f"netmask{suffix}", ""))),
        gateway=str(given.get(f"gateway{suffix}", "")),
        comments=str(given.get(f"comments{suffix}", "")),
        options=tuple(_texts(given.get(f"options{suffix}", ()))),
    )


def _texts(value: str | Sequence[object]) -> list[str]:
    return split(value) if isinstance(value, str) else [str(item) for item in value]
