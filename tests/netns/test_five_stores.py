"""The store of five nodes: load from all, every cable cut in turn, one node and then two apart from the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hostd.core.errors import Unavailable
from tests.lib.lightnodes import Lab
from tests.lib.storeload import check, load, write_at_once
from tests.lib.storenodes import StoreNode, stores, together, wait_for

# knet is patient with a link that has just come up (ten times its time-out at first, less with each answer), so that
# a cable is cut only when the one cut before is trusted again.
SETTLE_S = 14
FAILOVER_S = 4.0  # half a token until knet gives the link up, a quarter until the token is sent again; busy processors

Five = tuple[Lab, dict[int, StoreNode]]


@pytest.fixture(scope="module")
def five() -> Iterator[Five]:
    with stores(5) as both:
        together(both[1].values())
        yield both


@pytest.fixture(autouse=True)
def _whole(five: Five) -> None:
    five[0].heal()
    together(five[1].values())


def test_a_thousand_writes_from_five_nodes_at_once(five: Five) -> None:
    write_at_once(five[1], count=25)


def test_every_cable_is_cut_in_turn_and_no_write_is_lost_or_refused(five: Five) -> None:
    lab, nodes = five
    time.sleep(SETTLE_S)
    with load(nodes.values(), per_node=1) as writers:
        for link in range(lab.links):
            for number in nodes:
                lab.cut(number, link)
            time.sleep(FAILOVER_S)
            for number in nodes:
                lab.mend(number, link)
            time.sleep(SETTLE_S)
        for number in nodes:
            lab.cut(number, number % lab.links)  # of some the first cable, of the others the second: no common link
            time.sleep(0.5)
            lab.mend(number, number % lab.links)
    longest = max(writer.longest_s for writer in writers)
    print(f"{sum(len(w.acknowledged) for w in writers)} acknowledged, longest answer {longest:.1f} s")
    assert [(w.refused, w.unknown) for w in writers] == [(0, set())] * len(writers)
    assert longest < FAILOVER_S
    check(writers, nodes)


def test_one_is_isolated_then_two_are_apart(five: Five) -> None:
    lab, nodes = five
    with load([nodes[3], nodes[4], nodes[5]], per_node=1) as writers:
        for alone in ([1], [1, 2]):
            lab.partition(alone)
            for number in alone:
                wait_for(f"{number} has no quorum", lambda n=number: not nodes[n].is_quorate())
                with nodes[number].client() as store, pytest.raises(Unavailable, match="no quorum"):
                    store.write("alone", b"x")
            wait_for("the others go on", nodes[5].is_open)
    lab.heal()
    check(writers, nodes)
