"""What the API tells of the cluster: on a host that joined none, and on one whose tree holds a corosync.conf."""

from __future__ import annotations

from typing import Any

from hostd.cluster import membership
from hostd.cluster.corosync import conf as model
from hostd.cluster.corosync.conf import ClusterConf, Node
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


def test_a_wrong_file_is_named_and_nobody_else_may_look(site: Site) -> None:
    site.store.write(membership.PATH, b"totem {\n")
    answer = site.get("/cluster/config/nodes")
    assert "corosync.conf: section 'totem' is not ended" in answer.status
    for path in ("", "/nodes", "/totem", "/apiversion"):
        assert site.call("GET", f"/cluster/config{path}", user="joe@pve").status_code == 403
