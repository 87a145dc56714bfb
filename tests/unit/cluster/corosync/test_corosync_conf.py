"""The model of corosync.conf: what a cluster may look like, and how it changes."""

from __future__ import annotations

import pytest

from hostd.cluster.corosync import conf as model
from hostd.cluster.corosync.conf import ClusterConf, Node
from hostd.core.errors import Conflict, Invalid, NotFound


def node(number: int, **changes: object) -> Node:
    values: dict[str, object] = {
        "name": f"n{number}",
        "node_id": number,
        "links": {0: f"10.1.0.{number}", 1: f"fd00::{number}"},
    }
    return Node(**{**values, **changes})  # type: ignore[arg-type]


def cluster(count: int = 3) -> ClusterConf:
    conf = model.create("lab", node(1))
    for number in range(2, count + 1):
        conf = model.add_node(conf, node(number))
    return conf


def test_a_new_cluster() -> None:
    conf = model.create("lab", node(1, votes=2), priorities={1: 20})
    assert (conf.name, conf.version, conf.nodes) == ("lab", 1, (node(1, votes=2),))
    assert conf.links == {0: None, 1: 20}
    assert conf.qdevice is None
    totem = conf.totem.values()
    assert totem["secauth"] == "on"
    assert totem["token_coefficient"] == "125"
    assert ClusterConf.parse(conf.format()) == conf


def test_nodes_come_and_go_and_each_change_is_a_version() -> None:
    conf = cluster(3)
    assert conf.version == 3
    assert [n.node_id for n in conf.nodes] == [1, 2, 3]
    less = model.remove_node(conf, "n2")
    assert (less.version, [n.name for n in less.nodes]) == (4, ["n1", "n3"])
    assert model.free_node_id(less) == 2
    assert model.free_node_id(conf) == 4


def test_what_is_not_known_survives() -> None:
    text = cluster(2).format()
    text = text.replace("totem {\n", "totem {\n  # why\n  knet_mtu: 1400\n").replace(
        "name: n1\n", "name: n1\n    zone: a\n"
    )
    text += "\nresources {\n  watchdog {\n    state: off\n  }\n}\n"
    conf = ClusterConf.parse(text)
    changed = model.change_links(model.add_node(conf, node(3)), {"n1": {0: "10.1.0.9", 1: "fd00::9"}}).format()
    for kept in ("  # why\n", "  knet_mtu: 1400\n", "    zone: a\n", "\nresources {\n  watchdog {\n    state: off\n"):
        assert kept in changed
    assert ClusterConf.parse(changed).node("n1").links == {0: "10.1.0.9", 1: "fd00::9"}


def test_links_change_together() -> None:
    conf = cluster(2)
    one = {f"n{n}": {0: f"10.1.0.{n}", 5: f"10.5.0.{n}"} for n in (1, 2)}
    changed = model.change_links(conf, one, priorities={5: 7})
    assert changed.links == {0: None, 5: 7}
    assert changed.version == conf.version + 1
    with pytest.raises(Invalid, match="all have the same"):
        model.change_links(conf, {"n1": one["n1"]})


def test_a_witness() -> None:
    even = model.set_qdevice(cluster(2), "10.1.0.50")
    assert even.qdevice == model.QDevice(host="10.1.0.50", algorithm="ffsplit")
    assert even.file.section("quorum").section("device").get("votes") == "1"
    odd = model.set_qdevice(cluster(3), "witness.example.org")
    assert odd.qdevice == model.QDevice(host="witness.example.org", algorithm="lms")
    assert odd.file.section("quorum").section("device").get("votes") is None, (
        "one for each node but one, says the daemon"
    )
    assert ClusterConf.parse(odd.format()) == odd
    assert model.remove_qdevice(even).qdevice is None
    assert len(model.add_node(even, node(3)).nodes) == 3, "one vote fits any number of nodes"
    assert model.remove_node(even, "n1").qdevice == even.qdevice
    for change in (lambda: model.add_node(odd, node(4)), lambda: model.remove_node(odd, "n1")):
        with pytest.raises(Conflict, match="remove it first"):
            change()
    with pytest.raises(Conflict, match="already"):
        model.set_qdevice(even, "10.1.0.51")
    assert model.set_qdevice(cluster(3), "10.1.0.50", "ffsplit").qdevice == even.qdevice
    with pytest.raises(Invalid) as refused:
        model.set_qdevice(cluster(2), "10.1.0.50", "test")
    assert refused.value.errors == {"algorithm": "'test': allowed are ffsplit, lms"}
    with pytest.raises(NotFound, match="no QDevice"):
        model.remove_qdevice(cluster(2))


