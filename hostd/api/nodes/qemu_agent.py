"""``/nodes/{node}/qemu/{vmid}/agent``: asking the agent inside a machine."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, Allow, Check, array, endpoint, fields
from hostd.api.nodes.params import GuestParams
from hostd.api.nodes.qemu import stored
from hostd.core.kinds import BOOLEAN, INTEGER, STRING
from hostd.core.schema import Kind, param
from hostd.guests.qemu import agent, process
from hostd.guests.qemu.connection import LibvirtMachines

_RESULT = {"type": "object"}
_ALL = "VM.GuestAgent.Unrestricted"
_READ_LIMIT = 16 * 1024 * 1024
_COMMANDS = tuple(sorted((*agent.READING, *agent.CHANGING, *agent.SLEEPING)))
_PASSWORD = Kind(min_length=5, max_length=1024)


@dataclass(frozen=True, kw_only=True)
class CommandParams(GuestParams):
    """A command without arguments."""

    command: str = param(Kind(enum=_COMMANDS), doc="What the agent is asked.")


@dataclass(frozen=True, kw_only=True)
class ExecParams(GuestParams):
    """A program to run inside."""

    command: list[str] = param(Kind(type="array", items=STRING), doc="The program and its arguments.")
    input_data: str | None = param(Kind(max_length=65536), default=None, name="input-data", doc="What it reads.")


@dataclass(frozen=True, kw_only=True)
class ExecStatusParams(GuestParams):
    """A program that was started inside."""

    pid: int = param(INTEGER, doc="Its process id.")


@dataclass(frozen=True, kw_only=True)
class ReadParams(GuestParams):
    """A file inside to read."""

    file: str = param(STRING, doc="Its path.")
    offset: int = param(Kind(type="integer", minimum=0), default=0, shown_default=0, doc="Where to begin.")
    count: int = param(
        Kind(type="integer", minimum=1, maximum=_READ_LIMIT), default=_READ_LIMIT, shown_default=_READ_LIMIT,
        doc="How many bytes at most.",
    )  # fmt: skip
    decode: bool = param(BOOLEAN, default=True, shown_default=1, doc="As text; otherwise as base64.")


@dataclass(frozen=True, kw_only=True)
class WriteParams(GuestParams):
    """A file inside to write."""

    file: str = param(STRING, doc="Its path.")
    content: str = param(Kind(max_length=61440), doc="What it shall hold.")
    encode: bool = param(BOOLEAN, default=True, shown_default=1, doc="The content is text; otherwise it is base64.")


@dataclass(frozen=True, kw_only=True)
class PasswordParams(GuestParams):
    """A password of a user inside."""

    username: str = param(STRING, doc="The user.")
    password: str = param(_PASSWORD, doc="The password.")
    crypted: bool = param(BOOLEAN, default=False, shown_default=0, doc="It has been through crypt() already.")


@contextmanager
def asked(ctx: Context, vmid: int) -> Iterator[agent.Agents]:
    """The door to the agent of a running machine that has one, for one call."""
    config = stored(ctx, vmid).file.current
    agent.require_agent(config, vmid, running=process.is_running(vmid))
    machines = LibvirtMachines()
    try:
        yield machines
    finally:
        machines.close()


def ask(ctx: Context, vmid: int, command: str) -> object:
    with asked(ctx, vmid) as agents:
        return {"result": agent.ask(agents, vmid, command)}


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/agent",
    params=GuestParams,
    returns=array(fields(name="string"), child="name"),
    allow=ALL,
    runs_on="node",
)
def agent_index(ctx: Context, p: GuestParams) -> object:
    """What the agent can be asked."""
    own = ("exec", "exec-status", "file-read", "file-write", "set-user-password")
    return [{"name": name} for name in sorted((*_COMMANDS, *own))]


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/agent",
    params=CommandParams,
    returns=_RESULT,
    allow=Check("/vms/{vmid}", _ALL, _ALL, any_of=True),
    runs_on="node",
    privileged=True,
)
def agent_command(ctx: Context, p: CommandParams) -> object:
    """Ask the agent by a command's name."""
    return ask(ctx, p.vmid, p.command)


