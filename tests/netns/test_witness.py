"""Two nodes and a real witness: every single loss is survived, and who was away never wins over who worked."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hostd.core.errors import Unavailable
from tests.lib import lightnodes, witness
from tests.lib.lightnodes import Lab
from tests.lib.storenodes import StoreNode, together, wait_for

WITNESS = 3

Pair = tuple[Lab, dict[int, StoreNode]]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with lightnodes.lab(3, corosync=False) as lab:
        witness.set_up(lab, WITNESS, [1, 2])
        yield lab, {number: StoreNode(lab.nodes[number]) for number in (1, 2)}


@pytest.fixture(autouse=True)
def _whole(pair: Pair) -> None:
    together(pair[1].values())
    for node in pair[1].values():
        wait_for("the witness's vote", lambda n=node: witness.votes(n.node) == 3)


def write(node: StoreNode, path: str, data: bytes) -> None:
    """As soon as the node takes it."""
    with node.client() as store:
        wait_for(f"{node.node.name} takes {path}", lambda: store.write(path, data).data == data)


def refusal(node: StoreNode) -> str:
    """Why the node takes no write; empty if it does."""
    try:
        with node.client() as store:
            store.write("refused", b"x")
    except Unavailable as err:
        return str(err)
    return ""


def power_on(node: StoreNode) -> None:
    node.power_on()
    witness.start_qdevice(node.node)


@pytest.mark.parametrize(("lost", "left"), [(1, 2), (2, 1)])
def test_one_node_is_lost(pair: Pair, lost: int, left: int) -> None:
    _, nodes = pair
    nodes[lost].node.power_off()
    write(nodes[left], f"while-{lost}-was-off", b"x")
    assert witness.votes(nodes[left].node) == 2
    power_on(nodes[lost])
    together(nodes.values())
    with nodes[lost].client() as store:
        assert store.read(f"while-{lost}-was-off").data == b"x"


def test_the_witness_is_lost(pair: Pair) -> None:
    lab, nodes = pair
    lab.nodes[WITNESS].kill("qnetd")
    for number, node in nodes.items():
        wait_for("its vote is gone", lambda n=node: witness.votes(n.node) == 2)
        write(node, f"without-witness-{number}", b"x")
    witness.start_qnetd(lab.nodes[WITNESS])


def test_the_nodes_lose_each_other_and_one_of_them_goes_on(pair: Pair) -> None:
    lab, nodes = pair
    for link in range(lab.links):  # the witness is on link 0, which stays: only the nodes do not hear each other
        for here, there in ((1, 2), (2, 1)):
            drop = f"add rule inet apart input ip saddr {lab.nodes[there].address(link)} drop"
            for words in ("add table inet apart", "add chain inet apart input { type filter hook input priority 0; }"):
                lab.nodes[here].run("nft", words)
            lab.nodes[here].run("nft", drop)
    wait_for("one has lost the quorum", lambda: {n.is_quorate() for n in nodes.values()} == {True, False})
    went_on, stands = sorted(nodes.values(), key=lambda n: not n.is_quorate())
    write(went_on, "apart", b"x")
    with stands.client() as store, pytest.raises(Unavailable, match="read-only"):
        store.write("apart", b"y")
    for number in (1, 2):
        lab.nodes[number].run("nft", "delete", "table", "inet", "apart")
    together(nodes.values())
    with stands.client() as store:
        assert store.read("apart").data == b"x"


def test_a_down_b_writes_b_down_a_up(pair: Pair) -> None:
    _, nodes = pair
    a, b = nodes[1], nodes[2]
    write(a, "turns", b"of both")
    a.node.power_off()
    write(b, "turns", b"of B alone")
    b.node.power_off()
    power_on(a)
    wait_for("A has the witness's vote", lambda: witness.votes(a.node) == 2 and a.is_quorate())
    with a.client() as store:
        wait_for("A knows that it may be behind", lambda: "may hold newer changes" in refusal(a))
        time.sleep(3)
        assert "the missing nodes (2) may hold newer changes" in refusal(a)
        assert store.read("turns").data == b"of both", "it can be read"
    power_on(b)
    together(nodes.values())
    with a.client() as store:
        assert store.read("turns").data == b"of B alone"
