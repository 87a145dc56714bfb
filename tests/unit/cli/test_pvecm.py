"""pvecm: what it starts, what it prints, what it refuses."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from hostd.cli import manual, pvecm
from hostd.cluster.corosync import conf
from hostd.core.errors import CommandFailed, Conflict, HostError, Invalid, NotFound, Unsupported
from tests.fakes.run import FakeRun
from tests.unit.cli.conftest import Shell


def printed(shell: Shell, run: FakeRun, *args: str) -> str:
    around = shell.around()
    assert pvecm.suite(run).run(around, list(args)) == 0
    assert isinstance(around.out, io.StringIO)
    return around.out.getvalue()


def test_status_names_the_cluster_and_shows_its_quorum(shell: Shell) -> None:
    run = FakeRun({"corosync-quorumtool -siH": "Quorum information\n"})
    with pytest.raises(NotFound, match="part of no cluster"):
        printed(shell, run, "status")
    made = conf.create("lab", conf.Node(name="alpha", node_id=1, links={0: "192.0.2.1"}))
    shell.site.store.write("corosync.conf", made.format().encode())
    assert printed(shell, run, "status").splitlines() == [
        "Cluster information",
        "-------------------",
        "Name:             lab",
        "Config Version:   1",
        "Transport:        knet",
        "Secure auth:      on",
        "",
        "Quorum information",
    ]


def test_commands_become_programs(shell: Shell, tmp_path: Path) -> None:
    run = FakeRun({"corosync-quorumtool -l": "members\n", "corosync-quorumtool -e": "\n"})
    assert printed(shell, run, "nodes") == "members\n"
    printed(shell, run, "expected", "1")
    key = str(tmp_path / "key")
    printed(shell, run, "keygen", key)
    assert run.calls == [
        ["corosync-quorumtool", "-l"],
        ["corosync-quorumtool", "-e", "1"],
        ["corosync-keygen", "-l", "-k", key],
    ]
    Path(key).touch()
    with pytest.raises(Conflict, match="exists already"):
        printed(shell, run, "keygen", key)


@pytest.mark.parametrize(
    ("args", "kind", "text"),
    [
        (["expected", "0"], Invalid, "from 1 to"),
        (["expected"], Invalid, "usage: pvecm expected <expected>"),
        (["nodes", "--all"], Invalid, "usage: pvecm nodes"),
        (["frob"], Invalid, "known: add, addnode, apiver, create, delnode, expected, fingerprint"),
        (["add", "192.0.2.1", "--use_ssh"], Unsupported, "pvecm token create"),
        (["add", "192.0.2.1", "--use_ssh=1"], Unsupported, "pvecm token create"),
        (["qdevice"], Invalid, "known: qdevice remove, qdevice setup"),
        (["qdevice", "setup"], Invalid, "usage: pvecm qdevice setup <address> [--force] [--algorithm <text>]"),
        (["qdevice", "setup", "h", "--algorithm"], Invalid, "usage: "),
        (["nodes"], CommandFailed, "is corosync.service running?"),
    ],
)
def test_what_is_wrong_is_said(shell: Shell, args: list[str], kind: type[HostError], text: str) -> None:
    with pytest.raises(kind) as caught:
        printed(shell, FakeRun({"corosync-quorumtool": 1}), *args)
    assert text in str(caught.value) + str(getattr(caught.value, "errors", ""))


def test_help_completion_and_manual_know_all_commands(shell: Shell) -> None:
    around, program = shell.around(), pvecm.suite(FakeRun())
    page = manual.suite_page(program, around.methods)
    assert program.complete(around, ["qdevice", ""]) == ["remove", "setup"]
    assert program.complete(around, ["qdevice", "setup", "h", "--"]) == ["--algorithm", "--force", "--network"]
    assert "qdevice setup <address>" in program.help(around.methods, "qdevice")
    assert manual.escape("qdevice setup <address>") in page
    for word in ("status", "nodes", "expected", "keygen", "apiver", "qdevice"):
        assert word in program.help(around.methods)
        assert word in program.complete(around, [""])
        assert word in page
    assert printed(shell, FakeRun(), "help", "keygen").startswith("usage: pvecm keygen <filename>\n")
    assert printed(shell, FakeRun(), "keygen", "--help") == printed(shell, FakeRun(), "help", "keygen")
