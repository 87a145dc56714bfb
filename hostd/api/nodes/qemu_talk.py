"""Talking to QEMU: its monitor, as far as that is let through, and keys for the guest."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import NULL, Check, endpoint
from hostd.api.nodes import guest_params as shared
from hostd.api.nodes.qemu import stored
from hostd.core.errors import Conflict, Invalid
from hostd.core.kinds import BOOLEAN, NODE, STRING, VMID
from hostd.core.schema import param
from hostd.guests.qemu import monitoring, process
from hostd.guests.qemu.connection import LibvirtMachines


@dataclass(frozen=True, kw_only=True)
class MonitorParams:
    """A command for a machine's monitor."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    command: str = param(STRING, doc="The command, such as 'info block'.")


@dataclass(frozen=True, kw_only=True)
class KeyParams:
    """Keys for a machine."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    key: str = param(STRING, doc="Keys that are pressed together, such as ctrl-alt-delete.")
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")


def ask_monitor(vmid: int, command: str) -> str:
    """A connection for one question; the answer of QEMU's monitor for people."""
    machines = LibvirtMachines()
    try:
        return machines.human_monitor(vmid, command)
    finally:
        machines.close()


def require_running(ctx: Context, vmid: int) -> None:
    stored(ctx, vmid)
    if not process.is_running(vmid):
        raise Conflict(f"VM {vmid} not running")


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/monitor",
    params=MonitorParams,
    returns={"type": "string"},
    allow=Check("/vms/{vmid}", "Sys.Audit", "Sys.Modify", any_of=True),
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def monitor(ctx: Context, p: MonitorParams) -> object:
    """Give a command to QEMU's monitor; what it may be is a list."""
    command = monitoring.require_allowed(p.command, may_act=ctx.may(f"/vms/{p.vmid}", "Sys.Modify"))
    require_running(ctx, p.vmid)
    return ask_monitor(p.vmid, command)


@endpoint(
    "PUT",
    "/nodes/{node}/qemu/{vmid}/sendkey",
    params=KeyParams,
    returns=NULL,
    allow=Check("/vms/{vmid}", "VM.Console"),
    runs_on="node",
    privileged=True,
)
def send_key(ctx: Context, p: KeyParams) -> object:
    """Press keys in a machine."""
    shared.check_skiplock(ctx, p.skiplock)
    command = monitoring.key_command(p.key)
    require_running(ctx, p.vmid)
    if told := ask_monitor(p.vmid, command).strip():  # it says something only about what it does not know
        raise Invalid({"key": told})
    return None
