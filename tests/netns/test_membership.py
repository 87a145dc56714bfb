"""The transport on three nodes with real Corosync: views, order, quorum, cut cables, crashes, large messages."""

from __future__ import annotations

import signal
import time

from hostd.cluster.corosync import conf
from tests.lib.agents import Agent, Told, member_nodes
from tests.lib.lightnodes import Lab
from tests.netns.conftest import together

MOST_BYTES = 1_047_552
TOKEN_S = (conf.TOKEN_MS + conf.TOKEN_COEFFICIENT_MS) / 1000  # of three nodes, at the settings that we ship
# knet is patient with a link that has just come up: ten times its time-out at first, less with each answer
SETTLE_S = 12
LOSS_S = TOKEN_S * 2.2  # a lost token, then consensus without the lost node


def heard(agent: Agent) -> list[tuple[int, str]]:
    """Sending node and first words of each message, in the order of delivery."""
    return [(told["sender"][0], told["head"]) for told in agent.all("received")]


def wait_count(agent: Agent, count: int) -> None:
    for _ in range(2000):
        if len(agent.all("received")) >= count:
            return
        time.sleep(0.02)
    raise AssertionError(f"{agent.node.name} got {len(agent.all('received'))} of {count} messages")


def links_up(agent: Agent, other: int) -> list[int]:
    """Of each link to another node, whether knet sees it alive."""
    keys = [f"stats.knet.node{other}.link{link}.connected" for link in (0, 1)]
    return [int(agent.node.run("corosync-cmapctl", "-m", "stats", "-g", key).split()[-1]) for key in keys]


def changes(agent: Agent, after: int) -> list[Told]:
    return agent.all("view", after=after) + agent.all("quorum", after=after)


def test_three_nodes_are_one_ring_with_quorum(agents: list[Agent]) -> None:
    last = [agent.all("view")[-1] for agent in agents]
    assert all(view["members"] == last[0]["members"] for view in last)
    assert member_nodes(last[0]) == [1, 2, 3]
    assert [agent.all("own")[0]["own"] for agent in agents] == last[0]["members"]
    assert {tuple(agent.all("quorum")[-1]["ring"]) for agent in agents} == {tuple(view["ring"]) for view in last}


def test_messages_of_three_senders_come_in_one_order(agents: list[Agent]) -> None:
    for agent in agents:
        agent.command("send", count=200, size=300, tag=f"n{agent.node.number}")
    for agent in agents:
        wait_count(agent, 600)
    orders = [heard(agent) for agent in agents]
    assert orders[0] == orders[1] == orders[2]
    for number in (1, 2, 3):
        assert [head for sender, head in orders[0] if sender == number] == [f"n{number} {n}" for n in range(200)]


def test_a_cut_link_changes_nothing(cluster: Lab, agents: list[Agent]) -> None:
    time.sleep(SETTLE_S)
    marks = [agent.mark() for agent in agents]
    cluster.cut(1, 0)
    until = time.monotonic() + LOSS_S + 1
    sent = 0
    while time.monotonic() < until:
        agents[sent % 3].command("send", count=1, size=100, tag=f"m{sent}")
        sent += 1
        time.sleep(0.1)
    for agent in agents:
        wait_count(agent, sent)
    assert links_up(agents[0], 2) == [0, 1], "the cable was really cut"
    assert [changes(agent, mark) for agent, mark in zip(agents, marks, strict=True)] == [[], [], []]
    cluster.mend(1, 0)


def test_an_isolated_node_loses_quorum_and_gets_it_back(cluster: Lab, agents: list[Agent]) -> None:
    marks = [agent.mark() for agent in agents]
    alone, *others = agents
    start = time.monotonic()
    cluster.partition([1])
    view = alone.wait("view", lambda v: member_nodes(v) == [1], after=marks[0])
    assert not alone.wait("quorum", lambda q: q["ring"] == view["ring"], after=marks[0])["quorate"]
    assert alone.wait("quorum", after=marks[0])["at"] - start < LOSS_S + 1
    for agent, mark in zip(others, marks[1:], strict=True):
        theirs = agent.wait("view", lambda v: member_nodes(v) == [2, 3], after=mark)
        assert [node for node, _ in theirs["left"]] == [1]
        assert agent.wait("quorum", lambda q, ring=theirs["ring"]: q["ring"] == ring, after=mark)["quorate"]
        assert theirs["ring"] != view["ring"]
    alone.command("send", count=1, size=50, tag="alone")
    alone.wait("received", lambda m: m["head"] == "alone 0")
    marks = [agent.mark() for agent in agents]
    cluster.heal()
    together(agents, after=marks)
    agents[2].command("send", count=1, size=50, tag="after")
    for agent in agents:
        agent.wait("received", lambda m: m["head"] == "after 0")
    assert all((1, "alone 0") not in heard(agent) for agent in others), "a message of a lonely ring stays there"


