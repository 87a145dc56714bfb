"""The edges to Corosync's libraries and the transport against one real Corosync, in a network of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest

from tests.lib import lightnodes
from tests.lib.agents import Agent
from tests.lib.lightnodes import Lab, Node

pytestmark = pytest.mark.skipif(bool(lightnodes.missing()), reason=lightnodes.missing())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Lab]:
    with lightnodes.lab(1) as lab:
        yield lab


@pytest.fixture
def node(cluster: Lab) -> Node:
    return cluster.nodes[1]


def python(node: Node, script: str) -> str:
    """What a script in the node prints; the modules are there already."""
    head = (
        f"import sys; sys.path.insert(0, {str(lightnodes.ROOT)!r})\n"
        "import select, time\n"
        "from hostd.cluster.corosync import cmap, cpg, library, votequorum\n"
        "from hostd.cluster.corosync.transport import CorosyncTransport\n"
        "from hostd.cluster.group.transport import *\n"
    )
    return node.run(sys.executable, "-c", head + script).strip()


def test_the_map_tells_configuration_and_statistics(node: Node) -> None:
    script = """
with cmap.Cmap() as running:
    print(running.get("totem.cluster_name"), running.get("nodelist.node.0.nodeid"))
    print(sorted(running.items("nodelist.node.0.ring")))
    try: running.get("no.such.key")
    except library.Missing as err: print(err.code.name)
    running.set_text("hostd.test", "ä b"); print(running.get("hostd.test"))
with cmap.Cmap(statistics=True) as statistics:
    print(statistics.items("stats.knet.node1.link0.")["stats.knet.node1.link0.enabled"])
"""
    assert python(node, script).splitlines() == [
        "lab 1",
        "['nodelist.node.0.ring0_addr', 'nodelist.node.0.ring1_addr']",
        "NOT_EXIST",
        "ä b",
        "1",
    ]


def test_votes_and_who_has_them(node: Node) -> None:
    script = """
quorum = votequorum.VoteQuorum()
mine = quorum.votes(1)
print(mine.votes, mine.expected, mine.total, mine.quorum, mine.state.name, votequorum.Flag.QUORATE in mine.flags)
try: quorum.votes(7)
except library.Missing as err: print(err.code.name)
quorum.close()
try: quorum.votes(1)
except library.Gone as err: print(err.code.name)
"""
    assert python(node, script).splitlines() == ["1 1 1 1 MEMBER True", "NOT_EXIST", "BAD_HANDLE"]


def test_a_message_returns_and_one_too_large_is_refused(node: Node) -> None:
    script = """
t = CorosyncTransport("a")
assert t.send(b"") and t.send(bytes(range(256))) and t.send(b"x" * t.max_message_bytes)
try: t.send(b"x" * (t.max_message_bytes + 1))
except ValueError as err: print(err)
seen = []
while sum(isinstance(e, Received) for e in seen) < 3:
    assert select.select([t], [], [], 10)[0]
    seen += t.poll()
first, quorum = (next(e for e in seen if isinstance(e, kind)) for kind in (View, Quorum))
assert first.members == first.joined == (t.own,) and quorum.quorate and quorum.ring == first.ring, seen
got = [e.data for e in seen if isinstance(e, Received)]
assert got == [b"", bytes(range(256)), b"x" * t.max_message_bytes] and seen.index(first) == 0
assert t.poll() == [] and not select.select([t], [], [], 0)[0]
t.close(); t.close()
"""
    assert "at most 1047552" in python(node, script)


def test_members_of_one_node_see_each_other_come_and_go(node: Node) -> None:
    one = Agent(node, "one")
    one.wait("view")
    two = Agent(node, "two")
    own = two.wait("own")["own"]
    came = one.wait("view", lambda v: own in v["joined"])
    assert len(came["members"]) == 2
    node.kill("two")
    left = one.wait("view", lambda v: own in v["left"])
    assert left["ring"] == came["ring"], "a process that ends changes no ring"
    assert left["members"] == [one.wait("own")["own"]]
    one.end()


def test_ctypes_callbacks_work_where_memory_is_never_writable_and_executable(node: Node) -> None:
    script = """
import ctypes
PR_SET_MDWE, REFUSE = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE, 0, 0, 0): print("no such option of the kernel")
t = CorosyncTransport("a")
while not any(isinstance(e, View) for e in t.poll()): select.select([t], [], [], 10)
print("works")
"""
    assert python(node, script).splitlines()[-1] == "works"


def test_without_corosync_it_is_gone_and_a_killed_one_is_lost(cluster: Lab) -> None:
    with lightnodes.lab(1) as lab:
        node = lab.nodes[1]
        agent = Agent(node)
        agent.wait("quorum")
        node.kill("corosync")
        assert agent.wait("lost")["reason"]
        assert agent.wait("ended"), "nothing keeps it awake afterwards"
        assert agent.process.wait(10) == 0
        absent = Agent(node).wait("failed")
        assert absent["kind"] == "Gone"
        assert "is corosync.service running?" in absent["text"]
        node.start_corosync_again()
        again = Agent(node, "again")
        assert again.wait("quorum")["quorate"]
        again.end()


def test_waiting_costs_no_time_of_the_processor(node: Node) -> None:
    agent = Agent(node)
    agent.wait("quorum")
    pid = node.run("cat", "/run/agent.pid").strip()
    stat = f"/proc/{pid}/stat"

    def ticks() -> int:
        fields = node.run("cat", stat).rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(2)
    assert ticks() - before <= 2
    agent.end()


def test_pvecm_asks_the_running_corosync(node: Node) -> None:
    script = """
from hostd.cli import pvecm
from hostd.api.rootclient import Answer
from hostd.cli.methods import Methods
from hostd.cli.program import Surroundings
totem = {"cluster_name": "lab", "config_version": "1"}
around = Surroundings(call=lambda *_: Answer(data=totem), methods=Methods([]), node="node1")
for words in (["status"], ["nodes"], ["expected", "1"], ["keygen", "/run/key"]):
    assert pvecm.SUITE.run(around, words) == 0
"""
    said = python(node, script)
    for part in ("Config Version:   1", "Quorate:          Yes", "Expected votes:   1", "node1 (local)"):
        assert part in said
    key = node.run("stat", "-c", "%a %s", "/run/key").split()
    assert key[0] == "400"
    assert int(key[1]) >= 256
