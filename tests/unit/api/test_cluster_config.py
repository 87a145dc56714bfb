"""What the API tells of the cluster: on a host that joined none, and on one whose tree holds a corosync.conf."""

from __future__ import annotations

from typing import Any

from hostd.cluster import membership
from hostd.cluster.corosync import conf as model
from hostd.cluster.corosync.conf import ClusterConf, Node
from hostd.cluster.health import Clock, Health, Link
from hostd.cluster.standing import Member, Standing
from tests.fakes.run import FakeRun
from tests.unit.api.conftest import Site


def cluster() -> ClusterConf:
    first = Node(name="alpha", node_id=1, links={0: "192.0.2.1", 1: "198.51.100.1"})
    second = Node(name="beta", node_id=5, votes=2, links={0: "192.0.2.2", 1: "198.51.100.2"})
    return model.add_node(model.create("lab", first, priorities={1: 9}), second)


def data(answer: Any) -> Any:
    assert answer.status_code == 200, (answer.status, answer.data)
    return answer.json["data"]


def joined(site: Site) -> Site:
    site.store.write(membership.PATH, cluster().format().encode())
    return site


def test_a_host_without_cluster(site: Site) -> None:
    object.__setattr__(site.api._services.host, "run", FakeRun({"ip": "[]"}))
    assert {"nodes", "totem"} <= {row["name"] for row in data(site.get("/cluster/config"))}
    assert data(site.get("/cluster/config/nodes")) == []
    assert data(site.get("/cluster/config/totem")) == {}
    assert int(data(site.get("/cluster/config/apiversion"))) == 1
    assert [row["id"] for row in data(site.get("/cluster/status"))] == ["node/alpha"]


def test_nodes_and_settings_are_those_of_the_file(site: Site) -> None:
    nodes = data(joined(site).get("/cluster/config/nodes"))
    assert [(row["node"], row["nodeid"], row["quorum_votes"]) for row in nodes] == [
        ("alpha", "1", "1"),
        ("beta", "5", "2"),
    ]
    assert nodes[1]["ring1_addr"] == "198.51.100.2"
    totem = data(site.get("/cluster/config/totem"))
    assert (totem["cluster_name"], totem["config_version"]) == ("lab", "2")
    assert totem["interface"] == {"0": {"linknumber": "0"}, "1": {"linknumber": "1", "knet_link_priority": "9"}}


def test_status_shows_who_is_there(site: Site) -> None:
    there, away = Member("beta", 5, "192.0.2.2", online=True), Member("gamma", 6, "192.0.2.3", online=False)
    own = Member("alpha", 1, "192.0.2.1", online=False)  # its store does not run; it is here, as it answers
    site.store.join(Standing(version=9, name="lab", config=2, quorate=True, members=(own, there, away)))
    cluster_row, *rows = data(site.get("/cluster/status"))
    wanted = {"id": "cluster", "name": "lab", "type": "cluster", "version": 2, "nodes": 3, "quorate": 1}
    assert cluster_row == wanted
    assert [(row["name"], row["nodeid"], row["online"], row["local"], row["ip"]) for row in rows] == [
        ("alpha", 1, 1, 1, "192.0.2.1"),
        ("beta", 5, 1, 0, "192.0.2.2"),
        ("gamma", 6, 0, 0, "192.0.2.3"),
    ]


HEALTH = Health(
    links=(
        Link(node="beta", node_id=5, link=0, connected=True, round_trip_s=0.0004, loss=0.02, ups=2, downs=1),
        Link(node="beta", node_id=5, link=1, connected=False, round_trip_s=None, loss=None, ups=1, downs=1),
    ),
    clocks=(Clock(node="beta", offset_s=-0.5, error_s=0.001),),
    votes=3, votes_needed=2, votes_expected=3, retransmits=7, tokens_lost=1,
)  # fmt: skip


def test_status_tells_the_health_as_this_node_feels_it(site: Site) -> None:
    both = (Member("alpha", 1, "192.0.2.1", online=True), Member("beta", 5, "192.0.2.2", online=True))
    site.store.join(Standing(version=9, name="lab", config=2, quorate=True, members=both))
    site.store.condition = HEALTH
    cluster_row, own, other = data(site.get("/cluster/status"))
    assert cluster_row["health"] == {
        "votes": 3, "votes_needed": 2, "votes_expected": 3, "margin": 1, "retransmits": 7, "tokens_lost": 1,
    }  # fmt: skip
    assert "health" not in own
    assert other["health"] == {
        "links": [
            {"link": 0, "connected": 1, "ups": 2, "downs": 1, "round_trip": 0.0004, "loss": 0.02},
            {"link": 1, "connected": 0, "ups": 1, "downs": 1},
        ],
        "clock_offset": -0.5,
        "clock_error": 0.001,
    }


def test_metrics_tell_the_health_to_those_who_may_audit(site: Site) -> None:
    assert b"holdfast_cluster" not in site.get("/metrics").data
    site.store.condition = HEALTH
    lines = site.get("/metrics").data.decode().splitlines()
    for line in (
        'holdfast_cluster_quorum_margin{node="alpha"} 1',
        'holdfast_cluster_link_up{node="alpha",peer="beta",link="1"} 0',
        'holdfast_cluster_link_round_trip_seconds{node="alpha",peer="beta",link="0"} 0.0004',
        'holdfast_cluster_link_loss_ratio{node="alpha",peer="beta",link="0"} 0.02',
        'holdfast_cluster_clock_offset_seconds{node="alpha",peer="beta"} -0.5',
    ):
        assert line in lines
    assert 'holdfast_cluster_link_round_trip_seconds{node="alpha",peer="beta",link="1"}' not in "".join(lines)
    assert b"holdfast_cluster" not in site.call("GET", "/metrics", user="joe@pve").data


def test_a_wrong_file_is_named_and_nobody_else_may_look(site: Site) -> None:
    site.store.write(membership.PATH, b"totem {\n")
    answer = site.get("/cluster/config/nodes")
    assert "corosync.conf: section 'totem' is not ended" in answer.status
    for path in ("", "/nodes", "/totem", "/apiversion"):
        assert site.call("GET", f"/cluster/config{path}", user="joe@pve").status_code == 403
