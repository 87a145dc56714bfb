"""The guest's agent and QEMU's monitor: what is asked, what is let through."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from hostd.core.errors import Denied, HostError, Invalid, Unavailable
from hostd.guests.qemu import agent, monitoring
from hostd.guests.qemu.connection import agents_reason
from hostd.guests.qemu.devices import platform
from hostd.tasks.log import ListLog


class Inside:
    """An agent with one file; ``asleep``: it does not answer."""

    def __init__(self, content: bytes = b"", *, asleep: bool = False) -> None:
        self.content, self.asleep = content, asleep
        self.asked: list[dict[str, Any]] = []
        self._at = 0

    def ask_agent(self, vmid: int, request: str, timeout_s: int) -> str:
        if self.asleep:
            raise Unavailable("QEMU guest agent is not running")
        command = json.loads(request)
        self.asked.append(command)
        arguments = command.get("arguments", {})
        match command["execute"]:
            case "guest-file-open":
                return '{"return": 7}'
            case "guest-file-seek":
                self._at = arguments["offset"]
            case "guest-file-read":
                part = self.content[self._at : self._at + min(arguments["count"], 4)]
                self._at += len(part)
                data = {"count": len(part), "buf-b64": base64.b64encode(part).decode()}
                return json.dumps({"return": data | {"eof": self._at >= len(self.content)}})
            case "guest-file-write":
                self.content = base64.b64decode(arguments["buf-b64"])
            case "guest-exec":
                return '{"return": {"pid": 12}}'
            case "guest-exec-status":
                return '{"return": {"exited": true, "exitcode": 0, "out-data": "aGk="}}'
            case "guest-info":
                return '{"return": {"version": "9"}}'
            case "guest-get-users":
                return '{"error": {"class": "CommandNotFound", "desc": "unknown"}}'
        return '{"return": {}}'


@pytest.mark.parametrize(
    ("value", "freezes", "trims"),
    [
        ("1", True, False),
        ("0,fstrim_cloned_disks=1", False, False),
        ("1,fstrim_cloned_disks=1", True, True),
        ("1,guest-fsfreeze=0", False, False),
        ("enabled=1,freeze-fs-on-backup=0", False, False),
    ],
)
def test_what_an_agent_is_asked_to_do_for_disks(value: str, freezes: bool, trims: bool) -> None:
    config = {"agent": value}
    assert (platform.agent_freezes(config), platform.agent_trims(config)) == (freezes, trims)
    inside = Inside()
    agent.trim_copied(inside, ListLog(), 100, config)
    assert [asked["execute"] for asked in inside.asked] == (["guest-fstrim"] if trims else [])


def test_disks_are_copied_whether_or_not_the_agent_answers() -> None:
    log = ListLog()
    agent.trim_copied(Inside(asleep=True), log, 100, {"agent": "1,fstrim_cloned_disks=1"})
    assert log.warnings == 1


def test_commands() -> None:
    inside = Inside()
    assert agent.ask(inside, 100, "info") == {"version": "9"}
    assert agent.execute(inside, 100, ["/bin/sh", "-c", "x"], "in") == 12
    assert inside.asked[-1]["arguments"] == {
        "path": "/bin/sh", "arg": ["-c", "x"], "capture-output": True, "input-data": "aW4=",
    }  # fmt: skip
    assert agent.execution(inside, 100, 12) == {"exited": 1, "exitcode": 0, "out-data": "hi"}
    agent.set_password(inside, 100, "root", "secret", crypted=False)
    assert inside.asked[-1]["arguments"]["password"] == "c2VjcmV0"
    with pytest.raises(HostError, match="Agent error: unknown"):
        agent.ask(inside, 100, "get-users")


def test_files_in_parts() -> None:
    inside = Inside(b"0123456789")
    assert agent.read_file(inside, 100, "/x", offset=0, count=100) == (b"0123456789", False)
    assert agent.read_file(inside, 100, "/x", offset=2, count=5) == (b"23456", True)
    assert inside.asked[-1]["execute"] == "guest-file-close"
    agent.write_file(inside, 100, "/x", "bmV3")
    assert inside.content == b"new"


def test_silence_after_a_shutdown_is_its_success() -> None:
    assert agent.ask(Inside(asleep=True), 100, "shutdown") == {}
    with pytest.raises(Unavailable):
        agent.ask(Inside(asleep=True), 100, "ping")


def test_who_has_no_agent() -> None:
    agent.require_agent({"agent": "1"}, 100, running=True)
    with pytest.raises(HostError, match="No QEMU guest agent configured"):
        agent.require_agent({"agent": "0"}, 100, running=True)
    with pytest.raises(HostError, match="not running"):
        agent.require_agent({"agent": "1"}, 100, running=False)


@pytest.mark.parametrize("command", ["info block", "help", " info status "])
def test_reading_is_let_through(command: str) -> None:
    assert monitoring.require_allowed(command, may_act=False) == command.strip()


def test_acting_wants_the_right() -> None:
    assert monitoring.require_allowed("sendkey a", may_act=True) == "sendkey a"
    with pytest.raises(Denied, match="Sys.Modify"):
        monitoring.require_allowed("stop", may_act=False)


@pytest.mark.parametrize(
    "command",
    ["migrate exec:id", "pmemsave 0 1 /x", "screendump /x", "info block\nquit", "quit", "device_add x", "", "info |x"],
)
def test_the_rest_is_not(command: str) -> None:
    with pytest.raises((Denied, Invalid)):
        monitoring.require_allowed(command, may_act=True)


def test_keys() -> None:
    assert monitoring.key_command("ctrl-alt-delete") == "sendkey ctrl-alt-delete"
    with pytest.raises(Invalid):
        monitoring.key_command("a\nquit")


def test_what_the_agent_itself_says() -> None:
    told = "guest agent command failed: unable to execute QEMU agent command 'guest-exec': no such file"
    assert agents_reason(told) == "no such file"
    assert agents_reason("Guest agent is not responding: QEMU guest agent is not connected") == ""
