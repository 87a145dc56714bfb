"""Consoles of guests: tickets and the tasks behind them; the websocket itself is served by hostd-stream."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import Check, endpoint, fields
from hostd.core.errors import HostError
from hostd.core.kinds import BOOLEAN, NODE, VMID
from hostd.core.schema import Kind, param
from hostd.guests import console
from hostd.guests.lxc import lifecycle as containers
from hostd.guests.qemu import lifecycle as machines

CONSOLE = fields(user="string", ticket="string", port="integer", upid="string")


@dataclass(frozen=True, kw_only=True)
class VncParams:
    """A guest whose screen is wanted."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    websocket: bool = param(BOOLEAN, default=False, doc="Accepted for compatibility: consoles always are websockets.")


@dataclass(frozen=True, kw_only=True)
class SerialParams:
    """A machine whose serial line is wanted."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    serial: str = param(
        Kind(enum=("serial0", "serial1", "serial2", "serial3")), default="serial0", doc="Which serial line."
    )


@dataclass(frozen=True, kw_only=True)
class GuestParams:
    """One guest."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")


@dataclass(frozen=True, kw_only=True)
class WebsocketParams:
    """An open console."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    port: int = param(Kind(type="integer", minimum=5900, maximum=5999), doc="The console's number.")
    vncticket: str = param(Kind(max_length=512), doc="The console's ticket.")


def _open(ctx: Context, type: str, vmid: int, **args: object) -> dict[str, object]:
    port = console.reserve_port()
    path = f"/vms/{vmid}"
    ticket = ctx.services.credentials.console_ticket(ctx.user, path, port)
    upid = ctx.spawn(type, str(vmid), port=port, **args)
    return {"user": ctx.user, "ticket": ticket, "port": port, "upid": upid}


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/vncproxy",
    params=VncParams,
    returns={"type": "object", "properties": CONSOLE},
    allow=Check("/vms/{vmid}", "VM.Console"),
    runs_on="node",
    privileged=True,
)
def qemu_vncproxy(ctx: Context, p: VncParams) -> object:
    """Open the screen of a running machine for one connection within ten seconds."""
    return _open(ctx, "vncproxy", p.vmid, target=machines.vnc_socket(ctx.host, p.vmid))


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/termproxy",
    params=SerialParams,
    returns={"type": "object", "properties": CONSOLE},
    allow=Check("/vms/{vmid}", "VM.Console"),
    runs_on="node",
    privileged=True,
)
def qemu_termproxy(ctx: Context, p: SerialParams) -> object:
    """Open a serial line of a running machine for one connection within ten seconds."""
    target = machines.serial_socket(ctx.host, p.vmid, p.serial)
    return _open(ctx, "termproxy", p.vmid, user=ctx.user, path=f"/vms/{p.vmid}", target=target)


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/termproxy",
    params=GuestParams,
    returns={"type": "object", "properties": CONSOLE},
    allow=Check("/vms/{vmid}", "VM.Console"),
    runs_on="node",
    privileged=True,
)
def lxc_termproxy(ctx: Context, p: GuestParams) -> object:
    """Open the console of a running container for one connection within ten seconds."""
    argv = containers.console_argv(ctx.host, p.vmid)
    return _open(ctx, "termproxy", p.vmid, user=ctx.user, path=f"/vms/{p.vmid}", argv=argv)


def _websocket(kind: str) -> object:
    raise HostError(f"this is a websocket; connect with an upgrade request (RFC 6455) to the {kind}'s console")


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/vncwebsocket",
    params=WebsocketParams,
    returns={"type": "object", "properties": fields(port="string")},
    allow=Check("/vms/{vmid}", "VM.Console"),
    runs_on="node",
)
def qemu_vncwebsocket(ctx: Context, p: WebsocketParams) -> object:
    """The websocket of a machine's console (served by hostd-stream)."""
    return _websocket("machine")


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/vncwebsocket",
    params=WebsocketParams,
    returns={"type": "object", "properties": fields(port="string")},
    allow=Check("/vms/{vmid}", "VM.Console"),
    runs_on="node",
)
def lxc_vncwebsocket(ctx: Context, p: WebsocketParams) -> object:
    """The websocket of a container's console (served by hostd-stream)."""
    return _websocket("container")
