"""/nodes/{node}/network through the application."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hostd.api.nodes import network
from hostd.node.network import pending
from hostd.node.network.links import Link
from tests.unit.api.conftest import Site

PLACE = "/nodes/alpha/network"
NOW = (
    "auto lo\niface lo inet loopback\n\nauto vmbr0\niface vmbr0 inet static\n\taddress 198.51.100.2/24\n"
    "\tgateway 198.51.100.1\n\tbridge-ports enp1s0\n\tbridge-stp off\n\tbridge-fd 0\n\tmtu 1400\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    devices = {name: Link(physical=True, up=name == "enp1s0") for name in ("enp1s0", "enp2s0")}
    monkeypatch.setattr(network, "FILES", pending.Files(folder=str(tmp_path), ask=lambda: devices))
    (tmp_path / pending.NAME).write_text(NOW)
    return tmp_path


def data(answer: Any) -> Any:
    assert answer.status_code == 200, (answer.status, answer.data)
    return answer.json["data"]


def names(site: Site, user: str = "root@pam", **query: str) -> list[str]:
    return [row["iface"] for row in data(site.call("GET", PLACE, user, query_string=query))]


def test_interfaces_are_listed(site: Site, folder: Path) -> None:
    answer = site.get(PLACE)
    rows = {row["iface"]: row for row in data(answer)}
    assert "changes" not in answer.json
    assert set(rows) == {"enp1s0", "enp2s0", "vmbr0"}
    assert rows["vmbr0"]["cidr"] == "198.51.100.2/24"
    assert (rows["enp1s0"]["active"], rows["enp1s0"]["exists"]) == (1, 1)
    assert "active" not in rows["enp2s0"]


@pytest.mark.parametrize(
    ("type", "some"),
    [("bridge", ["vmbr0"]), ("any_bridge", ["vmbr0"]), ("any_local_bridge", ["vmbr0"]), ("eth", ["enp1s0", "enp2s0"]),
     ("bond", []), ("OVSBridge", []), ("vnet", []), ("include_sdn", ["enp1s0", "enp2s0", "vmbr0"])],
)  # fmt: skip
def test_types(site: Site, folder: Path, type: str, some: list[str]) -> None:
    assert names(site, type=type) == some


def test_a_type_that_is_none(site: Site, folder: Path) -> None:
    assert site.get(PLACE, query_string={"type": "other"}).status_code == 400


def test_bridges_are_seen_by_those_who_may_use_them(site: Site, folder: Path) -> None:
    assert names(site, "joe@pve") == ["enp1s0", "enp2s0"]
    acl = b"acl:1:/sdn/zones/localnetwork/vmbr0:joe@pve:PVESDNUser:\n"
    site.store.write("user.cfg", site.store.read("user.cfg").data + acl)
    assert "vmbr0" in names(site, "joe@pve")


def test_one_interface(site: Site, folder: Path) -> None:
    told = data(site.get(f"{PLACE}/vmbr0"))
    assert (told["type"], told["method"], told["bridge_ports"]) == ("bridge", "static", "enp1s0")
    assert data(site.get(f"{PLACE}/vmbr0?strict=1"))["bridge_fd"] == "0"
    assert data(site.get(f"{PLACE}/lo"))["type"] == "loopback"
    assert data(site.get(f"{PLACE}?strict=1"))[2]["mtu"] == 1400
    answer = site.get(f"{PLACE}/vmbr9")
    assert (answer.status_code, answer.json["message"]) == (500, "interface does not exist\n")
    assert site.call("GET", f"{PLACE}/vmbr0", "joe@pve").status_code == 403


def test_changes_that_wait_are_told(site: Site, folder: Path) -> None:
    (folder / pending.PENDING).write_text(NOW.replace("100.2/24", "100.3/24"))
    answer = site.get(f"{PLACE}/vmbr0")
    assert data(answer)["address"] == "198.51.100.3"
    assert "-\taddress 198.51.100.2/24\n+\taddress 198.51.100.3/24\n" in answer.json["changes"]
    assert answer.json["changes"] == site.get(PLACE).json["changes"]


def changed(site: Site, method: str, path: str = "", **values: object) -> Any:
    where = {"query_string": values} if method == "DELETE" else {"data": values}
    return data(site.call(method, PLACE + path, **where))


def told(site: Site, name: str) -> dict[str, Any]:
    found: dict[str, Any] = data(site.get(f"{PLACE}/{name}"))
    return found


def test_a_new_interface_waits(site: Site, folder: Path) -> None:
    changed(site, "POST", iface="vmbr1", type="bridge", cidr="192.0.2.7/25", autostart=1, bridge_ports="enp2s0",
            bridge_vlan_aware=1, comments="for guests\nof two racks", mtu=1400)  # fmt: skip
    bridge = told(site, "vmbr1")
    assert (bridge["method"], bridge["cidr"], bridge["mtu"]) == ("static", "192.0.2.7/25", "1400")
    assert (bridge["bridge_vlan_aware"], bridge["bridge_vids"]) == (1, "2-4094")
    assert bridge["comments"] == "for guests\nof two racks\n"
    assert (folder / pending.NAME).read_text() == NOW
    changed(site, "DELETE")
    assert names(site) == ["enp1s0", "enp2s0", "vmbr0"]
    assert "changes" not in site.get(PLACE).json


def test_properties_change_and_go(site: Site, folder: Path) -> None:
    changed(site, "PUT", "/vmbr0", type="bridge", cidr6="2001:db8::2/64", gateway6="2001:db8::1")
    bridge = told(site, "vmbr0")
    assert (bridge["families"], bridge["cidr"], bridge["method6"]) == (["inet", "inet6"], "198.51.100.2/24", "static")
    changed(site, "PUT", "/vmbr0", type="bridge", delete="cidr,gateway,mtu", bridge_ports="")
    bridge = told(site, "vmbr0")
    assert (bridge["families"], bridge["method"], bridge["bridge_ports"]) == (["inet6"], "manual", "")
    assert not {"address", "netmask", "cidr", "gateway", "mtu"} & set(bridge)
    changed(site, "PUT", "/vmbr0", type="bridge", address="198.51.100.9", netmask="255.255.255.0", autostart=0)
    bridge = told(site, "vmbr0")
    assert (bridge["cidr"], bridge.get("autostart")) == ("198.51.100.9/24", None)


def test_hardware_stays_when_it_is_forgotten(site: Site, folder: Path) -> None:
    changed(site, "PUT", "/enp2s0", type="eth", cidr="192.0.2.9/24")
    changed(site, "DELETE", "/enp2s0")
    assert told(site, "enp2s0")["method"] == "manual"
    changed(site, "DELETE", "/vmbr0")
    assert names(site) == ["enp1s0", "enp2s0"]


def test_bonds_and_vlans(site: Site, folder: Path) -> None:
    changed(site, "DELETE", "/vmbr0")
    changed(site, "POST", iface="bond0", type="bond", slaves="enp2s0,enp1s0", bond_mode="active-backup",
            **{"bond-primary": "enp2s0"})  # fmt: skip
    changed(site, "POST", iface="bond0.9", type="vlan", autostart=1)
    changed(site, "POST", iface="lab", type="vlan", **{"vlan-raw-device": "bond0", "vlan-id": 77})
    assert (told(site, "bond0")["slaves"], told(site, "bond0")["bond-primary"]) == ("enp1s0 enp2s0", "enp2s0")
    assert (told(site, "bond0.9")["vlan-id"], told(site, "lab")["vlan-id"]) == ("9", "77")


def test_open_vswitch(site: Site, folder: Path) -> None:
    changed(site, "POST", iface="vmbr1", type="OVSBridge", ovs_ports="enp2s0", autostart=1)
    changed(site, "POST", iface="inner", type="OVSIntPort", ovs_bridge="vmbr1", ovs_tag=5, cidr="192.0.2.3/24")
    assert told(site, "vmbr1")["ovs_ports"] == "enp2s0 inner"
    assert (told(site, "enp2s0")["type"], told(site, "inner")["ovs_tag"]) == ("OVSPort", "5")
    changed(site, "DELETE", "/inner")
    changed(site, "DELETE", "/enp2s0")
    assert (told(site, "vmbr1").get("ovs_ports", ""), told(site, "enp2s0")["type"]) == ("", "eth")


@pytest.mark.parametrize(
    ("method", "path", "values", "key"),
    [
        ("POST", "", {"iface": "vmbr0", "type": "bridge"}, "iface"),
        ("POST", "", {"iface": "vmbr1", "type": "vnet"}, "type"),
        ("POST", "", {"iface": "enp2s0.5", "type": "vlan", "gateway": "192.0.2.1", "cidr": "192.0.2.2/24"}, "gateway"),
        ("POST", "", {"iface": "vmbr1", "type": "bridge", "address": "192.0.2.1"}, "netmask"),
        ("POST", "", {"iface": "vmbr1", "type": "bridge", "bridge_ports": "nothing"}, "iface"),
        ("POST", "", {"iface": "vmbr1", "type": "eth"}, "iface"),
        ("POST", "", {"iface": "lab", "type": "vlan"}, "vlan-raw-device"),
        ("POST", "", {"iface": "lab", "type": "alias"}, "iface"),
        ("POST", "", {"iface": "lab", "type": "OVSIntPort"}, "ovs_bridge"),
        ("POST", "", {"iface": "lab", "type": "OVSIntPort", "ovs_bridge": "vmbr0"}, "ovs_bridge"),
        ("POST", "", {"iface": "vmbr1", "type": "OVSBridge", "ovs_options": "a=b\n\tup id"}, "ovs_options"),
        ("POST", "", {"iface": "vmbr1", "type": "OVSBridge", "ovs_options": "$(id)"}, "ovs_options"),
        ("PUT", "/vmbr0", {"type": "bridge", "delete": "mtu", "mtu": 1400}, "delete"),
        ("PUT", "/lo", {"type": "eth"}, "iface"),
        ("DELETE", "/lo", {}, "iface"),
    ],
)  # fmt: skip
def test_what_is_refused(
    site: Site, folder: Path, method: str, path: str, values: dict[str, object], key: str
) -> None:  # fmt: skip
    where = {"query_string": values} if method == "DELETE" else {"data": values}
    answer = site.call(method, PLACE + path, **where)
    assert (answer.status_code, list(answer.json["errors"])) == (400, [key]), answer.json
    assert not (folder / pending.PENDING).exists()


def test_a_comment_stays_a_comment(site: Site, folder: Path) -> None:
    text = "one\rup id\n\tup id\x0bup id\\\niface eth9 inet dhcp\u2028auto eth9\\"
    changed(site, "PUT", "/enp2s0", type="eth", comments=text)
    lines = (folder / pending.PENDING).read_bytes().split(b"\n")
    assert [line for line in lines if b"up id" in line or b"eth9" in line] == [
        b"#up id", b"#\tup id up id", b"#iface eth9 inet dhcp auto eth9"
    ]  # fmt: skip
    assert names(site) == ["enp1s0", "enp2s0", "vmbr0"]


def test_changes_need_the_privilege(site: Site, folder: Path) -> None:
    for method, path in (("POST", ""), ("PUT", "/vmbr0"), ("DELETE", "/vmbr0"), ("DELETE", "")):
        values = {"type": "bridge", **({"iface": "vmbr1"} if method == "POST" else {})}
        where = {} if method == "DELETE" else {"data": values}
        assert site.call(method, PLACE + path, "joe@pve", **where).status_code == 403
    assert site.call("PUT", f"{PLACE}/vmbr9", data={"type": "bridge"}).status_code == 500
    assert site.call("PUT", PLACE).status_code == 501
