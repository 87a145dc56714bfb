"""``/nodes/{node}/network``: the network configuration as it will be, and changes of it that wait to be applied."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, Check, Schema, array, endpoint, fields
from hostd.api.nodes.params import NodeParams
from hostd.api.wire import Changes
from hostd.core.errors import HostError
from hostd.core.kinds import BOOLEAN, CONFIG_ID_LIST, STRING
from hostd.core.schema import Kind, param, rows
from hostd.node.network import edits, pending
from hostd.node.network.model import BRIDGES, Interface, to_wire

AUDIT, MODIFY = Check("/nodes/{node}", "Sys.Audit"), Check("/nodes/{node}", "Sys.Modify")
TYPES = ("bridge", "bond", "eth", "alias", "vlan", "fabric", "OVSBridge", "OVSBond", "OVSPort", "OVSIntPort", "vnet")
ANY_BRIDGE = ("any_bridge", "any_local_bridge")
EVERYTHING = "include_sdn"  # software-defined networks add theirs to the list once there are any
BOND_MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb",
              "balance-slb", "lacp-balance-slb", "lacp-balance-tcp")  # fmt: skip
FILES = pending.Files()
METHODS = {"type": "string", "enum": ["loopback", "dhcp", "manual", "static", "auto"], "optional": True}
FAMILIES = {"type": "array", "items": {"type": "string", "enum": ["inet", "inet6"]}, "optional": True}
LINES = {"type": "array", "items": {"type": "string"}, "optional": True}

IFACE = Kind(format="pve-iface")
IFACE_LIST = Kind(format="pve-iface-list")
NAME = Kind(format="pve-iface", min_length=2, max_length=20)
VLAN_ID = Kind(type="integer", minimum=1, maximum=4094)


@dataclass(frozen=True, kw_only=True)
class ListParams(NodeParams):
    """Which interfaces."""

    type: str = param(Kind(enum=(*TYPES, *ANY_BRIDGE, EVERYTHING)), default="", doc="Only interfaces of this type.")


@dataclass(frozen=True, kw_only=True)
class IfaceParams(NodeParams):
    """One interface."""

    iface: str = param(NAME, doc="Name of the interface.")


@dataclass(frozen=True, kw_only=True)
class Properties(IfaceParams):
    """What can be set of an interface."""

    type: str = param(Kind(enum=(*TYPES, "unknown")), doc="What the interface is.")
    address: str | None = param(Kind(format="ipv4"), default=None, requires="netmask", doc="IPv4 address.")
    netmask: str | None = param(Kind(format="ipv4mask"), default=None, requires="address", doc="Its netmask.")
    cidr: str | None = param(Kind(format="CIDRv4"), default=None, doc="IPv4 address with prefix length.")
    gateway: str | None = param(Kind(format="ipv4"), default=None, doc="Default gateway, IPv4.")
    comments: str | None = param(STRING, default=None, doc="Text for people.")
    address6: str | None = param(Kind(format="ipv6"), default=None, requires="netmask6", doc="IPv6 address.")
    netmask6: int | None = param(
        Kind(type="integer", minimum=0, maximum=128), default=None, requires="address6", doc="Its prefix length."
    )
    cidr6: str | None = param(Kind(format="CIDRv6"), default=None, doc="IPv6 address with prefix length.")
    gateway6: str | None = param(Kind(format="ipv6"), default=None, doc="Default gateway, IPv6.")
    comments6: str | None = param(STRING, default=None, doc="Text for people, on the part for IPv6.")
    autostart: bool | None = param(BOOLEAN, default=None, doc="Start the interface when the host starts.")
    mtu: int | None = param(Kind(type="integer", minimum=1280, maximum=65520), default=None, doc="Largest packet.")
    bridge_ports: str | None = param(IFACE_LIST, default=None, doc="What is plugged into the bridge.")
    bridge_vlan_aware: bool | None = param(BOOLEAN, default=None, doc="Whether the bridge looks at VLAN tags.")
    bridge_vids: str | None = param(
        Kind(format="pve-vlan-id-or-range-list"), default=None, doc="VLANs that a VLAN-aware bridge lets through."
    )
    slaves: str | None = param(IFACE_LIST, default=None, doc="What a bond consists of.")
    bond_mode: str | None = param(Kind(enum=BOND_MODES), default=None, doc="How a bond uses its parts.")
    bond_primary: str | None = param(IFACE, default=None, name="bond-primary", doc="First choice of such a bond.")
    bond_xmit_hash_policy: str | None = param(
        Kind(enum=("layer2", "layer2+3", "layer3+4")), default=None, doc="What decides which part of a bond sends."
    )
    vlan_id: int | None = param(VLAN_ID, default=None, name="vlan-id", doc="Number of a VLAN.")
    vlan_raw_device: str | None = param(IFACE, default=None, name="vlan-raw-device", doc="What a VLAN stands on.")
    ovs_bonds: str | None = param(IFACE_LIST, default=None, doc="What an Open vSwitch bond consists of.")
    ovs_bridge: str | None = param(IFACE, default=None, doc="The Open vSwitch bridge that the port belongs to.")
    ovs_options: str | None = param(Kind(max_length=1024), default=None, doc="Further options of Open vSwitch.")
    ovs_ports: str | None = param(IFACE_LIST, default=None, doc="What is plugged into an Open vSwitch bridge.")
    ovs_tag: int | None = param(VLAN_ID, default=None, doc="VLAN of an Open vSwitch port.")


@dataclass(frozen=True, kw_only=True)
class UpdateParams(Properties):
    """What to change of an interface."""

    delete: list[str] | None = param(CONFIG_ID_LIST, default=None, doc="Properties to remove.")


def _given(p: Properties) -> dict[str, object]:
    """The properties that a call sets, by their names on the wire."""
    values = {row.wire: getattr(p, row.attribute) for row in rows(Properties) if row.wire not in ("node", "iface")}
    return {key: value for key, value in values.items() if value is not None}


def _shown() -> dict[str, Schema]:
    """What is told of each interface: what can be set, and what only the file or the machine says."""
    settable = {row.wire: row.schema() for row in rows(Properties) if row.wire != "node"}
    more = fields(
        active="boolean?", exists="boolean?", priority="integer?", bridge__access="integer?",
        bridge__learning="boolean?", bridge__arp__nd__suppress="boolean?", bridge__multicast__flood="boolean?",
        bridge__unicast__flood="boolean?", link__type="string?", uplink__id="string?", vxlan__id="integer?",
        vxlan__local__tunnelip="string?", vxlan__physdev="string?", vxlan__svcnodeip="string?",
    )  # fmt: skip
    protocol = {"type": "string", "enum": ["802.1ad", "802.1q"], "optional": True}
    told = {"method": METHODS, "method6": METHODS, "families": FAMILIES, "options": LINES, "options6": LINES}
    return settable | more | told | {"vlan-protocol": protocol}


def _told(data: object, changes: str) -> object:
    """The answer, with the changes that wait, where there are any."""
    return Changes(data=data, changes=changes) if changes else data


def _wanted(ctx: Context, p: ListParams, name: str, interface: Interface) -> bool:
    """The loopback device is not listed; bridges are seen by those who may plug guests into them."""
    bridge = interface.kind in BRIDGES
    fits = p.type in ("", EVERYTHING, interface.kind) or (p.type in ANY_BRIDGE and bridge)
    path = f"/sdn/zones/localnetwork/{name}"
    return fits and name != "lo" and (not bridge or ctx.may(path, "SDN.Audit", "SDN.Use", any_of=True))


@endpoint(
    "GET",
    "/nodes/{node}/network",
    params=ListParams,
    returns=array(_shown(), child="iface"),
    allow=ALL,
    runs_on="node",
)
def index(ctx: Context, p: ListParams) -> object:
    """Network interfaces, with changes that wait to be applied; these are told as a difference in ``changes``."""
    found = FILES.load()
    shown = {name: i for name, i in sorted(found.config.interfaces.items()) if _wanted(ctx, p, name, i)}
    return _told([{"iface": name} | to_wire(interface) for name, interface in shown.items()], found.changes)


@endpoint(
    "GET",
    "/nodes/{node}/network/{iface}",
    params=IfaceParams,
    returns={"type": "object", "properties": fields(type="string", method="string")},
    allow=AUDIT,
    runs_on="node",
)
def network_config(ctx: Context, p: IfaceParams) -> object:
    """One interface, with changes of it that wait to be applied."""
    found = FILES.load()
    if p.iface not in found.config.interfaces:
        raise HostError("interface does not exist")
    return _told(to_wire(found.config.interfaces[p.iface]), found.changes)


@endpoint(
    "POST",
    "/nodes/{node}/network",
    params=Properties,
    returns=NULL,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def create_network(ctx: Context, p: Properties) -> object:
    """Describe a new interface; the change waits to be applied."""
    FILES.change(lambda config: edits.created(config, p.iface, _given(p)))
    return None


@endpoint(
    "PUT",
    "/nodes/{node}/network/{iface}",
    params=UpdateParams,
    returns=NULL,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def update_network(ctx: Context, p: UpdateParams) -> object:
    """Change properties of an interface; the change waits to be applied."""
    FILES.change(lambda config: edits.updated(config, p.iface, _given(p), p.delete or ()))
    return None


@endpoint(
    "DELETE",
    "/nodes/{node}/network/{iface}",
    params=IfaceParams,
    returns=NULL,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def delete_network(ctx: Context, p: IfaceParams) -> object:
    """Forget an interface; the change waits to be applied."""
    FILES.change(lambda config: edits.removed(config, p.iface))
    return None


@endpoint(
    "DELETE",
    "/nodes/{node}/network",
    params=NodeParams,
    returns=NULL,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def revert_network_changes(ctx: Context, p: NodeParams) -> object:
    """Drop all changes that wait to be applied."""
    FILES.revert()
    return None
