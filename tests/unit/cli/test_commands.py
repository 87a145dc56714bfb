"""pvesh, pveum and pvenode on a real API: calls, output, tasks, completion, errors."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
import yaml

from hostd.api.rootclient import decode
from hostd.cli import manual, pvenode, pvesh, pveum, qm
from hostd.cli.commands import Command, Suite
from hostd.cli.follow import TaskFailed, follow
from hostd.cli.methods import Methods
from hostd.cli.output import Style, show
from hostd.core.errors import Denied, HostError, Invalid, NotFound, Unsupported
from tests.unit.cli.conftest import Shell

UPID = "UPID:alpha:00000001:00000001:00000001:qmstart:100:root@pam:"


def pvesh_out(shell: Shell, *args: str) -> str:
    around = shell.around()
    assert pvesh.run(around, list(args)) == 0
    assert isinstance(around.out, io.StringIO)
    return around.out.getvalue()


def test_reading_in_every_form(shell: Shell) -> None:
    data = json.loads(pvesh_out(shell, "get", "/version", "--output-format", "json"))
    assert data["release"] == "9.2"
    assert json.loads(pvesh_out(shell, "get", "version", "--output-format=json-pretty")) == data
    assert yaml.safe_load(pvesh_out(shell, "get", "/version/", "--output-format", "yaml")) == data
    text = pvesh_out(shell, "get", "/version")
    assert text.startswith("┌─")
    assert "│ release" in text
    bare = pvesh_out(shell, "get", "/version", "--noborder", "--noheader")
    assert "│" not in bare
    assert "key" not in bare
    assert pvesh_out(shell, "get", "/version", "--quiet") == ""


def test_what_is_below_a_path(shell: Shell) -> None:
    assert re.search(r"^Dr...    nodes$", pvesh_out(shell, "ls", "/"), re.M)
    assert re.fullmatch(r"Dr[w-][c-][d-]    alpha\n", pvesh_out(shell, "ls", "/nodes"))
    assert "-r---    version\n" in pvesh_out(shell, "ls", "/nodes/alpha")


def test_usage_names_every_option(shell: Shell) -> None:
    text = pvesh_out(shell, "usage", "/nodes/alpha/tasks", "--verbose")
    assert text.startswith("usage: pvesh get /nodes/alpha/tasks [options]")
    assert "--source <archive | active | all>" in text


def test_parameters_reach_the_method(shell: Shell) -> None:
    pvesh_out(
        shell,
        "get",
        "/nodes/alpha/tasks",
        "--limit",
        "3",
        "--errors",
        "--statusfilter",
        "ok",
        "--statusfilter",
        "error",
    )
    assert shell.calls[-1] == ("GET", "/nodes/alpha/tasks", {"limit": "3", "errors": 1, "statusfilter": "ok,error"})


@pytest.mark.parametrize(
    ("args", "kind", "text"),
    [
        (["get"], Invalid, "a path is missing"),
        (["fetch", "/"], Invalid, "unknown command 'fetch'; commands are: get"),
        (["set", "/version"], NotFound, "no 'set' for '/version'; it has: get"),
        (["get", "/nodes/alpha/nothing"], NotFound, "no such path '/nodes/alpha/nothing'"),
        (["create", "/"], NotFound, "no 'create' for '/'; it has: get"),
        (["get", "/version", "--x", "1"], Invalid, "unknown option '--x'"),
        (["get", "/nodes/alpha/tasks", "--limit", "-1"], Invalid, "value must have a minimum value of 0"),
        (["get", "/nodes/beta/tasks"], HostError, "no such cluster node 'beta'"),
        (["get", "/version", "--output-format", "xml"], Invalid, "'xml' is not one of text, json"),
    ],
)
def test_errors_name_the_next_step(shell: Shell, args: list[str], kind: type[HostError], text: str) -> None:
    with pytest.raises(kind) as caught:
        pvesh.run(shell.around(), args)
    told = str(caught.value) + "".join(caught.value.errors.values() if isinstance(caught.value, Invalid) else ())
    assert text in told


def test_a_task_is_followed_to_its_end(shell: Shell) -> None:
    path = f"/nodes/alpha/tasks/{UPID}"
    shell.scripted = {
        f"GET {path}/status": [{"status": "running"}, {"status": "stopped", "exitstatus": "WARNINGS: 1"}],
        f"GET {path}/log": [
            [{"n": 1, "t": "no content"}],
            [{"n": 1, "t": "first"}, {"n": 2, "t": "TASK WARNINGS: 1"}],
            [],
        ],
    }
    out = io.StringIO()
    follow(shell.call, UPID, out, sleep=lambda _: None)
    assert out.getvalue() == "first\nTASK WARNINGS: 1\n"
    shell.scripted = {
        f"GET {path}/status": [{"status": "stopped", "exitstatus": "no space"}],
        f"GET {path}/log": [[{"n": 1, "t": "TASK ERROR: no space"}], []],
    }
    with pytest.raises(TaskFailed, match="task failed: no space; its log: pvenode task log UPID"):
        follow(shell.call, UPID, out, sleep=lambda _: None)


def test_commands_name_methods_that_exist(shell: Shell) -> None:
    around = shell.around()
    assert pvenode.SUITE.run(around, ["task", "list", "--output-format", "json"]) == 0
    assert shell.calls[-1] == ("GET", "/nodes/alpha/tasks", {})
    known = pveum.SUITE.commands(around.methods)
    assert "ticket" in known
    nothing = Methods([])
    assert pveum.SUITE.commands(nothing) == {}
    with pytest.raises(Invalid):
        pvenode.SUITE.run(around, ["task", "frob"])


def test_passwords_are_read_not_given(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    around = shell.around()
    assert pveum.SUITE.run(around, ["ticket", "root@pam"]) == 0
    assert isinstance(around.out, io.StringIO)
    assert around.out.getvalue().startswith("PVE:root@pam:")


def test_old_names_and_fixed_parameters(shell: Shell) -> None:
    row = Command(words="tasks show", verb="GET", path="/nodes/{node}/tasks", fixed={"node": "{node}", "limit": 1})
    suite = Suite("x", "About.", [row], {"taskshow": "tasks show"})
    assert suite.run(shell.around(), ["taskshow"]) == 0
    assert shell.calls[-1] == ("GET", "/nodes/alpha/tasks", {"limit": 1})


def test_completion(shell: Shell) -> None:
    around = shell.around()
    assert "get" in pvesh.complete(around, [""])
    assert "/nodes/" in pvesh.complete(around, ["get", "/no"])
    assert "/nodes/alpha/" in pvesh.complete(around, ["get", "/nodes/a"])
    assert "--limit" in pvesh.complete(around, ["get", "/nodes/alpha/tasks", "--l"])
    assert pvesh.complete(around, ["get", "/nodes/alpha/tasks", "--source", ""]) == ["archive", "active", "all"]
    assert {"help", "task"} <= set(pvenode.SUITE.complete(around, [""]))
    assert {"list", "log", "status", "stop"} <= set(pvenode.SUITE.complete(around, ["task", ""]))
    shell.scripted = {"GET /nodes/localhost/tasks": [[{"upid": UPID}]]}
    assert pvenode.SUITE.complete(around, ["task", "log", ""]) == [UPID]


def test_statuses_become_kinds() -> None:
    for status, kind in ((403, Denied), (501, Unsupported), (500, HostError)):
        with pytest.raises(kind, match="reason"):
            decode(status, "reason", b"")
    with pytest.raises(Invalid) as caught:
        decode(400, "x", b'{"data":null,"message":"m\\n","errors":{"a":"b"}}')
    assert caught.value.errors == {"a": "b"}


def test_tables_read_well() -> None:
    rows = [{"mem": 1048576, "name": "ü", "uptime": 61}, {"mem": 5, "name": "b\nc"}]
    assert show(rows, Style()) == (
        "┌──────────┬──────┬────────┐\n"
        "│ mem      │ name │ uptime │\n"
        "╞══════════╪══════╪════════╡\n"
        "│ 1.00 MiB │ ü    │ 1m 1s  │\n"
        "├──────────┼──────┼────────┤\n"
        "│ 5.00 B   │ b    │        │\n"
        "│          │ c    │        │\n"
        "└──────────┴──────┴────────┘\n"
    )
    assert show(rows, replace(Style(), human=False, border=False, header=False)).startswith("1048576 ü 61\n")


def test_manual_pages(shell: Shell) -> None:
    known = shell.around().methods
    page = manual.pvesh_page(known)
    assert ".B get /version" in page
    assert ".SH EXIT STATUS" in page
    assert "task log" in manual.suite_page(pvenode.SUITE, known)
    assert "disk move" in manual.suite_page(qm.SUITE, known)
    assert manual.escape(".x\\-") == "\\&.x\\e\\-"


def test_old_names_of_local_commands(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have no method of the API behind them, and are found all the same."""
    called: list[list[str]] = []
    there = qm.SUITE.local["disk import"]
    command = replace(there, act=lambda _around, args: called.append(list(args)))
    monkeypatch.setitem(qm.SUITE.local, "disk import", command)
    for words in (["importdisk"], ["disk", "import"]):
        assert qm.SUITE.run(shell.around(), [*words, "100", "/x.raw", "local", "--format", "raw"]) == 0
    assert called == [["100", "/x.raw", "local", "--format=raw"]] * 2
    with pytest.raises(Invalid):
        qm.SUITE.run(shell.around(), ["importdisk", "100"])
