"""What the daemon of a cluster's node decides: is it one, who holds data, is the quorum forced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hostd.cluster.corosync.conf import Node
from hostd.cluster.corosync.running import is_forced, nodes_of
from hostd.cluster.corosync.votequorum import Flag, State, Votes
from hostd.cluster.fs import special
from hostd.cluster.fs.clustered import one_change
from hostd.cluster.fs.service import is_configured
from hostd.cluster.standing import Member, Standing, from_wire, to_wire


def test_a_cluster_needs_configuration_and_key(tmp_path: Path) -> None:
    assert not is_configured(tmp_path)
    (tmp_path / "corosync.conf").touch()
    assert not is_configured(tmp_path), "the example of Debian's package"
    (tmp_path / "authkey").touch()
    assert is_configured(tmp_path)


@pytest.mark.parametrize(
    ("now", "wanted", "then"),
    [
        ((1, 2), (1, 2, 3, 4), (1, 2, 3)),
        ((1, 2, 3), (1, 2), (1, 2)),
        ((1, 2, 3), (4, 5), (1, 2, 3, 4)),
        ((1, 2, 3, 4, 5), (4, 5), (2, 3, 4, 5)),
        ((1,), (1,), (1,)),
    ],
)
def test_nodes_change_one_at_a_time(now: tuple[int, ...], wanted: tuple[int, ...], then: tuple[int, ...]) -> None:
    assert one_change(now, wanted) == then


def test_nodes_come_from_the_running_corosync() -> None:
    items: dict[str, int | float | str | bytes] = {
        "nodelist.node.1.nodeid": 7,
        "nodelist.node.1.name": "b",
        "nodelist.node.1.ring0_addr": "10.0.0.7",
        "nodelist.node.1.ring1_addr": "10.1.0.7",
        "nodelist.node.1.quorum_votes": 0,
        "nodelist.node.0.nodeid": 9,
        "nodelist.node.0.name": "a",
        "nodelist.node.2.name": "no number",
        "nodelist.local_node_pos": 1,
    }
    assert nodes_of(items) == (
        Node(name="b", node_id=7, votes=0, links={0: "10.0.0.7", 1: "10.1.0.7"}),
        Node(name="a", node_id=9),
    )


@pytest.mark.parametrize(
    ("expected", "flags", "forced"),
    [(3, Flag.QUORATE, False), (1, Flag.QUORATE, True), (4, Flag(0), False), (2, Flag.LAST_MAN_STANDING, False)],
)
def test_quorum_is_forced_where_fewer_votes_are_expected(expected: int, flags: Flag, *, forced: bool) -> None:
    votes = Votes(
        node_id=1, state=State.MEMBER, votes=1, expected=expected, highest_expected=3, total=1, quorum=1, flags=flags,
        qdevice_votes=0, qdevice="",
    )  # fmt: skip
    assert is_forced(votes, tuple(Node(name=f"n{n}", node_id=n) for n in (1, 2, 3))) is forced


def test_members_tell_the_cluster() -> None:
    there = Member("a", 1, "10.0.0.1", online=True)
    away = Member("b", 2, "10.0.0.2", online=False)
    standing = Standing(version=5, name="lab", config=3, quorate=False, members=(there, away))
    assert json.loads(special.members("a", standing)) == {
        "nodename": "a",
        "version": 5,
        "cluster": {"name": "lab", "version": 3, "nodes": 2, "quorate": 0},
        "nodelist": {
            "a": {"id": 1, "online": 1, "ip": "10.0.0.1"},
            "b": {"id": 2, "online": 0, "ip": "10.0.0.2"},
        },
    }


def test_the_standing_survives_the_wire() -> None:
    there = Member("a", 1, "10.0.0.1", online=True, others=("10.1.0.1", "fd00::1"))
    standing = Standing(
        version=5, name="lab", config=3, quorate=True, members=(there, Member("b", 2, "", online=False))
    )
    assert from_wire(to_wire(standing)) == standing
    assert from_wire(to_wire(None)) is None
    assert there.addresses == ("10.0.0.1", "10.1.0.1", "fd00::1")
    assert standing.members[1].addresses == ()
    assert standing.member("b") is standing.members[1]
    assert standing.member("c") is None
