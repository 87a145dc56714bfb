"""Addresses of new cards."""

from __future__ import annotations

import pytest

from hostd.cluster.store import MemoryStore
from hostd.guests.lxc import plan as containers
from hostd.guests.macs import cluster_prefix, new_mac
from hostd.guests.qemu import plan as machines


def counting(count: int) -> bytes:
    return bytes(range(0xA0, 0xA0 + count))


@pytest.mark.parametrize(
    ("prefix", "mac"),
    [
        ("BC:24:11", "BC:24:11:A0:A1:A2"),
        ("02:ab:cd:", "02:AB:CD:A0:A1:A2"),
        ("02:AB", "02:AB:A0:A1:A2:A3"),
        ("0a", "0A:A0:A1:A2:A3:A4"),
    ],
)
def test_a_prefix_is_filled_up(prefix: str, mac: str) -> None:
    assert new_mac(counting, prefix) == mac


def test_the_clusters_prefix() -> None:
    store = MemoryStore("alpha")
    assert cluster_prefix(store) == "BC:24:11"
    store.write("datacenter.cfg", b"mac_prefix: 02:AB\n")
    assert cluster_prefix(store) == "02:AB"
    store.write("datacenter.cfg", b"mac_prefix: 01:AB\n")  # no address of a single card: as if it were not there
    assert cluster_prefix(store) == "BC:24:11"


def test_new_cards_have_it_and_those_that_have_an_address_keep_it() -> None:
    values = {"net0": "virtio", "net1": "virtio=52:54:00:00:00:01", "memory": "64"}
    plan = machines.identified(machines.plan_values(values), counting, "02:AB:CD")
    assert plan.values == values | {"net0": "virtio=02:AB:CD:A0:A1:A2"}
    values = {"net0": "name=eth0", "memory": "64", "rootfs": "local:1"}
    made = containers.identified(containers.plan_values(values), counting, "02:AB:CD")
    assert made.values == values | {"net0": "hwaddr=02:AB:CD:A0:A1:A2,name=eth0"}
    assert [new.storage for new in made.new] == ["local"]


@pytest.mark.parametrize(("given", "kept"), [("1", "00000000-0000-4000-8000-000000000000"), ("0", "0")])
def test_a_generation_that_asks_for_an_id_has_a_new_one(given: str, kept: str) -> None:
    assert machines.identified(machines.Plan(values={"vmgenid": given}), bytes, "02:AB").values == {"vmgenid": kept}
