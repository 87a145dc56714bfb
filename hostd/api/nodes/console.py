"""Consoles of guests and nodes: tickets and the tasks behind them; hostd-stream serves the websocket itself."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.access.ids import ROOT
from hostd.api.context import Context
from hostd.api.endpoint import Check, endpoint, fields
from hostd.api.nodes.params import GuestParams
from hostd.core.errors import HostError, Invalid
from hostd.core.kinds import BOOLEAN, NODE, STRING, VMID
from hostd.core.schema import Kind, param
from hostd.guests import console, rfb
from hostd.guests.lxc import lifecycle as containers
from hostd.guests.qemu import lifecycle as machines
from hostd.node import shell

CONSOLE = fields(user="string", ticket="string", port="integer", upid="string")
_PORT = Kind(type="integer", minimum=5900, maximum=5999)
_TICKET = Kind(max_length=512)
_WIDTH = Kind(type="integer", minimum=16, maximum=4096)
_HEIGHT = Kind(type="integer", minimum=16, maximum=2160)
_WIDTH_DOC = f"How wide the picture is at most, in pixels (usually {console.USUAL_WIDTH})."
_HEIGHT_DOC = f"How high the picture is at most, in pixels (usually {console.USUAL_HEIGHT})."
_WEBSOCKET = "Accepted for compatibility: consoles always are websockets."


@dataclass(frozen=True, kw_only=True)
class VncParams:
    """A guest whose screen is wanted."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    websocket: bool = param(BOOLEAN, default=False, doc=_WEBSOCKET)
    generate_password: bool = param(
        BOOLEAN, default=False, shown_default=0, name="generate-password",
        doc="Have the viewer asked for a password, which the answer tells; otherwise the ticket alone is asked for.",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DrawnParams:
    """A container whose console is to be drawn."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    websocket: bool = param(BOOLEAN, default=False, doc=_WEBSOCKET)
    width: int = param(_WIDTH, default=0, doc=_WIDTH_DOC)
    height: int = param(_HEIGHT, default=0, doc=_HEIGHT_DOC)


@dataclass(frozen=True, kw_only=True)
class SerialParams:
    """A machine whose serial line is wanted."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    serial: str = param(
        Kind(enum=("serial0", "serial1", "serial2", "serial3")), default="serial0", doc="Which serial line."
    )


