"""Changes of single interfaces, as the API asks for them; each returns a new configuration."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from hostd.core.errors import HostError, Invalid
from hostd.node.network.model import (
    ANY,
    FAMILIES,
    INET,
    OVS,
    Configuration,
    Interface,
    Kind,
    from_wire,
    is_dotted,
    parent_of,
    split,
    to_wire,
)

KINDS = (Kind.ETH, Kind.BRIDGE, Kind.BOND, Kind.VLAN, Kind.ALIAS, *OVS)
LISTS = ("bridge_ports", "bridge_vids", "slaves", "ovs_ports", "ovs_bonds")
# A value stands on a line that root's programs read: no line ends, no words of a shell, nothing that goes on below.
_HARMLESS = re.compile(r"""[\w \t=:,./"'\[\]{}%@+-]*""", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")

Wanted = Mapping[str, object]


def created(config: Configuration, name: str, wanted: Wanted) -> Configuration:
    """With a new interface; ``wanted`` are properties of the API. Raises Invalid."""
    if name in config.interfaces:
        raise Invalid({"iface": "interface already exists"})
    return _with(config, name, Interface(), {"families": [], **_checked(wanted)})


def updated(config: Configuration, name: str, wanted: Wanted, delete: Collection[str]) -> Configuration:
    """With some properties of an interface changed or (``delete``) gone; all others stay. Raises Invalid, HostError."""
    before = _present(config, name)
    for key in delete:
        if key in wanted:
            raise Invalid({"delete": f"you can't use '-{key}' and '-delete {key}' at the same time"})
    gone = {part for key in delete for part in _together(key)}
    kept = {key: value for key, value in to_wire(before).items() if key not in gone}
    for family, suffix in FAMILIES.items():
        if f"address{suffix}" in gone and f"address{suffix}" in to_wire(before):
            kept[f"method{suffix}"] = "manual"
            kept["families"] = [f for f in before.families if f != family]
    return _with(_unplugged(config, name), name, before, kept | _checked(wanted))


def removed(config: Configuration, name: str) -> Configuration:
    """Without an interface; hardware stays, without any setting. Raises HostError."""
    before = _present(config, name)
    rest = dict(_unplugged(config, name).interfaces)
    if before.exists and before.kind in (Kind.ETH, Kind.OVS_PORT):
        rest[name] = Interface(kind=Kind.ETH, exists=True)
    else:
        del rest[name]
    return replace(config, interfaces=rest)


def _present(config: Configuration, name: str) -> Interface:
    if name not in config.interfaces:
        raise HostError("interface does not exist")
    if name == "lo":
        raise Invalid({"iface": "the loopback device is always there as it is"})
    return config.interfaces[name]


def _together(key: str) -> tuple[str, ...]:
    """An address has several properties, which go together."""
    for suffix in FAMILIES.values():
        parts = tuple(f"{part}{suffix}" for part in ("address", "netmask", "cidr"))
        if key in parts:
            return parts
    return (key,)


def _checked(wanted: Wanted) -> dict[str, object]:
    """Properties without what would be more than one line; an address given as CIDR is an address."""
    out: dict[str, object] = {}
    for key, value in wanted.items():
        if not isinstance(value, str):
            out[key] = value
        elif key.startswith("comments"):
            out[key] = _CONTROL.sub(" ", value.replace("\r\n", "\n").replace("\r", "\n").replace("\\\n", "\n")).rstrip(
                "\\"
            )
        elif not _HARMLESS.fullmatch(value):
            raise Invalid(
                {key: f"value {value!r} has characters other than letters, digits, blanks, =:,./\"'[]{{}}%@+-_"}
            )
        else:
            out[key] = " ".join(sorted(split(value))) if key in LISTS else value
    for suffix in FAMILIES.values():
        cidr = out.pop(f"cidr{suffix}", None)
        if cidr and out.setdefault(f"address{suffix}", cidr) != cidr:
            raise Invalid({f"cidr{suffix}": f"give either this or address{suffix} with its netmask"})
        if cidr:
            out[f"netmask{suffix}"] = ""
    return out


def _comment(text: str) -> str:
    """Lines of text, none of which goes on (with a backslash at its end) into what follows in the file."""
    lines = [
        _CONTROL.sub(" ", line).rstrip("\\ ") for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ]
    return "\n".join(lines)


def _with(config: Configuration, name: str, before: Interface, wire: Mapping[str, object]) -> Configuration:
    """With the interface that has these properties, plugged into its bridge."""
    kind = str(wire.get("type", ""))
    if kind not in KINDS:
        raise Invalid({"type": f"'{kind}' cannot be configured here; possible are: {', '.join(KINDS)}"})
    asked = set(before.families) if ANY in before.families else {f or ANY for f in _listed(wire.get("families"))}
    methods: dict[str, object] = {}
    for family, suffix in FAMILIES.items():
        if wire.get(f"address{suffix}") and ANY not in asked:
            asked.add(family)
            methods[f"method{suffix}"] = "static"
    families = sorted(asked) or [INET]
    made = from_wire({**wire, **methods, "families": families})
    made = replace(made, active=before.active, exists=before.exists, priority=before.priority)
    _check_name(name, made)
    _check_gateways(config, name, made)
    return _plugged(replace(config, interfaces={**config.interfaces, name: made}), name, made)


def _listed(value: object) -> list[str]:
    return [str(item or "") for item in value] if isinstance(value, list | tuple) else []


def _check_name(name: str, made: Interface) -> None:
    """The name must say what the interface is, where the file says it by nothing else."""
    if made.kind is Kind.ALIAS and ":" not in name:
        raise Invalid({"iface": f"an alias is named after its interface, such as '{name}:1'"})
    if made.kind is Kind.VLAN and not is_dotted(name) and not parent_of(name, made.settings):
        raise Invalid({"vlan-raw-device": f"needed, as the name '{name}' is not DEVICE.NUMBER"})
    if made.kind in OVS and made.kind is not Kind.OVS_BRIDGE and not made.settings.get("ovs_bridge"):
        raise Invalid({"ovs_bridge": f"needed: an {made.kind} is part of a bridge"})


def _check_gateways(config: Configuration, name: str, made: Interface) -> None:
    for family, suffix in FAMILIES.items():
        for other, interface in sorted(config.interfaces.items()):
            if other != name and made.stanza(family).gateway and interface.stanza(family).gateway:
                raise Invalid({f"gateway{suffix}": f"Default gateway already exists on interface '{other}'."})


def _plugged(config: Configuration, name: str, made: Interface) -> Configuration:
    """With the port in its Open vSwitch bridge's list, from which the file makes ports."""
    if made.kind not in OVS or made.kind is Kind.OVS_BRIDGE:
        return config
    where = made.settings["ovs_bridge"]
    bridge = config.interfaces.get(where)
    if bridge is None or bridge.kind is not Kind.OVS_BRIDGE:
        raise Invalid({"ovs_bridge": f"'{where}' is no Open vSwitch bridge; make that first"})
    ports = " ".join(sorted({*bridge.listed("ovs_ports"), name}))
    return replace(config, interfaces={**config.interfaces, where: bridge.with_settings(ovs_ports=ports)})


def _unplugged(config: Configuration, name: str) -> Configuration:
    """Without the name in any Open vSwitch bridge's list."""
    out = {}
    for other, interface in config.interfaces.items():
        ports = interface.listed("ovs_ports")
        left = " ".join(port for port in ports if port != name)
        out[other] = interface.with_settings(ovs_ports=left) if name in ports else interface
    return replace(config, interfaces=out)
