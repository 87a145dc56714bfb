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
    machine = machines.plan_values({"net0": "virtio", "net1": "virtio=52:54:00:00:00:01"}, counting, "02:AB:CD")
    assert machine.values == {"net0": "virtio=02:AB:CD:A0:A1:A2", "net1": "virtio=52:54:00:00:00:01"}
    container = containers.plan_values({"net0": "name=eth0"}, counting, "02:AB:CD")
    assert container.values == {"net0": "hwaddr=02:AB:CD:A0:A1:A2,name=eth0"}