@dataclass(frozen=True, kw_only=True)
class ShellParams:
    """A node whose shell is wanted."""

    node: str = param(NODE, doc="Cluster node.")
    cmd: str = param(
        Kind(enum=("ceph_install", "login", "upgrade")),
        default=shell.LOGIN,
        shown_default=shell.LOGIN,
        doc="login: a shell for root@pam, for all others a log-in of the node. upgrade: its packages (root only).",
    )
    cmd_opts: str = param(
        STRING, default="", shown_default="", requires="cmd", name="cmd-opts",
        doc="Accepted empty: what can be started takes no further words.",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DrawnShellParams(ShellParams):
    """A node whose shell is to be drawn."""

    websocket: bool = param(BOOLEAN, default=False, doc=_WEBSOCKET)
    width: int = param(_WIDTH, default=0, doc=_WIDTH_DOC)
    height: int = param(_HEIGHT, default=0, doc=_HEIGHT_DOC)


@dataclass(frozen=True, kw_only=True)
class ShellSocketParams:
    """The open shell of a node."""

    node: str = param(NODE, doc="Cluster node.")
    port: int = param(_PORT, doc="The console's number.")
    vncticket: str = param(_TICKET, doc="The console's ticket.")


@dataclass(frozen=True, kw_only=True)
class WebsocketParams:
    """An open console."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    port: int = param(_PORT, doc="The console's number.")
    vncticket: str = param(_TICKET, doc="The console's ticket.")


def _open(ctx: Context, type: str, place: str, id: str, **args: object) -> dict[str, object]:
    """Reserve a console for whoever asks, with a ticket for him and ``place``, an ACL path; ``id``: of its task."""
    port = console.reserve_port()
    ticket = ctx.services.credentials.console_ticket(ctx.user, place, port)
    upid = ctx.spawn(type, id, port=port, **args)
    return {"user": ctx.user, "ticket": ticket, "port": port, "upid": upid}


def _open_terminal(ctx: Context, type: str, place: str, id: str, **args: object) -> dict[str, object]:
    """The same for one whose task lets in whom the ticket is for."""
    return _open(ctx, type, place, id, user=ctx.user, path=place, **args)


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/vncproxy",
    params=VncParams,
    returns={"type": "object", "properties": {**CONSOLE, **fields(password="string?")}},
    allow=Check("/vms/{vmid}", "VM.Console"),
    runs_on="node",
    privileged=True,
)
def qemu_vncproxy(ctx: Context, p: VncParams) -> object:
    """Open the screen of a running machine for one connection within ten seconds."""
    asked = {"password": rfb.make_password()} if p.generate_password else {}
    target = machines.vnc_socket(ctx.host, p.vmid)
    return _open(ctx, "vncproxy", f"/vms/{p.vmid}", str(p.vmid), target=target, **asked) | asked


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
    return _open_terminal(ctx, "termproxy", f"/vms/{p.vmid}", str(p.vmid), target=target)


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
    return _open_terminal(ctx, "termproxy", f"/vms/{p.vmid}", str(p.vmid), argv=argv)


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/vncproxy",
    params=DrawnParams,
    returns={"type": "object", "properties": CONSOLE},
    allow=Check("/vms/{vmid}", "VM.Console"),
    runs_on="node",
    privileged=True,
)
def lxc_vncproxy(ctx: Context, p: DrawnParams) -> object:
    """Open the console of a running container, drawn for one VNC viewer that connects within ten seconds."""
    argv = containers.console_argv(ctx.host, p.vmid)
    screen = console.screen(f"CT {p.vmid}", p.width, p.height)
    return _open(ctx, "vncproxy", f"/vms/{p.vmid}", str(p.vmid), argv=argv, screen=screen)


@endpoint(
    "POST",
    "/nodes/{node}/termproxy",
    params=ShellParams,
    returns={"type": "object", "properties": CONSOLE},
    allow=Check("/nodes/{node}", "Sys.Console"),
    runs_on="node",
    privileged=True,
)
def node_termproxy(ctx: Context, p: ShellParams) -> object:
    """Open a shell of the node for one connection within ten seconds."""
    return _open_terminal(ctx, "vncshell", f"/nodes/{p.node}", "", argv=_shell_argv(ctx, p))


@endpoint(
    "POST",
    "/nodes/{node}/vncshell",
    params=DrawnShellParams,
    returns={"type": "object", "properties": CONSOLE},
    allow=Check("/nodes/{node}", "Sys.Console"),
    runs_on="node",
    privileged=True,
)
def node_vncshell(ctx: Context, p: DrawnShellParams) -> object:
    """Open a shell of the node, drawn for one VNC viewer that connects within ten seconds."""
    screen = console.screen(p.node, p.width, p.height)
    return _open(ctx, "vncshell", f"/nodes/{p.node}", "", argv=_shell_argv(ctx, p), screen=screen)


def _shell_argv(ctx: Context, p: ShellParams) -> list[str]:
    if p.cmd_opts:
        raise Invalid({"cmd-opts": f"'{p.cmd}' takes no further words"})
    return shell.argv(p.cmd, root=ctx.user == ROOT)  # a token of root's is not root


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


@endpoint(
    "GET",
    "/nodes/{node}/vncwebsocket",
    params=ShellSocketParams,
    returns={"type": "object", "properties": fields(port="string")},
    allow=Check("/nodes/{node}", "Sys.Console"),
    runs_on="node",
)
def node_vncwebsocket(ctx: Context, p: ShellSocketParams) -> object:
    """The websocket of a node's shell (served by hostd-stream)."""
    return _websocket("node")
