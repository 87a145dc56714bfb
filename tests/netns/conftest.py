"""Three light nodes with one Corosync cluster for all tests of a module, whole again before each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.lib import lightnodes, storenodes
from tests.lib.agents import Agent, member_nodes
from tests.lib.lightnodes import Lab
from tests.lib.storenodes import StoreNode

GROUPS = itertools.count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if reason := lightnodes.missing():
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Lab]:
    with lightnodes.lab(3) as lab:
        yield lab


def together(agents: list[Agent], *, after: list[int] | None = None) -> list[int]:
    """Wait until all are in one view and a quorate ring, the same for all; returns the ring."""
    marks = after or [0] * len(agents)
    nodes = sorted(agent.node.number for agent in agents)
    rings = set()
    for agent, mark in zip(agents, marks, strict=True):
        view = agent.wait("view", lambda v: member_nodes(v) == nodes, after=mark)
        agent.wait("quorum", lambda q, ring=view["ring"]: q["quorate"] and q["ring"] == ring)
        rings.add(tuple(view["ring"]))
    assert len(rings) == 1, rings
    return list(rings.pop())


@pytest.fixture
def agents(cluster: Lab) -> Iterator[list[Agent]]:
    """A member of a new group on each node, all together."""
    cluster.heal()
    group = f"group{next(GROUPS)}"
    made = [Agent(node, group=group) for node in cluster.nodes.values()]
    try:
        together(made)
        yield made
    finally:
        for agent in made:
            agent.end()


@pytest.fixture(scope="module")
def three_stores() -> Iterator[tuple[Lab, dict[int, StoreNode]]]:
    with storenodes.stores(3) as both:
        yield both


@pytest.fixture
def lab(three_stores: tuple[Lab, dict[int, StoreNode]]) -> Lab:
    """The laboratory that ``nodes`` live in."""
    return three_stores[0]


@pytest.fixture
def nodes(three_stores: tuple[Lab, dict[int, StoreNode]]) -> dict[int, StoreNode]:
    """Three nodes that hold the store, all together, by number."""
    lab, nodes = three_stores
    lab.heal()
    storenodes.together(nodes.values())
    return nodes
