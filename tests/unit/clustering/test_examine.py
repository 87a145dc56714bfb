"""hostd-clusterd check beyond the database: Corosync's files, certificates, cut-off changes, repairs, exit codes."""

from __future__ import annotations

import argparse
import datetime
import json
import os
from pathlib import Path

import pytest

from hostd.cluster import membership
from hostd.cluster.corosync import conf as model
from hostd.cluster.corosync.conf import Node
from hostd.cluster.fs.database import lock
from hostd.cluster.fs.examine import Finding, Severity
from hostd.clustering import change, examine
from hostd.clustering.change import Change, Kind
from hostd.clustering.examine import Places
from hostd.core.errors import Conflict
from hostd.daemons import clusterd
from hostd.node import certificate, tls
from tests.unit.cluster.fs.test_store_repair import contents, fill

NOW = datetime.datetime(2026, 7, 1, tzinfo=datetime.UTC)
CONF = model.create("lab", Node(name="alpha", node_id=1, links={0: "192.0.2.1"}))


def identity(now: datetime.datetime = NOW) -> dict[str, bytes]:
    authority_key, key = certificate.new_key(), certificate.new_key()
    authority = certificate.make_authority(authority_key, now=now)
    pem = certificate.make_node(authority, authority_key, key, ["alpha"], now=now)
    return {tls.AUTHORITY: authority, tls.own("alpha"): pem, "nodes/alpha/pve-ssl.key": key}


IDENTITY = identity()


def host(folder: Path, files: dict[str, bytes] | None = None, *, member: bool = False) -> Places:
    every = {**IDENTITY, **(files or {})} | ({membership.PATH: CONF.format().encode()} if member else {})
    fill(folder / "config.db", every, folders=["nodes/alpha", "priv"])
    places = Places(
        node="alpha",
        database=folder / "config.db",
        corosync=folder / "corosync",
        folder=folder / "cluster-change",
    )
    if member:
        places.corosync.mkdir()
        places.conf.write_text(CONF.format())
        places.key.write_bytes(bytes(256))
        places.key.chmod(0o400)
    return places


def check(places: Places) -> list[Finding]:
    return examine.check(places, now=NOW)


@pytest.mark.parametrize("member", [False, True])
def test_a_host_that_is_well(tmp_path: Path, member: bool) -> None:
    places = host(tmp_path, member=member)
    assert check(places) == []
    assert examine.code([]) == 0
    assert examine.to_text(places.database, []) == f"{places.database}: ok\n"


def one(places: Places, severity: Severity, found: str) -> Finding:
    (finding,) = check(places)
    assert finding.severity is severity
    assert found in finding.found
    assert finding.do
    return finding


def test_a_key_that_is_gone_is_not_a_single_host(tmp_path: Path) -> None:
    places = host(tmp_path, member=True)
    places.key.unlink()
    one(places, Severity.BROKEN, "the tree belongs to cluster 'lab'")


def test_a_key_that_is_no_key(tmp_path: Path) -> None:
    places = host(tmp_path, member=True)
    places.key.chmod(0o600)
    places.key.write_bytes(b"short")
    one(places, Severity.BROKEN, "has 5 bytes")
    places.key.write_bytes(bytes(256))
    places.key.chmod(0o444)
    one(places, Severity.ATTENTION, "can be read by others")


@pytest.mark.parametrize("text", ["", "totem {\n", None])
def test_a_configuration_comes_back_from_the_tree(tmp_path: Path, text: str | None) -> None:
    places = host(tmp_path, member=True)
    places.conf.unlink() if text is None else places.conf.write_text(text)
    said: list[str] = []
    finding = one(places, Severity.BROKEN, "cannot be used")
    examine.repair_all(places, [finding], said.append)
    assert check(places) == []
    assert "systemctl restart corosync" in said[0]


def test_configurations_that_do_not_fit(tmp_path: Path) -> None:
    places = host(tmp_path, member=True)
    newer = model.add_node(CONF, Node(name="beta", node_id=2, links={0: "192.0.2.2"}))
    places.conf.write_text(newer.format())
    one(places, Severity.ATTENTION, "has version 1, older than 2")
    places.conf.write_text(CONF.format().replace("name: alpha", "name: gamma"))
    one(places, Severity.ATTENTION, "does not name this node")


def test_a_stored_configuration_that_is_wrong(tmp_path: Path) -> None:
    places = host(tmp_path, {membership.PATH: b"totem {\n"})
    one(places, Severity.ATTENTION, "is not used")


def test_certificates(tmp_path: Path) -> None:
    places = host(tmp_path)
    late = examine.check(places, now=NOW + datetime.timedelta(days=certificate.NODE_DAYS - 3))
    assert [finding.found for finding in late] == ["has expired, or does within 14 days"]
    for name, files, found in (
        ("other", {tls.AUTHORITY: identity()[tls.AUTHORITY]}, "is not of this cluster's authority"),
        ("key", {"nodes/alpha/pve-ssl.key": certificate.new_key()}, "the key is not the one"),
        ("text", {tls.own("alpha"): b"x"}, "no PEM certificate"),
        ("custom", {tls.custom("alpha"): IDENTITY[tls.own("alpha")]}, "cannot be used with its key"),
    ):
        (tmp_path / name).mkdir()
        one(host(tmp_path / name, files), Severity.ATTENTION, found)


def test_a_change_that_was_cut_off(tmp_path: Path) -> None:
    places = host(tmp_path)
    wanted = Change(kind=Kind.JOIN, node="alpha", kept="/x", actor="root@pam")
    made = change.prepare(wanted, folder=places.folder)
    finding = one(places, Severity.NOTE, "never began")
    examine.repair_all(places, [finding], lambda _: None)
    assert check(places) == []
    made = change.prepare(wanted, folder=places.folder)
    change.commit(made, folder=places.folder)
    finding = one(places, Severity.ATTENTION, "a change (join)")
    assert "systemctl start hostd-cluster-change.service" in finding.do
    (places.folder / "change.json").write_text("{")
    one(places, Severity.BROKEN, "neither carried out nor given up")


def test_repairs_of_the_database_wait_for_the_daemon_to_stop(tmp_path: Path) -> None:
    places = host(tmp_path)
    os.truncate(places.database, 8_192)
    findings = check(places)
    said: list[str] = []
    held = lock(places.database)
    with pytest.raises(Conflict, match="systemctl stop hostd-clusterd"):
        examine.repair_all(places, findings, said.append)
    os.close(held)
    examine.repair_all(places, findings, said.append)
    assert said[0].startswith("the database as it was: ")
    assert examine.code(check(places)) < 2


def test_a_member_does_not_go_on_with_half_a_database(tmp_path: Path) -> None:
    places = host(tmp_path, member=True)
    os.truncate(places.database, 8_192)
    examine.repair_all(places, check(places), lambda _: None)
    assert not places.database.exists()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = host(tmp_path, {"priv/note": b"kept"}, member=True)
    base = ["--node", "alpha", "--database", str(places.database), "--corosync", str(places.corosync), "check"]

    def run(*options: str) -> int:
        parsed: argparse.Namespace = clusterd.arguments().parse_args([*base, *options])
        return clusterd.check(parsed)

    assert run() in (0, 1), "certificates of 2026 may be over"
    places.conf.unlink()
    capsys.readouterr()
    assert run("--json") == 2
    told = json.loads(capsys.readouterr().out)
    assert told["code"] == 2
    assert told["findings"][0]["severity"] == "broken"
    assert run("--repair") in (0, 1)
    assert places.conf.exists()
    assert contents(places.database)["priv/note"] == b"kept"
