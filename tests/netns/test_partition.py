"""Five nodes in two parts: each agrees on its own view, one has quorum, and the parts become one again."""

from __future__ import annotations

from tests.lib import lightnodes
from tests.lib.agents import Agent, Told, member_nodes
from tests.netns.conftest import together

SMALL, LARGE = (1, 2), (3, 4, 5)


def nodes(told: Told, key: str) -> list[int]:
    return [node for node, _ in told[key]]


def test_the_larger_half_goes_on_and_the_smaller_stands_still() -> None:
    with lightnodes.lab(5) as lab:
        agents = {number: Agent(node) for number, node in lab.nodes.items()}
        together(list(agents.values()))
        marks = {number: agent.mark() for number, agent in agents.items()}
        lab.partition(SMALL, LARGE)
        for side, quorate in ((SMALL, False), (LARGE, True)):
            rings = set()
            for number in side:
                view = agents[number].wait(
                    "view", lambda v, side=side: member_nodes(v) == list(side), after=marks[number]
                )
                ring = view["ring"]
                verdict = agents[number].wait("quorum", lambda q, ring=ring: q["ring"] == ring, after=marks[number])
                assert verdict["quorate"] is quorate
                rings.add(tuple(ring))
            assert len(rings) == 1
            agents[side[0]].command("send", count=1, size=20, tag=f"from {side[0]}")
            for number in side:
                agents[number].wait("received", lambda m, side=side: m["head"] == f"from {side[0]} 0")
        marks = {number: agent.mark() for number, agent in agents.items()}
        lab.heal()
        together(list(agents.values()), after=list(marks.values()))
        for number, agent in agents.items():
            others = LARGE if number in SMALL else SMALL
            came = [node for view in agent.all("view", after=marks[number]) for node in nodes(view, "joined")]
            assert sorted(came) == list(others), "each side sees the other as those who came"
            assert all(told["sender"][0] not in others for told in agent.all("received")), (
                "what was missed stays missed"
            )
        for agent in agents.values():
            agent.end()
