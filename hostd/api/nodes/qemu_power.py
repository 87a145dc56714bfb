"""``…/qemu/{vmid}/status``: starting, stopping, booting anew, pausing, suspending, going on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hostd.api import hamanaged
from hostd.api.context import Context
from hostd.api.endpoint import UPID, Check, endpoint
from hostd.api.nodes import guest_params as shared
from hostd.api.nodes.qemu import stored
from hostd.core.errors import Conflict, Denied
from hostd.core.kinds import BOOLEAN, NODE, SECONDS, STORAGE_ID, STRING, VMID
from hostd.core.schema import Kind, param
from hostd.guests.qemu import lifecycle, process
from hostd.guests.qemu.devices import firmware
from hostd.guests.qemu.snapshotting import state_storage

_MACHINE = Kind(format="pve-qemu-machine-fmt", check=firmware.MACHINE_FORMAT.check)
_POWER = Check("/vms/{vmid}", "VM.PowerMgmt")


def _keep_active() -> Any:
    """What is asked for is the case without it: a machine's end leaves its volumes as they are."""
    return param(
        BOOLEAN, default=False, shown_default=0, name="keepActive", doc="Keep volumes active, as they are kept anyway."
    )


@dataclass(frozen=True, kw_only=True)
class StartParams:
    """A machine to start."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    timeout: int | None = param(SECONDS, default=None, doc="Give up after this many seconds.")
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")
    machine: str = param(_MACHINE, default="", doc="Be this machine type, for this start alone.")
    force_cpu: str = param(
        STRING, default="", name="force-cpu", doc="What QEMU is told with -cpu, for this start alone (root only)."
    )


@dataclass(frozen=True, kw_only=True)
class StopParams:
    """A machine whose plug is pulled."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    timeout: int | None = param(SECONDS, default=None, doc="Give up after this many seconds.")
    overrule_shutdown: bool = param(
        BOOLEAN, default=False, shown_default=0, name="overrule-shutdown", doc="End a shutdown that waits."
    )
    keep_active: bool = _keep_active()
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")


@dataclass(frozen=True, kw_only=True)
class ResetParams:
    """A machine to reset."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")


@dataclass(frozen=True, kw_only=True)
class ShutdownParams:
    """A machine to shut down."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    timeout: int | None = param(SECONDS, default=None, doc="Wait this many seconds.")
    force_stop: bool = param(
        BOOLEAN, default=False, shown_default=0, name="forceStop", doc="Pull the plug when the time is over."
    )
    keep_active: bool = _keep_active()
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")


@dataclass(frozen=True, kw_only=True)
class RebootParams:
    """A machine to boot anew."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    timeout: int | None = param(SECONDS, default=None, doc="Wait this many seconds for its shutdown.")


@dataclass(frozen=True, kw_only=True)
class SuspendParams:
    """A machine to hold still."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")
    todisk: bool = param(BOOLEAN, default=False, shown_default=0, doc="Save its memory to disk and end it.")
    statestorage: str = param(STORAGE_ID, default="", requires="todisk", doc="Storage for the saved memory.")


@dataclass(frozen=True, kw_only=True)
class ResumeParams:
    """A machine that is to go on."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")
    nocheck: bool = param(BOOLEAN, default=False, doc="Accepted for compatibility.")


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/start",
    params=StartParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
)
def start(ctx: Context, p: StartParams) -> object:
    """Start a machine; ``machine`` and ``force-cpu`` leave its configuration as it is."""
    shared.check_skiplock(ctx, p.skiplock)
    shared.check_root_only(ctx, force_cpu=p.force_cpu)
    stored(ctx, p.vmid)
    once = {"machine": p.machine} if p.machine else {}
    once |= {"processor": p.force_cpu} if p.force_cpu else {}
    if not once and (upid := hamanaged.start(ctx, p.vmid)):
        return upid
    if once and p.vmid in hamanaged.ids(ctx):
        raise Conflict(f"VM {p.vmid} is started by the HA manager, which starts it as its configuration says")
    return ctx.spawn("qmstart", str(p.vmid), vmid=p.vmid, skip_lock=p.skiplock, **once)


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/stop",
    params=StopParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
)
def stop(ctx: Context, p: StopParams) -> object:
    """Pull a machine's plug: what the guest had not written is lost."""
    shared.check_root_only(ctx, skiplock=p.skiplock, keepActive=p.keep_active)
    stored(ctx, p.vmid)
    if p.overrule_shutdown:
        shared.end_shutdowns(ctx, "qmshutdown", p.vmid)
    return hamanaged.stop(ctx, p.vmid) or ctx.spawn("qmstop", str(p.vmid), vmid=p.vmid, skip_lock=p.skiplock)


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/shutdown",
    params=ShutdownParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
)
def shutdown(ctx: Context, p: ShutdownParams) -> object:
    """Ask the guest to shut down (ACPI or its agent)."""
    shared.check_root_only(ctx, skiplock=p.skiplock, keepActive=p.keep_active)
    stored(ctx, p.vmid)
    timeout_s = lifecycle.SHUTDOWN_S if p.timeout is None else p.timeout
    args = {"timeout_s": timeout_s, "force_stop": p.force_stop, "skip_lock": p.skiplock}
    if upid := hamanaged.stop(ctx, p.vmid, timeout_s):
        return upid
    return ctx.spawn("qmshutdown", str(p.vmid), vmid=p.vmid, **args)


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/reset",
    params=ResetParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
)
def reset(ctx: Context, p: ResetParams) -> object:
    """Press a machine's reset button."""
    shared.check_skiplock(ctx, p.skiplock)
    stored(ctx, p.vmid)
    return ctx.spawn("qmreset", str(p.vmid), vmid=p.vmid, skip_lock=p.skiplock)


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/reboot",
    params=RebootParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
)
def reboot(ctx: Context, p: RebootParams) -> object:
    """Shut a machine down and start it again, so that waiting changes count."""
    stored(ctx, p.vmid)
    if not process.is_running(p.vmid):
        raise Conflict(f"VM {p.vmid} not running")
    timeout_s = lifecycle.SHUTDOWN_S if p.timeout is None else p.timeout
    return ctx.spawn("qmreboot", str(p.vmid), vmid=p.vmid, timeout_s=timeout_s)


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/suspend",
    params=SuspendParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def suspend(ctx: Context, p: SuspendParams) -> object:
    """Hold a machine still, or save its memory to disk and end it."""
    shared.check_skiplock(ctx, p.skiplock)
    guest = stored(ctx, p.vmid)
    if not p.todisk:
        return ctx.spawn("qmpause", str(p.vmid), vmid=p.vmid, skip_lock=p.skiplock)
    if not ctx.may(f"/vms/{p.vmid}", "VM.Config.Disk"):
        raise Denied(f"Permission check failed (/vms/{p.vmid}, VM.Config.Disk)")
    storage = p.statestorage or state_storage(ctx.host, guest.file.current)
    shared.require_storage(ctx, storage, "Datastore.AllocateSpace")
    return ctx.spawn("qmsuspend", str(p.vmid), vmid=p.vmid, storage=storage, skip_lock=p.skiplock)


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/resume",
    params=ResumeParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
)
def resume(ctx: Context, p: ResumeParams) -> object:
    """Let a machine go on that was held still or suspended to disk."""
    shared.check_skiplock(ctx, p.skiplock)
    stored(ctx, p.vmid)
    return ctx.spawn("qmresume", str(p.vmid), vmid=p.vmid, skip_lock=p.skiplock)