@pytest.mark.parametrize(
    ("new", "key", "says"),
    [
        (node(1, name="n9"), "nodelist.node[1].nodeid", r"'1' is that of nodelist.node\[0\].nodeid"),
        (node(2, name="N1"), "nodelist.node[1].name", "already"),
        (node(2, name="n_2"), "nodelist.node[1].name", "letters, digits and inner dashes"),
        (node(0), "nodelist.node[1].nodeid", "a number from 1 to"),
        (node(2, votes=-1), "nodelist.node[1].quorum_votes", "a number from 0"),
        (node(2, links={0: "10.1.0.1", 1: "fd00::2"}), "nodelist.node[1].ring0_addr", "already"),
        (node(2, links={0: "10.1.0.2"}), "nodelist.node[1].ring1_addr", "is missing: other nodes have links 0, 1"),
        (node(2, links={}), "nodelist.node[1].ring0_addr", "no link"),
        (node(2, links={0: "fd00::2", 1: "fd00::3"}), "nodelist.node[1].ring0_addr", "IPv6, .* is IPv4"),
        (node(2, links={0: "10.1.0.256", 1: "fd00::2"}), "nodelist.node[1].ring0_addr", "'10.1.0.256'"),
        (node(2, links={0: "a b", 1: "fd00::2"}), "nodelist.node[1].ring0_addr", "host name is needed"),
        (node(2, links={0: "10.1.0.2", 8: "fd00::2"}), "nodelist.node[1].ring8_addr", "allowed are 0 to 7"),
    ],
)
def test_a_node_that_does_not_fit_is_refused(new: Node, key: str, says: str) -> None:
    with pytest.raises(Invalid, match=says) as caught:
        model.add_node(cluster(1), new)
    assert key in caught.value.errors


def test_eight_links_and_host_names() -> None:
    conf = model.create("lab", Node(name="a", node_id=1, links={n: f"a-{n}.example.org" for n in range(8)}))
    assert list(conf.links) == list(range(8))


def test_a_file_is_checked_as_a_whole() -> None:
    text = cluster(2).format().replace("version: 2\n", "version: 3\n").replace("cluster_name: lab", "cluster_name: a_b")
    text = text.replace("corosync_votequorum", "none").replace("linknumber: 1", "linknumber: 8")
    with pytest.raises(Invalid) as caught:
        ClusterConf.parse(text)
    assert set(caught.value.errors) == {
        "totem.version",
        "totem.cluster_name",
        "quorum.provider",
        "totem.interface[1].linknumber",
    }


def test_the_last_node_stays_and_names_are_told() -> None:
    with pytest.raises(Conflict, match="only node"):
        model.remove_node(cluster(1), "n1")
    with pytest.raises(NotFound, match="n1, n2, n3"):
        model.remove_node(cluster(3), "other")


def test_a_name_is_short_and_a_coefficient_can_be_chosen() -> None:
    with pytest.raises(Invalid, match="cluster_name"):
        model.create("a" * 16, node(1))
    assert model.create("lab", node(1), token_coefficient_ms=650).totem.get("token_coefficient") == "650"


def test_two_quorate_halves_are_refused() -> None:
    text = cluster(2).format().replace("quorum {\n", "quorum {\n  two_node: 1\n")
    with pytest.raises(Invalid, match="QDevice") as caught:
        model.validate(ClusterConf.parse(text))
    assert "quorum.two_node" in caught.value.errors
