"""ha-manager: its commands, and what it prints."""

from __future__ import annotations

import io
import json

import pytest

from hostd.cli import ha_manager, manual
from hostd.core.errors import Invalid
from hostd.ha import incidents, stored
from hostd.ha.observed import Seen
from tests.unit.cli.conftest import Shell


def printed(shell: Shell, *args: str) -> str:
    around = shell.around()
    assert ha_manager.suite(lambda: shell.site.store).run(around, list(args)) == 0
    assert isinstance(around.out, io.StringIO)
    return around.out.getvalue()


@pytest.fixture
def ha(shell: Shell) -> Shell:
    shell.site.store.mkdir("nodes/alpha/qemu-server", parents=True)
    shell.site.store.write("nodes/alpha/qemu-server/100.conf", b"memory: 512\n")
    printed(shell, "add", "vm:100", "--max_restart", "2")
    return shell


def commands(shell: Shell) -> list[str]:
    return list(stored.commands(shell.site.mirror))


def test_services(ha: Shell) -> None:
    assert "vm:100" in printed(ha, "config")
    printed(ha, "set", "vm:100", "--state", "stopped")
    assert b"state stopped" in ha.site.store.read(stored.RESOURCES).data
    printed(ha, "rules", "add", "node-affinity", "home", "--resources", "vm:100", "--nodes", "alpha")
    assert "home" in printed(ha, "rules", "config")
    printed(ha, "rules", "remove", "home")
    printed(ha, "remove", "vm:100")
    assert ha.site.store.read(stored.RESOURCES).data == b""


def test_status(ha: Shell) -> None:
    lines = printed(ha, "status").splitlines()
    assert lines[0] == "quorum OK"
    assert lines[-1] == "service vm:100 (alpha, queued)"
    assert '"manager_status"' in printed(ha, "status", "--verbose")


def test_commands_are_queued(ha: Shell) -> None:
    printed(ha, "migrate", "vm:100", "alpha")
    printed(ha, "crm-command", "relocate", "100", "alpha")
    printed(ha, "crm-command", "stop", "100", "30")
    printed(ha, "crm-command", "node-maintenance", "enable", "alpha")
    printed(ha, "crm-command", "disarm-ha", "freeze")
    printed(ha, "crm-command", "arm-ha")
    assert commands(ha) == [
        "migrate vm:100 alpha", "relocate vm:100 alpha", "stop vm:100 30", "enable-node-maintenance alpha",
        "disarm-ha freeze", "arm-ha",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "args",
    [
        ("crm-command", "stop", "100", "soon"),
        ("crm-command", "stop", "777", "1"),
        ("crm-command", "node-maintenance", "enable", "elsewhere"),
    ],
)
def test_what_is_refused(ha: Shell, args: tuple[str, ...]) -> None:
    with pytest.raises(Invalid):
        printed(ha, *args)
    assert commands(ha) == []


def test_completion_and_manual(ha: Shell) -> None:
    suite = ha_manager.suite(lambda: ha.site.store)
    around = ha.around()
    assert {"migrate", "node-maintenance", "stop"} <= set(suite.complete(around, ["crm-command", ""]))
    assert {"enable", "disable"} == set(suite.complete(around, ["crm-command", "node-maintenance", ""]))
    page = manual.suite_page(suite, around.methods)
    assert "crm\\-command disarm\\-ha" in page


def test_what_may_go_wrong_is_told_with_the_change(ha: Shell) -> None:
    around = ha.around()
    args = ["rules", "add", "node-affinity", "home", "--resources", "vm:100", "--nodes", "alpha"]
    assert ha_manager.suite(lambda: ha.site.store).run(around, args) == 0
    assert isinstance(around.errors, io.StringIO)
    assert "error: cluster: there is one node only" in around.errors.getvalue()
    told = printed(ha, "preflight").splitlines()
    assert told[0] == "error    cluster: there is one node only, so that nothing can be started elsewhere"
    assert told[1].startswith("         → join a second")
    assert printed(ha, "preflight", "--sid", "vm:100").splitlines()[:2] == told[:2]
    assert '"code":"one_node"' in printed(ha, "preflight", "--output-format", "json")
    assert printed(ha, "preflight", "--quiet") == ""
    printed(ha, "remove", "vm:100")
    assert printed(ha, "preflight").startswith("nothing was found")


def test_incidents(ha: Shell) -> None:
    assert printed(ha, "incidents") == "no node was lost, and no service ended in error\n"
    found = incidents.take(incidents.Book(), Seen(at_s=9.0, by="alpha", what="guests_ended", node="beta"))
    (one,) = found.incidents.values()
    ha.site.store.mkdir(stored.INCIDENTS, parents=True)
    ha.site.store.write(stored.incident_path(one.id), json.dumps(incidents.to_wire(one)).encode())
    assert printed(ha, "incidents") == f"{one.id}  open        node 'beta' was lost at 1970-01-01 00:00:09 UTC\n"
    lines = printed(ha, "incident", one.id).splitlines()
    assert lines[0] == "node 'beta' was lost at 1970-01-01 00:00:09 UTC"
    assert lines[-2] == "what was seen (UTC):"


def test_balancing(ha: Shell) -> None:
    printed(ha, "balance", "set", "--enable", "1", "--guests", "100")
    assert ha.site.store.read(stored.BALANCE).data == b"enable: 1\nguests: 100\n"
    settings = [
        "machines that opted in: 100 (on)", "services of the HA manager: off (option crs)",
        "node alpha: 0% of its cores, 0% of its memory in use",
    ]  # fmt: skip
    assert printed(ha, "balance").splitlines() == settings
    assert "guests: would move nothing: the imbalance 0.00 is not above 0.30" in printed(ha, "balance", "--dry-run")
    move = {"sid": "vm:100", "source": "a", "target": "b", "decided_s": 1, "why": "so", "state": "ok", "told": "x"}
    ha.site.store.write(stored.MOVES, json.dumps({"moves": [move]}).encode())
    assert printed(ha, "balance").splitlines()[-1] == "moved vm:100 from a to b (ok): so"
