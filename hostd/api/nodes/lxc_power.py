"""``…/lxc/{vmid}/status``: booting anew, holding still, going on; ``…/interfaces``. Start and stop: ``lxc.py``."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import UPID, Check, array, endpoint, fields
from hostd.api.nodes.lxc import stored
from hostd.api.nodes.params import GuestParams
from hostd.core.errors import Conflict
from hostd.core.kinds import NODE, SECONDS, VMID
from hostd.core.schema import param
from hostd.guests.lxc import interfaces, lifecycle, running
from hostd.guests.lxc.interfaces import Interface

_POWER = Check("/vms/{vmid}", "VM.PowerMgmt")


@dataclass(frozen=True, kw_only=True)
class RebootParams:
    """A container to boot anew."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    timeout: int | None = param(SECONDS, default=None, doc="Wait this many seconds for its shutdown.")


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/reboot",
    params=RebootParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
)
def reboot(ctx: Context, p: RebootParams) -> object:
    """Shut a container down and start it again, so that waiting changes count."""
    stored(ctx, p.vmid)
    if running.init_pid(p.vmid) is None:
        raise Conflict(f"CT {p.vmid} not running")
    timeout_s = lifecycle.SHUTDOWN_S if p.timeout is None else p.timeout
    return ctx.spawn("vzreboot", str(p.vmid), vmid=p.vmid, timeout_s=timeout_s)


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/suspend",
    params=GuestParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
)
def suspend(ctx: Context, p: GuestParams) -> object:
    """Hold every process of a container still; its memory stays where it is."""
    stored(ctx, p.vmid)
    return ctx.spawn("vzsuspend", str(p.vmid), vmid=p.vmid)


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/resume",
    params=GuestParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
)
def resume(ctx: Context, p: GuestParams) -> object:
    """Let a container go on that was held still."""
    stored(ctx, p.vmid)
    return ctx.spawn("vzresume", str(p.vmid), vmid=p.vmid)


_ADDRESS = fields(**{"ip-address": "string?", "ip-address-type": "string?", "prefix": "integer?"})
_INTERFACE = {
    **fields(
        **{"name": "string", "hwaddr": "string", "hardware-address": "string", "inet": "string?", "inet6": "string?"}
    ),
    "ip-addresses": {"type": "array", "items": {"type": "object", "properties": _ADDRESS}},
}


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/interfaces",
    params=GuestParams,
    returns=array(_INTERFACE),
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
    privileged=True,
)
def interface_list(ctx: Context, p: GuestParams) -> object:
    """The cards of a running container with the addresses that they have; none of one that does not run."""
    stored(ctx, p.vmid)
    pid = running.init_pid(p.vmid)
    return [] if pid is None else [_row(one) for one in interfaces.of_process(ctx.run, pid)]


def _row(one: Interface) -> dict[str, object]:
    addresses = [{"ip-address": a.address, "ip-address-type": a.family, "prefix": a.prefix} for a in one.addresses]
    row: dict[str, object] = {"name": one.name, "hwaddr": one.mac, "hardware-address": one.mac}
    row |= {family: text for family in ("inet", "inet6") if (text := one.first(family))}
    return row | {"ip-addresses": addresses}
