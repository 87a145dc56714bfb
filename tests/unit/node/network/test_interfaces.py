"""The file of network interfaces: what is read, what is written, what contradicts."""

from __future__ import annotations

import json
import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.core.errors import Invalid, ParseError
from hostd.node.network import links
from hostd.node.network.interfaces import HEADER, format, order
from hostd.node.network.links import Link
from hostd.node.network.model import INET, INET6, Configuration, Interface, Kind, Stanza, from_wire, to_wire
from hostd.node.network.parse import parse

CARDS = [f"enp{number}s0" for number in range(1, 7)]
LINKS = {name: Link(physical=True) for name in CARDS} | {"lo": Link(physical=False, up=True)}
LO = "auto lo\niface lo inet loopback\n"


def read(text: str) -> Configuration:
    return parse(LO + "\n" + text, links=LINKS, active=["lo", "enp1s0"])


def shown(text: str, name: str) -> dict[str, object]:
    """What the API tells of an interface, without the values that most have."""
    usual = {"method": "manual", "method6": "manual", "families": ["inet"]}
    return {key: value for key, value in to_wire(read(text).interfaces[name]).items() if usual.get(key) != value}


def body(config: Configuration) -> str:
    """The written file without its head and without cards that nobody configured."""
    text = format(config).removeprefix(HEADER + "\n" + LO + "\n")
    for name in CARDS:
        text = text.replace(f"\niface {name} inet manual\n\n", "\n")
    return text


def test_families_and_addresses() -> None:
    text = (
        "auto enp1s0\niface enp1s0 inet static\n\taddress 198.51.100.7\n\tnetmask 255.255.255.192\n# rack 4\n"
        "iface enp1s0 inet6 auto\n"
    )
    assert shown(text, "enp1s0") == {
        "type": "eth", "families": ["inet", "inet6"], "method": "static", "method6": "auto", "priority": 3,
        "address": "198.51.100.7", "netmask": "26", "cidr": "198.51.100.7/26", "comments": " rack 4\n",
        "autostart": 1, "active": 1, "exists": 1,
    }  # fmt: skip


def test_a_stanza_without_family_has_both() -> None:
    told = shown("iface enp2s0\n\taddress 2001:db8::7/64\n\taddress 198.51.100.7/24\n\tgateway 2001:db8::1\n", "enp2s0")
    assert (told["cidr"], told["cidr6"], told["gateway6"]) == ("198.51.100.7/24", "2001:db8::7/64", "2001:db8::1")
    assert told["families"] == [None]


@pytest.mark.parametrize("word", ["auto", "allow-auto", "allow-hotplug", "allow-ovs"])
def test_what_starts_by_itself(word: str) -> None:
    config = read(f"{word} enp1s0 enp3s0\niface enp1s0 inet dhcp\niface enp3s0 inet manual\n")
    assert [name for name, i in config.interfaces.items() if i.autostart] == ["enp1s0", "enp3s0", "lo"]
    assert "auto enp3s0\n" in format(config)


@pytest.mark.parametrize(
    ("name", "lines", "kind"),
    [
        ("bond7", "", Kind.BOND), ("pair", "bond_slaves enp1s0", Kind.BOND), ("vmbr12", "", Kind.BRIDGE),
        ("lan", "bridge_ports none", Kind.BRIDGE), ("enp1s0.12", "", Kind.VLAN), ("enp1s0:2", "", Kind.ALIAS),
        ("guests", "vlan-raw-device enp1s0", Kind.VLAN), ("tunnel", "vxlan-id 9", Kind.VXLAN),
        ("wlp1", "", Kind.UNKNOWN), ("enp77s0", "", Kind.ETH), ("vmbr3", "ovs_type OVSBridge", Kind.OVS_BRIDGE),
        ("inner", "ovs_type OVSIntPort", Kind.OVS_INT_PORT), ("vmbr3", "ovs_type Other", Kind.UNKNOWN),
    ],
)  # fmt: skip
def test_kinds(name: str, lines: str, kind: Kind) -> None:
    assert read(f"iface {name} inet manual\n\t{lines}\n").interfaces[name].kind is kind


def test_vlans_and_aliases_exist_with_what_they_stand_on() -> None:
    names = ("enp1s0.4", "enp1s0:1", "vmbr0.4", "vmbr0", "guests")
    text = "".join(f"iface {name} inet manual\n\n" for name in names)
    config = read(text.rstrip() + "\n\tvlan-id 9\n\tvlan-raw-device enp1s0.4\n")
    exists = {name: i.exists for name, i in config.interfaces.items() if name not in CARDS}
    assert exists == {"enp1s0.4": True, "enp1s0:1": True, "guests": True, "lo": False, "vmbr0": False, "vmbr0.4": False}
    assert config.interfaces["guests"].settings == {"vlan-id": "9", "vlan-raw-device": "enp1s0.4"}
    assert config.interfaces["enp1s0.4"].settings == {"vlan-id": "4", "vlan-raw-device": "enp1s0"}


