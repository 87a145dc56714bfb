"""Power, agent, monitor and keys of machines, and all guests at once, through the application."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hostd.api.nodes import guest_params, qemu_agent, qemu_talk
from hostd.guests.qemu import process
from hostd.tasks.archive import Archive, process_start
from tests.unit.api.conftest import Site
from tests.unit.api.test_qemu import BASE, data, machine

__all__ = ["machine"]


@pytest.fixture
def running(machine: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(process, "is_running", lambda vmid: True)
    return machine


@pytest.mark.parametrize(
    ("path", "body", "type", "args"),
    [
        ("reboot", {"timeout": "9"}, "qmreboot", {"vmid": 100, "timeout_s": 9}),
        ("suspend", {}, "qmpause", {"vmid": 100, "skip_lock": False}),
        ("suspend", {"todisk": "1"}, "qmsuspend", {"vmid": 100, "skip_lock": False, "storage": "local"}),
        ("resume", {}, "qmresume", {"vmid": 100, "skip_lock": False}),
    ],
)
def test_power(running: Site, path: str, body: dict[str, str], type: str, args: dict[str, object]) -> None:
    data(running.call("POST", f"{BASE}/100/status/{path}", data=body))
    assert (running.tasks.spawned[-1]["type"], running.tasks.spawned[-1]["args"]) == (type, args)


@pytest.mark.parametrize(
    ("body", "args"),
    [
        ({}, {}),
        ({"machine": "pc-q35-9.2"}, {"machine": "pc-q35-9.2"}),
        ({"force-cpu": "host,+aes", "machine": "q35"}, {"machine": "q35", "processor": "host,+aes"}),
    ],
)
def test_a_start_as_another_machine(machine: Site, body: dict[str, str], args: dict[str, str]) -> None:
    data(machine.call("POST", f"{BASE}/100/status/start", data=body))
    assert machine.tasks.spawned[-1]["args"] == {"vmid": 100, "skip_lock": False, **args}


def test_the_ha_manager_starts_what_the_configuration_says(machine: Site) -> None:
    machine.store.mkdir("ha")
    machine.store.write("ha/resources.cfg", b"vm: 100\n\n")
    answer = machine.call("POST", f"{BASE}/100/status/start", data={"machine": "q35"})
    assert (answer.status_code, "HA manager" in answer.status) == (500, True)
    assert machine.tasks.spawned == []
    data(machine.call("POST", f"{BASE}/100/status/start"))
    assert machine.tasks.spawned[-1]["type"] == "hastart"


@pytest.mark.parametrize(
    ("path", "body", "wrong"),
    [
        ("start", {"force-cpu": "host"}, "force-cpu"),
        ("stop", {"keepActive": "1"}, "keepActive"),
        ("shutdown", {"keepActive": "1"}, "keepActive"),
    ],
)
def test_what_only_root_may_say(machine: Site, path: str, body: dict[str, str], wrong: str) -> None:
    machine.store.write("user.cfg", b"user:joe@pve:1:\nacl:1:/vms:joe@pve:PVEVMAdmin:\n")
    answer = machine.call("POST", f"{BASE}/100/status/{path}", "joe@pve", data=body)
    assert (answer.status_code, answer.json["errors"]) == (400, {wrong: "Only root may use this option."})
    data(machine.call("POST", f"{BASE}/100/status/{path}", data=body))


@pytest.mark.parametrize("name", ["migratedfrom", "migration_network", "stateuri", "targetstorage"])
def test_what_the_references_own_moves_say_is_refused(machine: Site, name: str) -> None:
    answer = machine.call("POST", f"{BASE}/100/status/start", data={name: "x"})
    assert (answer.status_code, list(answer.json["errors"])) == (400, [name])


def test_what_is_off_is_not_booted_anew(machine: Site) -> None:
    assert machine.call("POST", f"{BASE}/100/status/reboot").status_code == 500


@pytest.mark.parametrize(
    ("path", "args"),
    [
        ("startall", {"only": [], "leave": [], "onboot": True}),
        ("stopall", {"only": [], "leave": [], "timeout_s": 180, "force": True, "workers": 4}),
        ("suspendall", {"only": [], "leave": [], "workers": 4}),
    ],
)
def test_all_at_once(machine: Site, path: str, args: dict[str, object]) -> None:
    data(machine.call("POST", f"/nodes/alpha/{path}"))
    assert machine.tasks.spawned[-1] == {
        "type": path, "id": "", "user": "root@pam", "args": {"user": "root@pam", "leave": [], **args},
    }  # fmt: skip


def test_the_monitor(running: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(qemu_talk, "ask_monitor", lambda vmid, command: asked.append(command) or "told")
    assert data(running.call("POST", f"{BASE}/100/monitor", data={"command": "info block"})) == "told"
    assert running.call("POST", f"{BASE}/100/monitor", data={"command": "quit"}).status_code == 403
    assert running.call("PUT", f"{BASE}/100/sendkey", data={"key": "nonsense"}).status_code == 400
    assert asked == ["info block", "sendkey nonsense"]


def test_the_agent_wants_to_be_configured(running: Site) -> None:
    names = {row["name"] for row in data(running.get(f"{BASE}/100/agent"))}
    assert {"ping", "exec", "file-read"} <= names
    answer = running.get(f"{BASE}/100/agent/get-osinfo")
    assert (answer.status_code, "No QEMU guest agent configured" in answer.status) == (500, True)


def test_every_command_of_the_agent(running: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Agents:
        def ask_agent(self, vmid: int, request: str, timeout_s: int) -> str:
            return '{"return": {"pid": 3, "exited": false}}'

        def close(self) -> None: ...

    monkeypatch.setattr(qemu_agent, "LibvirtMachines", Agents)
    running.store.write("nodes/alpha/qemu-server/100.conf", b"agent: 1\n")
    base = f"{BASE}/100/agent"
    for command in qemu_agent._COMMANDS:
        method = "POST" if command in qemu_agent._BY_POST else "GET"
        assert data(running.call(method, f"{base}/{command}")) == {"result": {"pid": 3, "exited": False}}
    assert data(running.call("POST", base, data={"command": "ping"}))["result"]["pid"] == 3
    assert data(running.call("POST", f"{base}/exec", data={"command": ["id"]})) == {"pid": 3}
    assert data(running.get(f"{base}/exec-status?pid=3"))["exited"] == 0
    assert data(running.get(f"{base}/file-read?file=/x")) == {"content": ""}
    assert data(running.call("POST", f"{base}/file-write", data={"file": "/x", "content": "y"})) is None
    data(running.call("POST", f"{base}/set-user-password", data={"username": "u", "password": "secret"}))


def test_what_stands_in_the_way_of_moving(machine: Site) -> None:
    found = data(machine.get(f"{BASE}/100/migrate"))
    assert [row["volid"] for row in found["local_disks"]] == ["local:100/vm-100-disk-0.qcow2"]
    assert (found["running"], found["allowed_nodes"], found["local_resources"]) == (0, [], [])
    answer = machine.call("POST", f"{BASE}/100/migrate", data={"target": "beta"})
    assert (answer.status_code, "'beta' is not there" in answer.status) == (500, True)
    assert machine.call("POST", f"{BASE}/100/migrate", data={"target": "alpha"}).status_code == 400
    assert machine.tasks.spawned == []


def test_a_stop_can_end_a_shutdown_that_waits(running: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = process_start(os.getpid())
    waiting = ["qmshutdown:100", "qmshutdown:101", "vzshutdown:100", "qmstart:100"]
    names = [f"UPID:alpha:{os.getpid():08X}:{start:08X}:65000000:{what}:root@pam:" for what in waiting]
    for name in names:
        (tmp_path / name).write_text("")
    monkeypatch.setattr(guest_params, "Archive", lambda: Archive(running=str(tmp_path)))
    data(running.call("POST", f"{BASE}/100/status/stop"))
    assert [task["type"] for task in running.tasks.spawned] == ["qmstop"]
    data(running.call("POST", f"{BASE}/100/status/stop", data={"overrule-shutdown": 1}))
    assert running.tasks.spawned[1:-1] == [{"stop": names[0]}]