def _right(command: str) -> Allow:
    if command in agent.SLEEPING:
        return Check("/vms/{vmid}", "VM.PowerMgmt", _ALL, any_of=True)
    if command in agent.CHANGING:
        return Check("/vms/{vmid}", "VM.GuestAgent.FileSystemMgmt", _ALL, any_of=True)
    if command == "fsfreeze-status":
        return Check("/vms/{vmid}", "VM.GuestAgent.Audit", "VM.GuestAgent.FileSystemMgmt", _ALL, any_of=True)
    return Check("/vms/{vmid}", "VM.GuestAgent.Audit", _ALL, any_of=True)


_BY_POST = (*agent.CHANGING, *agent.SLEEPING, "fsfreeze-status", "ping")


def _declare(command: str) -> object:
    """A method of its own for a command without arguments."""

    def method(ctx: Context, p: GuestParams) -> object:
        return ask(ctx, p.vmid, command)

    method.__name__ = f"agent_{command.replace('-', '_')}"
    method.__doc__ = f"Ask the agent: {command}."
    return endpoint(
        "POST" if command in _BY_POST else "GET",
        f"/nodes/{{node}}/qemu/{{vmid}}/agent/{command}",
        params=GuestParams,
        returns=_RESULT,
        allow=_right(command),
        runs_on="node",
        privileged=True,
    )(method)


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/agent/exec",
    params=ExecParams,
    returns={"type": "object", "properties": fields(pid="integer")},
    allow=Check("/vms/{vmid}", _ALL),
    runs_on="node",
    privileged=True,
)
def agent_exec(ctx: Context, p: ExecParams) -> object:
    """Run a program inside; it is not waited for."""
    with asked(ctx, p.vmid) as agents:
        return {"pid": agent.execute(agents, p.vmid, list(p.command), p.input_data)}


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/agent/exec-status",
    params=ExecStatusParams,
    returns={
        "type": "object",
        "properties": fields(
            exited="boolean", exitcode="integer?", signal="integer?", out__data="string?", err__data="string?",
            out__truncated="boolean?", err__truncated="boolean?",
        ),
    },
    allow=Check("/vms/{vmid}", _ALL),
    runs_on="node",
    privileged=True,
)  # fmt: skip
def agent_exec_status(ctx: Context, p: ExecStatusParams) -> object:
    """What became of a program that was started inside."""
    with asked(ctx, p.vmid) as agents:
        return agent.execution(agents, p.vmid, p.pid)


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/agent/file-read",
    params=ReadParams,
    returns={"type": "object", "properties": fields(content="string", truncated="boolean?")},
    allow=Check("/vms/{vmid}", "VM.GuestAgent.FileRead", _ALL, any_of=True),
    runs_on="node",
    privileged=True,
)
def agent_file_read(ctx: Context, p: ReadParams) -> object:
    """Read a file inside."""
    with asked(ctx, p.vmid) as agents:
        data, more = agent.read_file(agents, p.vmid, p.file, offset=p.offset, count=p.count)
    text = data.decode(errors="replace") if p.decode else base64.b64encode(data).decode()
    return {"content": text} | ({"truncated": 1} if more else {})


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/agent/file-write",
    params=WriteParams,
    returns=NULL,
    allow=Check("/vms/{vmid}", "VM.GuestAgent.FileWrite", _ALL, any_of=True),
    runs_on="node",
    privileged=True,
)
def agent_file_write(ctx: Context, p: WriteParams) -> object:
    """Write a file inside."""
    content = base64.b64encode(p.content.encode()).decode() if p.encode else p.content
    with asked(ctx, p.vmid) as agents:
        agent.write_file(agents, p.vmid, p.file, content)
    return None


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/agent/set-user-password",
    params=PasswordParams,
    returns=_RESULT,
    allow=Check("/vms/{vmid}", _ALL),
    runs_on="node",
    privileged=True,
)
def agent_set_user_password(ctx: Context, p: PasswordParams) -> object:
    """Set the password of a user inside."""
    with asked(ctx, p.vmid) as agents:
        return {"result": agent.set_password(agents, p.vmid, p.username, p.password, crypted=p.crypted)}


for _command in _COMMANDS:
    globals()[f"agent_{_command.replace('-', '_')}"] = _declare(_command)