def test_what_nobody_knows_is_kept_in_place() -> None:
    text = (
        "source /etc/network/one\n\nmapping usb0\n\tscript /bin/x\n\n"
        "iface enp1s0 inet static\n\taddress 198.51.100.7/24\n"
        "\tup ip rule add from 198.51.100.7 table 7\n\tdns-search a b\n\n"
        "source-directory /etc/network/two\n"
    )  # fmt: skip
    config = read(text)
    assert [line for _, line in config.options] == ["source /etc/network/one", "mapping usb0", "\tscript /bin/x",
                                                    "source-directory /etc/network/two"]  # fmt: skip
    assert body(config).split() == text.split()
    assert [place for place, _ in config.options] == [3, 4, 5, 7]


def test_an_empty_file_has_the_loopback_device_and_the_cards() -> None:
    config = parse("", links=LINKS, active=[])
    assert set(config.interfaces) == {"lo", *CARDS}
    assert format(config).startswith(HEADER + "\n" + LO)


def test_other_names_of_a_card_are_the_card() -> None:
    links = {"eth0": Link(physical=True, altnames=("enx1",))}
    config = parse("iface enx1 inet manual\n", links=links, active=[])
    assert set(config.interfaces) == {"enx1", "lo"}
    assert config.interfaces["enx1"].exists


def test_bond_modes_have_numbers_and_members_an_order() -> None:
    told = shown("iface bond0 inet manual\n\tbond-slaves enp2s0,enp1s0\n\tbond-mode 4\n", "bond0")
    assert (told["bond_mode"], told["slaves"]) == ("802.3ad", "enp1s0 enp2s0")


def test_open_vswitch_options_are_told_apart_and_packed_again() -> None:
    text = (
        "auto bond1\niface bond1 inet manual\n\tovs_bonds enp1s0 enp2s0\n\tovs_type OVSBond\n\tovs_bridge vmbr1\n"
        "\tovs_mtu 9000\n\tovs_options other=x lacp=active bond_mode=balance-tcp tag=9\n\n"
        "auto vmbr1\niface vmbr1 inet manual\n\tovs_type OVSBridge\n\tovs_ports bond1\n\n"
    )
    told = shown(text, "bond1")
    assert (told["bond_mode"], told["ovs_tag"], told["ovs_options"]) == ("lacp-balance-tcp", "9", "other=x")
    assert told["mtu"] == "9000"
    config = read(text)
    assert body(config).endswith(text)
    assert [config.interfaces[name].autostart for name in CARDS[:2]] == [False, False]
    assert all(f"auto {name}\n" in format(config) for name in CARDS[:2])


def test_ports_follow_the_list_of_their_bridge() -> None:
    text = (
        "allow-vmbr1 inner\niface inner inet manual\n\tovs_type OVSIntPort\n\tovs_bridge vmbr1\n\n"
        "iface enp4s0 inet manual\n\tovs_type OVSPort\n\tovs_bridge vmbr1\n\n"
        "iface lost inet manual\n\tovs_type OVSIntPort\n\tovs_bridge vmbr1\n\n"
        "iface vmbr1 inet manual\n\tovs_type OVSBridge\n\tovs_ports inner enp5s0\n"
    )
    config = read(text)
    assert not config.options
    again = read(format(config).removeprefix(HEADER + "\n" + LO))
    kinds = {name: str(i.kind) for name, i in again.interfaces.items() if name not in ("lo", *CARDS[:3], "enp6s0")}
    assert kinds == {"inner": "OVSIntPort", "enp4s0": "eth", "enp5s0": "OVSPort", "vmbr1": "OVSBridge"}
    assert again.interfaces["enp5s0"].settings["ovs_bridge"] == "vmbr1"


def test_the_rest_of_a_shared_allow_line_stays() -> None:
    config = read("allow-vmbr1 inner other\n\niface vmbr1 inet manual\n\tovs_type OVSBridge\n\tovs_ports inner\n")
    assert [line for _, line in config.options] == ["allow-vmbr1 other"]


def test_the_order_of_kinds() -> None:
    names = ["vmbr0.7", "tunnel", "vmbr0", "bond0.3", "odd", "bond0", "enp2s0.8", "enp2s0", "enp9s0", "lo"]
    text = "".join(f"iface {name} inet manual\n\n" for name in names[:-1])
    config = read(text.replace("tunnel inet manual\n", "tunnel inet manual\n\tvxlan-id 4\n"))
    written = [name for name in order(config.interfaces) if config.interfaces[name].priority is not None]
    assert written == ["lo", "odd", "enp2s0", "enp9s0", "enp2s0.8", "bond0", "bond0.3", "vmbr0", "vmbr0.7", "tunnel"]


