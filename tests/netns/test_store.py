"""The store of three nodes over real Corosync, each with its own mount: what is written on one is on all."""

from __future__ import annotations

import errno
import json

import pytest

from hostd.core.errors import Unavailable
from tests.lib.lightnodes import Lab
from tests.lib.storenodes import StoreNode, together, wait_for


def test_a_write_on_one_is_read_on_all(nodes: dict[int, StoreNode]) -> None:
    with nodes[1].client() as store:
        store.write("by-socket", b"from one\n")
    (nodes[2].pve / "by-mount").write_bytes(b"from two\n")
    for node in nodes.values():
        for name, data in (("by-socket", b"from one\n"), ("by-mount", b"from two\n")):
            wait_for(f"{name} on {node.node.name}", lambda n=node, m=name, d=data: (n.pve / m).read_bytes() == d)
            with node.client() as store:
                assert store.read(name).data == data
        assert sorted(p.name for p in (node.pve / "nodes").iterdir()) == ["node1", "node2", "node3"]


def test_members_tell_the_nodes_and_the_quorum(nodes: dict[int, StoreNode]) -> None:
    for number, node in nodes.items():
        told = json.loads(node.members())
        assert told["nodename"] == f"node{number}"
        assert told["cluster"] == {"name": "lab", "version": 3, "nodes": 3, "quorate": 1}
        assert told["nodelist"] == {f"node{n}": {"id": n, "online": 1, "ip": f"10.99.0.{n}"} for n in (1, 2, 3)}


def test_a_file_of_the_largest_size_passes(nodes: dict[int, StoreNode]) -> None:
    data = bytes(range(256)) * 4096
    assert len(data) == 1_048_576
    (nodes[3].pve / "large").write_bytes(data)
    with nodes[1].client() as store:
        wait_for("the large file", lambda: store.read("large").data == data)
    with nodes[2].client() as store:
        store.write("large", data[::-1])
    wait_for("the large file in the mount", lambda: (nodes[1].pve / "large").read_bytes() == data[::-1])


def test_an_isolated_node_reads_only_and_catches_up(lab: Lab, nodes: dict[int, StoreNode]) -> None:
    (nodes[1].pve / "before").write_bytes(b"before")
    wait_for("before", lambda: (nodes[3].pve / "before").read_bytes() == b"before")
    lab.partition([3])
    wait_for("it is noticed", lambda: json.loads(nodes[3].members())["cluster"]["quorate"] == 0)
    with pytest.raises(PermissionError) as denied:
        (nodes[3].pve / "alone").write_bytes(b"alone")
    assert denied.value.errno == errno.EACCES
    with nodes[3].client() as store, pytest.raises(Unavailable, match="read-only: no quorum"):
        store.write("alone", b"alone")
    assert (nodes[3].pve / "before").read_bytes() == b"before"
    online = {name: told["online"] for name, told in json.loads(nodes[3].members())["nodelist"].items()}
    assert online == {"node1": 0, "node2": 0, "node3": 1}
    wait_for("the others go on", nodes[1].is_open)
    (nodes[2].pve / "meanwhile").write_bytes(b"meanwhile")
    lab.heal()
    wait_for("it catches up", lambda: (nodes[3].pve / "meanwhile").read_bytes() == b"meanwhile")
    together(nodes.values())
    assert not (nodes[1].pve / "alone").exists()
