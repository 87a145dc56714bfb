"""Beginning and joining clusters by the API: who may, tokens that are good once, and everything that is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster import membership
from hostd.cluster.corosync import conf as model
from hostd.cluster.corosync.conf import ClusterConf, Node
from hostd.clustering import change, members, tokens
from hostd.clustering import tasks as work
from hostd.clustering.tokens import JoinToken
from hostd.node import certificate, tls
from tests.unit.api.conftest import Site

KEY = b"k" * 256


@pytest.fixture
def member(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A node of a cluster, whose Corosync takes everything over at once."""
    (tmp_path / "authkey").write_bytes(KEY)
    monkeypatch.setattr(members, "COROSYNC", tmp_path)
    monkeypatch.setattr(members, "wait_until_live", lambda version: None)
    monkeypatch.setattr(tls, "custom", lambda node: f"nodes/{node}/none")
    monkeypatch.setattr(certificate, "fingerprint", lambda pem: ":".join(["AB"] * 32))
    site.store.write("nodes/alpha/pve-ssl.pem", b"pem")
    conf = model.create("lab", Node(name="alpha", node_id=1, links={0: "192.0.2.1"}))
    site.store.write(membership.PATH, conf.format().encode())
    return site


@pytest.fixture
def single(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A host without cluster."""
    monkeypatch.setattr(change, "check_free", lambda: None)
    monkeypatch.setattr(work, "TOKEN", tmp_path / "join-token")
    return site


def token(site: Site) -> JoinToken:
    answer = site.call("POST", "/cluster/config/jointoken")
    assert answer.status_code == 200, answer.data
    return JoinToken.parse(answer.json["data"]["token"])


def knock(site: Site, token: JoinToken, **more: Any) -> Any:
    form = {"id": token.id, "secret": token.secret.reveal(), "node": "beta", "link0": "192.0.2.2", **more}
    return site.call("POST", "/cluster/config/admission", user="", data=form)


def stored(site: Site) -> ClusterConf:
    return ClusterConf.parse(site.store.read(membership.PATH).data.decode())


def test_a_token_admits_one_node_and_answers_it_again(member: Site) -> None:
    made = token(member)
    first = knock(member, made)
    assert first.status_code == 200, first.data
    assert base64.b64decode(first.json["data"]["corosync_authkey"]) == KEY
    assert ClusterConf.parse(first.json["data"]["corosync_conf"]).node("beta").node_id == 2
    assert knock(member, made).json["data"] == first.json["data"], "the first answer may have been lost"
    assert knock(member, made, check=1).json["data"]["refused"] == [], "it is a node already, and may come"
    assert stored(member).version == 2
    refused = knock(member, made, node="gamma", link0="192.0.2.3")
    assert refused.status_code == 401
    assert "used by node 'beta'" in refused.json["message"]
    assert [node.name for node in stored(member).nodes] == ["alpha", "beta"]


def test_a_look_uses_nothing_and_tells_what_is_there(member: Site) -> None:
    member.store.write("nodes/alpha/qemu-server/100.conf", b"name: a\n")
    made = token(member)
    told = knock(member, made, check=1).json["data"]
    assert told["refused"] == []
    assert json.loads(told["inventory"])["guests"] == {"100": "alpha"}
    assert "corosync_authkey" not in told
    assert "already defined" in knock(member, made, check=1, node="alpha").json["data"]["refused"][0]
    assert stored(member).version == 1
    assert knock(member, made).status_code == 200


def test_a_wish_that_cannot_be_fulfilled_uses_nothing(member: Site) -> None:
    made = token(member)
    assert "link1" in knock(member, made, link1="198.51.100.2").json["errors"]
    assert knock(member, made, node="alpha").status_code == 500
    assert knock(member, made).status_code == 200


@pytest.mark.parametrize("wrong", [{"secret": "x"}, {"id": "0" * 16}])
def test_without_the_secret_nothing_is_told(member: Site, wrong: dict[str, str]) -> None:
    for check in (0, 1):
        answer = knock(member, token(member), check=check, **wrong)
        assert answer.status_code == 401
        assert answer.json["data"] is None


def test_an_expired_token_and_one_taken_back(member: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    made = token(member)
    assert member.call("DELETE", f"/cluster/config/jointoken/{made.id}").status_code == 200
    assert "no such join token" in knock(member, made).json["message"]
    late = token(member)
    record = tokens.Record.from_bytes(late.id, member.store.read(tokens.path_of(late.id)).data)
    member.store.write(record.path, record.to_bytes().replace(str(record.expires).encode(), b"1000"))
    assert "expired" in knock(member, late).json["message"]


def test_the_list_tells_no_secret(member: Site) -> None:
    made = token(member)
    knock(member, made)
    (row,) = member.get("/cluster/config/jointoken").json["data"]
    assert set(row) == {"id", "expires", "created", "by", "node"}
    assert (row["node"], row["by"]) == ("beta", "root@pam")


def test_nodes_come_and_go(member: Site) -> None:
    path = "/cluster/config/nodes/beta"
    assert member.call("POST", path, data={"new_node_ip": "192.0.2.2", "votes": 2}).status_code == 200
    assert stored(member).node("beta").votes == 2
    assert "apiversion" in member.call("POST", path, data={"apiversion": 9, "link0": "192.0.2.2"}).json["errors"]
    info = member.get("/cluster/config/join").json["data"]
    assert [(n["name"], n["pve_addr"]) for n in info["nodelist"]] == [("alpha", "192.0.2.1"), ("beta", "192.0.2.2")]
    assert info["nodelist"][0]["pve_fp"].startswith("AB:")
    assert info["preferred_node"] == "alpha"
    assert "this node" in member.call("DELETE", "/cluster/config/nodes/alpha").json["message"]
    assert member.call("DELETE", path).status_code == 200
    assert "beta" not in stored(member).format()
    assert "no such node" in member.call("DELETE", path).json["message"]


def test_a_cluster_is_begun_by_a_task(single: Site) -> None:
    answer = single.call("POST", "/cluster/config", data={"clustername": "lab", "link0": "192.0.2.1,priority=7"})
    assert answer.json["data"].startswith("UPID:alpha:")
    (spawned,) = single.tasks.spawned
    assert spawned["type"] == "clustercreate"
    assert (spawned["args"]["links"], spawned["args"]["priorities"]) == ({0: "192.0.2.1"}, {0: 7})


def test_a_token_is_in_no_list_of_tasks(single: Site) -> None:
    made, _ = tokens.make(["192.0.2.1"], ":".join(["AB"] * 32), by="root@pam", now_s=0, lifetime_s=1)
    answer = single.call("PUT", "/cluster/config/join", data={"token": made.word(), "link0": "192.0.2.2"})
    assert answer.status_code == 200, answer.data
    assert made.secret.reveal() not in json.dumps(single.tasks.spawned)
    assert work.take_token().word() == made.word()
    assert (
        single.call("PUT", "/cluster/config/join", data={"token": "x"}).json["errors"]["token"].startswith("this is no")
    )


def test_without_a_cluster_there_is_nothing_to_join(site: Site) -> None:
    for method, path in (("POST", "/jointoken"), ("GET", "/join"), ("POST", "/leave")):
        answer = site.call(method, f"/cluster/config{path}")
        assert answer.status_code == 500
        assert "belongs to no cluster" in answer.json["message"]