CONTRADICTIONS = {
    "a bridge with a port that does not exist": "iface vmbr0 inet manual\n\tbridge-ports nothing\n",
    "a port of two bridges": "iface vmbr0 inet manual\n\tbridge-ports enp1s0\n\n"
    "iface vmbr1 inet manual\n\tbridge-ports enp1s0\n",
    "a port with an address": "iface vmbr0 inet manual\n\tbridge-ports enp1s0\n\n"
    "iface enp1s0 inet static\n\taddress 198.51.100.7/24\n",
    "a port that is too small": "iface vmbr0 inet manual\n\tbridge-ports enp1s0\n\tmtu 9000\n",
    "a bond of something else": "iface bond0 inet manual\n\tslaves vmbr0\n\niface vmbr0 inet manual\n",
    "a bond that lacks a member": "iface bond0 inet manual\n\tslaves enp1s0 nothing\n",
    "a bond that is smaller than its member": "iface bond0 inet manual\n\tslaves enp1s0\n\tmtu 1400\n\n"
    "iface enp1s0 inet manual\n\tmtu 1500\n",
    "a first choice that is no member": "iface bond0 inet manual\n\tslaves enp1s0\n\tbond-mode 1\n"
    "\tbond-primary enp2s0\n",
    "a VLAN on nothing": "iface nothing.5 inet manual\n",
    "a VLAN larger than its parent": "iface enp1s0.5 inet manual\n\tmtu 9000\n",
    "a VLAN protocol that is none": "iface enp1s0.5 inet manual\n\tvlan-protocol 802.3\n",
    "a VXLAN id twice": "iface a inet manual\n\tvxlan-id 5\n\niface b inet manual\n\tvxlan-id 5\n",
    "a VXLAN with two kinds of ends": "iface a inet manual\n\tvxlan-id 5\n\tvxlan-remoteip 192.0.2.1\n"
    "\tvxlan-local-tunnelip 192.0.2.2\n",
    "a VXLAN group without a device": "iface a inet manual\n\tvxlan-id 5\n\tvxlan-svcnodeip 239.1.1.1\n",
    "an Open vSwitch port that is a bridge": "iface vmbr1 inet manual\n\tovs_type OVSBridge\n\tovs_ports vmbr2\n\n"
    "iface vmbr2 inet manual\n",
    "an Open vSwitch bond of nothing": "iface vmbr1 inet manual\n\tovs_type OVSBridge\n\tovs_ports bond0\n\n"
    "iface bond0 inet manual\n\tovs_type OVSBond\n\tovs_bonds nothing\n",
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradictions_are_not_written(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        format(read(CONTRADICTIONS[name]))
    assert "interface '" in str(caught.value)


def attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def message(name: str, hardware: int, flags: int, more: bytes = b"") -> bytes:
    body = struct.pack("=BxHiII", 0, hardware, 1, flags, 0) + attribute(links.IFLA_IFNAME, name.encode() + b"\0") + more
    return struct.pack("=IHHII", 16 + len(body), links.RTM_NEWLINK, 0, 1, 0) + body


def test_links_of_a_dump() -> None:
    nested = 0x8000
    other = attribute(links.IFLA_PROP_LIST | nested, attribute(links.IFLA_ALT_IFNAME, b"enx00\0"))
    bridge = attribute(links.IFLA_LINKINFO, attribute(links.IFLA_INFO_KIND, b"bridge\0"))
    dump = message("lo", 772, 1) + message("enp1s0", 1, 0x1003, other) + message("vmbr0", 1, 0, bridge)
    assert {entry["ifname"]: links.link_of(entry) for entry in links.parse(dump)} == {
        "lo": Link(physical=False, up=True),
        "enp1s0": Link(physical=True, up=True, altnames=("enx00",)),
        "vmbr0": Link(physical=False),
    }
    for wrong in (dump[:-4], struct.pack("=IHHII", 3, links.RTM_NEWLINK, 0, 1, 0)):
        with pytest.raises(ParseError):
            list(links.parse(wrong))


def test_links_of_this_machine() -> None:
    assert not links.links()["lo"].physical


# -- laws ----------------------------------------------------------------------------------------------------------

words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=8)
comments = st.lists(st.text("abc #/.", max_size=9).map(str.rstrip), max_size=2).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)
unknown = st.lists(st.builds("post-up {} {}".format, words, words), max_size=2).map(tuple)
v4 = st.builds(
    Stanza, method=st.just("static"), address=st.ip_addresses(v=4).map(str), netmask=st.integers(1, 32).map(str),
    gateway=st.one_of(st.just(""), st.ip_addresses(v=4).map(str)), comments=comments, options=unknown,
)  # fmt: skip
v6 = st.builds(
    Stanza, method=st.just("static"), address=st.ip_addresses(v=6).map(str), netmask=st.integers(1, 128).map(str),
    comments=comments, options=unknown,
)  # fmt: skip
plain = st.builds(Stanza, method=st.sampled_from(["manual", "dhcp"]), comments=comments, options=unknown)


