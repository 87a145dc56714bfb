"""What the guest's agent is asked, and its answers. Source: QEMU guest agent protocol (qga/qapi-schema.json)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from hostd.core.errors import HostError, Unavailable
from hostd.guests.qemu.devices.platform import agent_enabled, agent_trims
from hostd.tasks.log import TaskLog

# Commands without arguments, by the names of the API.
READING: Final = (
    "fsfreeze-status", "get-fsinfo", "get-host-name", "get-memory-block-info", "get-memory-blocks", "get-osinfo",
    "get-time", "get-timezone", "get-users", "get-vcpus", "info", "network-get-interfaces", "ping",
)  # fmt: skip
CHANGING: Final = ("fsfreeze-freeze", "fsfreeze-thaw", "fstrim")
# These end or hold the system inside: where they work, nothing answers any more.
SLEEPING: Final = ("shutdown", "suspend-disk", "suspend-hybrid", "suspend-ram")
_ANSWER_S: Final = 5
_FREEZE_S: Final = 60
_SLEEP_S: Final = 3
_CHUNK: Final = 1024 * 1024
Answer = dict[str, Any]


class Agents(Protocol):
    """The door to agents."""

    def ask_agent(self, vmid: int, request: str, timeout_s: int) -> str:
        """JSON in and out. Unavailable when no agent answers in time."""


def require_agent(config: Mapping[str, str], vmid: int, *, running: bool) -> None:
    """HostError in the words that clients know."""
    if not agent_enabled(config):
        raise HostError("No QEMU guest agent configured")
    if not running:
        raise HostError(f"VM {vmid} is not running")


def request(command: str, arguments: Mapping[str, object] | None = None) -> str:
    """A command of the protocol as JSON; ``get-time`` is ``guest-get-time`` there."""
    found: dict[str, object] = {"execute": f"guest-{command}"}
    if arguments:
        found["arguments"] = dict(arguments)
    return json.dumps(found)


def _ask(
    agents: Agents, vmid: int, command: str, arguments: Mapping[str, object] | None = None, timeout_s: int = _ANSWER_S
) -> Any:
    answer = json.loads(agents.ask_agent(vmid, request(command, arguments), timeout_s))
    if "error" in answer:
        raise HostError(f"Agent error: {answer['error'].get('desc', 'failed')}")
    return answer.get("return", {})


def ask(agents: Agents, vmid: int, command: str) -> Any:
    """One of the commands without arguments: what it returns."""
    if command in SLEEPING:
        try:
            return _ask(agents, vmid, command, timeout_s=_SLEEP_S)
        except Unavailable:
            _ask_ping_failed(agents, vmid)
            return {}
    return _ask(agents, vmid, command, timeout_s=_FREEZE_S if command in CHANGING else _ANSWER_S)


def trim_copied(agents: Agents, log: TaskLog, vmid: int, config: Mapping[str, str]) -> None:
    """After disks of a running machine were copied whole: have unused blocks given back, where it asks for that."""
    if not agent_trims(config):
        return
    try:
        ask(agents, vmid, "fstrim")
    except HostError as err:
        log.warn(f"the guest's agent did not give back what is unused of the copied disks: {err}")
    else:
        log.info("the guest's agent has given back what is unused of the copied disks")


def _ask_ping_failed(agents: Agents, vmid: int) -> None:
    """No answer is the good end of going to sleep; but an agent that still answers has not done it."""
    try:
        _ask(agents, vmid, "ping", timeout_s=_SLEEP_S)
    except HostError:
        return
    raise HostError("the guest's agent did not do it and still answers")


def execute(agents: Agents, vmid: int, command: Sequence[str], given: str | None) -> int:
    """Start a program inside; its process id."""
    arguments: dict[str, object] = {"path": command[0], "arg": list(command[1:]), "capture-output": True}
    if given is not None:
        arguments["input-data"] = base64.b64encode(given.encode()).decode()
    return int(_ask(agents, vmid, "exec", arguments)["pid"])


def execution(agents: Agents, vmid: int, pid: int) -> Answer:
    """What became of a program, its output as text."""
    found = dict(_ask(agents, vmid, "exec-status", {"pid": pid}))
    for key in ("out-data", "err-data"):
        if key in found:
            found[key] = base64.b64decode(found[key]).decode(errors="replace")
    for key in ("exited", "out-truncated", "err-truncated"):
        if key in found:
            found[key] = int(bool(found[key]))
    return found


def read_file(agents: Agents, vmid: int, path: str, *, offset: int, count: int) -> tuple[bytes, bool]:
    """At most ``count`` bytes of a file inside from ``offset``; whether there is more."""
    handle = _ask(agents, vmid, "file-open", {"path": path, "mode": "rb"})
    found, more = b"", True
    try:
        if offset:
            _ask(agents, vmid, "file-seek", {"handle": handle, "offset": offset, "whence": "set"})
        while more and len(found) < count:
            part = _ask(agents, vmid, "file-read", {"handle": handle, "count": min(_CHUNK, count - len(found))})
            data = base64.b64decode(part.get("buf-b64", ""))
            found += data
            more = bool(data) and not part.get("eof")
    finally:
        _ask(agents, vmid, "file-close", {"handle": handle})
    return found, more


def write_file(agents: Agents, vmid: int, path: str, content: str) -> None:
    """Replace a file inside; ``content`` is base64."""
    handle = _ask(agents, vmid, "file-open", {"path": path, "mode": "wb"})
    try:
        _ask(agents, vmid, "file-write", {"handle": handle, "buf-b64": content})
    finally:
        _ask(agents, vmid, "file-close", {"handle": handle})


def set_password(agents: Agents, vmid: int, user: str, password: str, *, crypted: bool) -> Any:
    encoded = base64.b64encode(password.encode()).decode()
    return _ask(agents, vmid, "set-user-password", {"username": user, "password": encoded, "crypted": crypted})
