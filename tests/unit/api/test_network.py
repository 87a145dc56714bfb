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