@st.composite
def parts(draw: st.DrawFn, **of: object) -> Interface:
    """An interface with one or both families; what a family that is not there would say is not there either."""
    families = draw(st.sampled_from([(INET,), (INET6,), (INET, INET6)]))
    inet = draw(st.one_of(v4, plain)) if INET in families else Stanza()
    inet6 = draw(st.one_of(v6, plain)) if INET6 in families else Stanza()
    made: Interface = Interface(families=families, inet=inet, inet6=inet6, autostart=draw(st.booleans()))
    return replace(made, **of)  # type: ignore[arg-type]


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    cards = list(draw(st.permutations(CARDS)))
    found = {name: Interface(kind=Kind.ETH, exists=True) for name in cards}
    found["lo"] = Interface(kind=Kind.LOOPBACK, inet=Stanza(method="loopback"), autostart=True)
    found[cards[0]] = draw(parts(kind=Kind.ETH, exists=True))
    mode = draw(st.sampled_from(["balance-rr", "802.3ad", "broadcast"]))
    slaves = sorted(cards[1 : 1 + draw(st.integers(0, 2))])
    found["bond0"] = draw(parts(
        kind=Kind.BOND, settings={"slaves": " ".join(slaves), "bond_miimon": "50", "bond_mode": mode}
    ))  # fmt: skip
    for name in slaves:
        found[name] = replace(found[name], autostart=True)
    aware = draw(st.sampled_from([{}, {"bridge_vlan_aware": "yes", "bridge_vids": "2-99"}]))
    base = {"bridge_ports": cards[4], "bridge_stp": "on", "bridge_fd": "7", **aware}
    found["vmbr0"] = draw(parts(kind=Kind.BRIDGE, settings=base))
    number = str(draw(st.integers(1, 4094)))
    below = draw(st.sampled_from([cards[0], "bond0", "vmbr0"]))
    vlan = {"vlan-id": number, "vlan-raw-device": below}
    found[f"{below}.{number}"] = draw(parts(kind=Kind.VLAN, settings=vlan, exists=found[below].exists))
    found["named"] = draw(parts(kind=Kind.VLAN, settings=vlan | {"mtu": "1400"}, exists=found[below].exists))
    lines = draw(st.lists(st.builds("source {}".format, words), max_size=2))
    return Configuration(interfaces=found, options=tuple((99, line) for line in lines))


def without_places(config: Configuration) -> tuple[dict[str, Interface], list[str]]:
    interfaces = {name: replace(i, priority=None, active=False) for name, i in config.interfaces.items()}
    return interfaces, [line for _, line in config.options]


@settings(max_examples=50)
@given(configurations())
def test_what_was_written_is_read_again(config: Configuration) -> None:
    text = format(config)
    again = parse(text, links=LINKS, active=[])
    assert without_places(again) == without_places(config)
    assert format(again) == text


@settings(max_examples=50)
@given(configurations())
def test_the_wire_carries_all(config: Configuration) -> None:
    for interface in config.interfaces.values():
        assert from_wire(json.loads(json.dumps(to_wire(interface)))) == interface


lines = st.lists(
    st.one_of(
        st.sampled_from(["", "# note", "auto x y", "iface x inet manual", "iface x inet6 static", "iface y", "source z",
                         "mapping q", "allow-x y", "address 192.0.2.1/24", "\tgateway 2001:db8::1", "mtu 1400",
                         "\tbond-mode 1", "slaves enp1s0 none", "bridge_ports none", "ovs_type OVSPort", "vlan-id 5",
                         "vlan-raw-device enp1s0", "ovs_options tag=4 a=b", "up", "\tup  x  y ", "vxlan-remoteip a"]),
        st.text(max_size=12),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=50)
@given(lines)
def test_any_file_can_be_read_and_settles_at_once(text: list[str]) -> None:
    config = parse("\n".join(text), links=LINKS, active=[])
    try:
        written = format(config)
    except Invalid:
        return
    assert format(parse(written, links=LINKS, active=[])) == written
