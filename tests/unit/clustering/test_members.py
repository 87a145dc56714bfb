"""Who is admitted and how, and which corosync.conf a node takes over."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostd.cluster.corosync import conf as model
from hostd.cluster.corosync import follow
from hostd.cluster.corosync.conf import ClusterConf, Node
from hostd.cluster.corosync.follow import Follower
from hostd.clustering import members
from hostd.clustering.members import Wish
from hostd.core.errors import CommandFailed, Conflict, HostError, Invalid
from hostd.core.run import Result


def lab() -> ClusterConf:
    return model.create("lab", Node(name="alpha", node_id=1, links={0: "192.0.2.1", 1: "198.51.100.1"}))


BETA = Wish(name="beta", links={0: "192.0.2.2", 1: "198.51.100.2"})


def test_a_node_gets_the_lowest_free_number() -> None:
    conf = members.with_node(lab(), BETA)
    assert conf.node("beta").node_id == 2
    assert conf.version == 2


def test_a_name_is_taken_once_unless_it_is_to_be_replaced() -> None:
    conf = members.with_node(lab(), BETA)
    with pytest.raises(Conflict, match="already defined.*pvecm delnode beta"):
        members.with_node(conf, BETA)
    again = members.with_node(conf, Wish(name="beta", links=BETA.links, replace=True))
    assert [node.name for node in again.nodes] == ["alpha", "beta"]


def test_a_node_has_the_links_that_the_cluster_has() -> None:
    with pytest.raises(Invalid) as caught:
        members.with_node(lab(), Wish(name="beta", links={0: "192.0.2.2", 2: "203.0.113.2"}))
    assert set(caught.value.errors) == {"link1", "link2"}


def test_links_as_callers_write_them() -> None:
    given = {"link0": "192.0.2.1", "link1": "address=198.51.100.1,priority=9"}
    assert members.links_of(given) == ({0: "192.0.2.1", 1: "198.51.100.1"}, {1: 9})
    with pytest.raises(Invalid):
        members.links_of({"link0": "priority=1"})


def test_a_newer_configuration_of_this_cluster_with_this_node_is_taken_over() -> None:
    old, new = lab(), members.with_node(lab(), BETA)
    assert follow.newer(old.format(), new.format().encode(), "alpha") == new.format()
    assert follow.newer(new.format(), new.format().encode(), "alpha") is None
    assert follow.newer(new.format(), old.format().encode(), "alpha") is None


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (b"totem {\n", ""),
        (model.remove_node(members.with_node(lab(), BETA), "alpha").format().encode(), "no longer in cluster"),
        (members.with_node(lab(), BETA).format().replace("name: lab", "name: other").encode(), "of cluster 'other'"),
        (members.with_node(lab(), BETA).format().replace("nodeid: 2", "nodeid: 1").encode(), "nodeid"),
    ],
)
def test_what_must_not_be_used(stored: bytes, said: str) -> None:
    with pytest.raises(HostError, match=said):
        follow.newer(lab().format(), stored, "alpha")


def test_the_follower_writes_reloads_and_complains_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, ran = tmp_path / "corosync.conf", []
    place.write_text(lab().format())

    def run(argv: list[str], **_more: object) -> Result:
        ran.append(argv)
        if len(ran) > 1:
            raise CommandFailed(argv, 1, "no")
        return Result(argv=argv, code=0, stdout="", stderr="")

    said: list[str] = []
    monkeypatch.setattr(follow.log, "warning", lambda text, *values: said.append(text % values))
    follower = Follower(place, "alpha", run)  # type: ignore[arg-type]
    second = members.with_node(lab(), BETA)
    assert follower.offer(second.format().encode())
    assert place.read_text() == second.format()
    assert ran == [["corosync-cfgtool", "-R"]]
    assert not follower.offer(second.format().encode())
    for _ in range(2):
        assert not follower.offer(b"totem {\n")
    assert len(said) == 1
    assert "is not used" in said[0]
    assert place.read_text() == second.format()
    third = model.remove_node(second, "beta")
    assert follower.offer(third.format().encode())
    assert "does not take over" in said[-1]