def test_a_killed_corosync_is_lost_and_comes_back(cluster: Lab, agents: list[Agent]) -> None:
    node, marks = cluster.nodes[2], [agent.mark() for agent in agents]
    node.kill("corosync")
    agents[1].wait("lost")
    for n in (0, 2):
        view = agents[n].wait("view", lambda v: member_nodes(v) == [1, 3], after=marks[n])
        assert agents[n].wait("quorum", lambda q, ring=view["ring"]: q["ring"] == ring, after=marks[n])["quorate"]
    marks = [agent.mark() for agent in agents]
    node.start_corosync_again()
    group = agents[1].group
    again = Agent(node, "again", group)
    together([agents[0], again, agents[2]], after=[marks[0], 0, marks[2]])
    again.end()


def test_a_killed_daemon_leaves_the_ring_as_it_is(agents: list[Agent]) -> None:
    ring, marks = agents[0].all("view")[-1]["ring"], [agent.mark() for agent in agents]
    agents[2].node.kill("agent")
    for agent, mark in zip(agents[:2], marks, strict=False):
        view = agent.wait("view", after=mark)
        assert (view["ring"], member_nodes(view), [n for n, _ in view["left"]]) == (ring, [1, 2], [3])
        assert agent.all("quorum", after=mark) == []


def test_a_node_without_power_is_missed_and_welcomed_back(cluster: Lab, agents: list[Agent]) -> None:
    marks = [agent.mark() for agent in agents]
    cluster.nodes[3].power_off()
    for agent, mark in zip(agents[:2], marks, strict=False):
        agent.wait("view", lambda v: member_nodes(v) == [1, 2], after=mark)
    node = cluster.add(3)
    marks = [agent.mark() for agent in agents]
    node.start_corosync_again()
    again = Agent(node, group=agents[0].group)
    together([*agents[:2], again], after=[*marks[:2], 0])
    again.end()


def test_messages_of_the_largest_size_pass(agents: list[Agent]) -> None:
    for agent in agents:
        assert agent.all("own")[0]["max"] == MOST_BYTES
        agent.command("send", count=3, size=MOST_BYTES, tag=f"n{agent.node.number}")
    for agent in agents:
        wait_count(agent, 9)
        assert {told["size"] for told in agent.all("received")} == {MOST_BYTES}
    assert heard(agents[0]) == heard(agents[1]) == heard(agents[2])


def test_ten_thousand_messages_at_once_lose_none(agents: list[Agent]) -> None:
    for agent in agents:
        agent.command("quiet")
    daemon = agents[0].node
    daemon.kill("corosync", signal.SIGSTOP, wait=False)  # for less than a token: nothing but its buffers notice
    for agent, count in zip(agents, (6000, 2000, 2000), strict=True):
        agent.command("send", count=count, size=1000, tag=f"n{agent.node.number}")
    time.sleep(0.5)
    daemon.kill("corosync", signal.SIGCONT, wait=False)
    sent = [agent.wait("sent") for agent in agents]
    assert all(told["refused"] for told in sent), "senders were told to wait"
    for agent in agents:
        for _ in range(500):
            mark = agent.mark()
            agent.command("digest")
            if agent.wait("digest", after=mark)["count"] == 10_000:
                break
            time.sleep(0.1)
    digests = [agent.all("digest")[-1] for agent in agents]
    assert [told["count"] for told in digests] == [10_000] * 3
    assert len({told["digest"] for told in digests}) == 1, "same messages in the same order"
