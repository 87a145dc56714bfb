"""``/nodes/{node}/lxc``: containers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hostd.api import hamanaged
from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, UPID, Check, array, endpoint, fields
from hostd.api.nodes import guest_params as shared
from hostd.api.nodes.params import GuestParams
from hostd.core.errors import Denied, HostError, Invalid
from hostd.core.formats import propstring
from hostd.core.kinds import BOOLEAN, CONFIG_ID_LIST, DIGEST, NODE, SECONDS, VMID
from hostd.core.schema import Kind, param
from hostd.guests import changes, index
from hostd.guests import config as files
from hostd.guests.config import GuestKind, GuestPath, StoredGuest
from hostd.guests.index import Entry
from hostd.guests.lxc import lifecycle, mounts, plan, running
from hostd.guests.lxc.config import OPTIONS, is_unprivileged, shown_comment

_CHANGE_S = 60.0
_CONFIG_PRIVILEGES = (
    "VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options",
)  # fmt: skip
_POWER = Check("/vms/{vmid}", "VM.PowerMgmt")
_PASSWORD = Kind(min_length=5, pattern=r"[^\x00-\x1f\x7f]*")
_CHILDREN = (
    "clone", "config", "feature", "interfaces", "migrate", "move_volume", "pending", "resize", "rrd", "rrddata",
    "snapshot", "status", "template", "termproxy", "vncproxy", "vncwebsocket",
)  # fmt: skip
_POWER_CHILDREN = ("current", "start", "stop", "shutdown", "reboot", "suspend", "resume")
_STATUS = fields(
    vmid="integer", status="string", name="string?", cpu="number?", cpus="number?", mem="integer?", maxmem="integer?",
    maxswap="integer?", disk="integer?", maxdisk="integer?", diskread="integer?", diskwrite="integer?",
    netin="integer?", netout="integer?", uptime="integer?", tags="string?", lock="string?", template="boolean?",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ListParams:
    """The node's containers."""

    node: str = param(NODE, doc="Cluster node.")


@dataclass(frozen=True, kw_only=True)
class ConfigParams:
    """Which version of a configuration to show."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    current: bool = param(BOOLEAN, default=False, shown_default=0, doc="What counts now, without pending changes.")
    snapshot: str = param(Kind(format="pve-configid", max_length=40), default="", doc="As it was in a snapshot.")


@shared.with_options(OPTIONS)
@dataclass(frozen=True, kw_only=True)
class ChangeParams:
    """A change of a configuration."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    delete: list[str] = param(CONFIG_ID_LIST, default=(), doc="Keys to remove.")
    revert: list[str] = param(CONFIG_ID_LIST, default=(), doc="Pending changes to drop.")
    digest: str = param(DIGEST, default="", doc="Fail unless the configuration still has this digest.")


@dataclass(frozen=True, kw_only=True)
class DestroyParams:
    """A container to remove."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    force: bool = param(BOOLEAN, default=False, shown_default=0, doc="Also when it runs.")
    purge: bool = param(BOOLEAN, default=False, shown_default=0, doc="Also remove it from jobs that name it.")
    destroy_unreferenced_disks: bool = param(
        BOOLEAN, default=False, name="destroy-unreferenced-disks", doc="Also remove volumes of its id."
    )


@dataclass(frozen=True, kw_only=True)
class StartParams:
    """A container to start."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    debug: bool = param(BOOLEAN, default=False, shown_default=0, doc="Tell all that LXC does, for this start.")
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")


@dataclass(frozen=True, kw_only=True)
class StopParams:
    """A container to stop at once."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    overrule_shutdown: bool = param(
        BOOLEAN, default=False, shown_default=0, name="overrule-shutdown", doc="End a shutdown that waits."
    )
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")


@dataclass(frozen=True, kw_only=True)
class ShutdownParams:
    """A container to shut down."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    timeout: int = param(SECONDS, default=lifecycle.SHUTDOWN_S, shown_default=60, doc="Wait this many seconds.")
    force_stop: bool = param(
        BOOLEAN, default=False, shown_default=0, name="forceStop", doc="End it when the time is over."
    )


def where(ctx: Context, vmid: int) -> GuestPath:
    return GuestPath(node=ctx.node, kind=GuestKind.LXC, vmid=vmid)


def stored(ctx: Context, vmid: int) -> StoredGuest:
    """The guest as the copy in memory has it; NotFound in the words that clients know."""
    return files.show(ctx.mirror, where(ctx, vmid))


# --- lists and status


def own_cpus(ctx: Context) -> int:
    """The node's processors, from its last sample; 0 before the first."""
    return int(ctx.samples.node().get("maxcpu", 0))


def list_row(entry: Entry, sample: Mapping[str, Any], node_cpus: int) -> dict[str, object]:
    """One container as the node's list shows it. ``node_cpus``: what one without limit may use."""
    summary = entry.summary
    row: dict[str, object] = {
        "vmid": entry.where.vmid,
        "type": "lxc",
        "name": summary.name,
        "status": "running" if sample else "stopped",
        "cpus": summary.cpus or node_cpus,
        "maxmem": summary.memory,
        "maxswap": summary.swap,
        "maxdisk": sample.get("maxdisk") or summary.disk,
        "swap": sample.get("swap", 0),
        **index.live_values(sample),
    }
    row |= {k: v for k, v in (("tags", summary.tags), ("lock", summary.lock)) if v}
    row |= {"template": 1} if summary.template else {}
    return row | {k: sample[k] for k in ("pid",) if k in sample}


@endpoint(
    "GET",
    "/nodes/{node}/lxc",
    params=ListParams,
    returns=array(_STATUS, child="vmid"),
    allow=ALL,
    runs_on="node",
    checked_in_code=True,
)
def vmlist(ctx: Context, p: ListParams) -> object:
    """The containers of this node that the caller may see."""
    samples, node_cpus = ctx.samples.guests(), own_cpus(ctx)
    return [
        list_row(entry, samples.get(entry.where.vmid, {}), node_cpus)
        for entry in index.entries(ctx.mirror)
        if entry.where.kind is GuestKind.LXC
        and entry.where.node == ctx.node
        and ctx.may(f"/vms/{entry.where.vmid}", "VM.Audit")
    ]


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}",
    params=GuestParams,
    returns=array(fields(subdir="string"), child="subdir"),
    allow=ALL,
    runs_on="node",
)
def vm_index(ctx: Context, p: GuestParams) -> object:
    """What can be asked about a container."""
    return [{"subdir": name} for name in _CHILDREN]


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/status",
    params=GuestParams,
    returns=array(fields(subdir="string"), child="subdir"),
    allow=ALL,
    runs_on="node",
)
def status_index(ctx: Context, p: GuestParams) -> object:
    """What can be done with a container's power."""
    return [{"subdir": name} for name in _POWER_CHILDREN]


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/status/current",
    params=GuestParams,
    returns={"type": "object", "properties": {**_STATUS, **fields(ha="object")}},
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
)
def status_current(ctx: Context, p: GuestParams) -> object:
    """A container's state and live values."""
    place = where(ctx, p.vmid)
    file = ctx.mirror.get(place.path)
    if file is None:
        raise files.missing(place)
    entry = Entry(where=place, summary=index.summarize(place.kind, place.vmid, file.data))
    pid = running.init_pid(p.vmid) or 0
    sample = shared.sample_of(ctx, p.vmid, pid)
    row = list_row(entry, sample, own_cpus(ctx)) | {"ha": hamanaged.shown(ctx, p.vmid)}
    return row | ({"status": "running", "pid": pid} if pid and not sample else {})


# --- configuration


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/config",
    params=ConfigParams,
    returns={"type": "object", "additionalProperties": True, "properties": fields(digest="string")},
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
)
def config(ctx: Context, p: ConfigParams) -> object:
    """A container's configuration, as it will be once pending changes count."""
    guest = stored(ctx, p.vmid)
    if p.current and p.snapshot:
        raise Invalid({"snapshot": "cannot use 'snapshot' parameter with 'current'"})
    comment, raw = guest.file.comment, guest.file.raw
    values: Mapping[str, str] = guest.file.current if p.current else changes.merged(guest.file)
    if p.snapshot:
        values, comment = shared.snapshot_values(guest, p.snapshot)
        raw = guest.file.snapshots[p.snapshot].raw
    shown = shared.typed(OPTIONS, values) | ({"description": shown_comment(comment)} if comment else {})
    shown |= {"lxc": [list(pair) for pair in raw]} if raw else {}
    return shown | {"digest": guest.digest}


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/pending",
    params=GuestParams,
    returns=array(fields(key="string", value="string?", pending="string?", delete="integer?")),
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
)
def pending(ctx: Context, p: GuestParams) -> object:
    """Each key with what counts and what waits for a restart."""
    shown = []
    for row in changes.pending_rows(stored(ctx, p.vmid).file):
        parts: dict[str, object] = {"key": row.key}
        for name, value in (("value", row.value), ("pending", row.pending)):
            if value is not None:
                parts[name] = shared.typed(OPTIONS, {row.key: value})[row.key]
        shown.append(parts | ({"delete": row.delete} if row.delete else {}))
    return shown


def require_plan(ctx: Context, vmid: int, values: Mapping[str, str], *, unprivileged: bool) -> plan.Plan:
    """Check what the caller may set and which storages are asked for; Invalid with every wrong value."""
    shared.require_key_privileges(ctx, vmid, OPTIONS, set(values))
    _require_features(ctx, values.get("features", ""), unprivileged=unprivileged)
    require_host_mounts(ctx, vmid, values)
    shared.require_bridges(ctx, values)
    planned = plan.plan_values({k: v for k, v in values.items() if k != "description"})
    for new in planned.new:
        shared.require_storage(ctx, new.storage, "Datastore.AllocateSpace")
    for volume in planned.existing.values():
        shared.require_volume(ctx, volume, vmid=vmid, content="rootdir")
    return planned


def require_host_mounts(ctx: Context, vmid: int, values: Mapping[str, str]) -> None:
    """Denied for folders and devices of the host, which are for who may use the host's devices alone."""
    for key, value in values.items():
        if key == "rootfs" or (key.startswith("mp") and key[2:].isdecimal()):
            source = propstring.parse(value, default_key="volume").get("volume", "")
            if source.startswith("/") and not ctx.may(f"/vms/{vmid}", "Host.Devices"):
                kind = "device" if source.startswith("/dev/") else "bind"
                raise Denied(f"mount point type {kind} is only allowed for root@pam")


def _require_features(ctx: Context, text: str, *, unprivileged: bool) -> None:
    """What reaches further into the host than nesting in an unprivileged container is for root alone."""
    wanted = {key for key, value in propstring.parse(text).items() if value != "0"}
    if ctx.user != "root@pam" and (wanted - {"nesting"} or (wanted and not unprivileged)):
        raise Denied(
            "changing feature flags (except nesting of an unprivileged container) is only allowed for root@pam"
        )


@endpoint(
    "PUT",
    "/nodes/{node}/lxc/{vmid}/config",
    params=ChangeParams,
    returns=NULL,
    allow=Check("/vms/{vmid}", *_CONFIG_PRIVILEGES, any_of=True),
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def update_vm(ctx: Context, p: ChangeParams) -> object:
    """Change a container's configuration; of a running one what touches it waits for the next start."""
    guest = stored(ctx, p.vmid)
    values = shared.given_options(p)
    known = set(OPTIONS.keys)
    change = shared.make_change(values, list(p.delete), list(p.revert), False, known)
    shared.require_key_privileges(ctx, p.vmid, OPTIONS, set(change.delete) | set(change.revert))
    gone = {key: guest.file.current[key] for key in {*change.delete, *values} if key in guest.file.current}
    require_host_mounts(ctx, p.vmid, gone)
    planned = require_plan(ctx, p.vmid, values, unprivileged=is_unprivileged(guest.file.current))
    shared.require_tags(ctx, guest, change)
    files.check_digest(guest, p.digest)
    removes = any(
        key.startswith("unused") and mounts.owned_volume(key, guest.file.current.get(key, ""), p.vmid)
        for key in change.delete
    )
    if planned.new or planned.existing or removes:
        args = {"values": values, "delete": dict(change.delete), "revert": list(change.revert), "digest": p.digest}
        shared.wait_for(ctx.spawn("vzconfig", str(p.vmid), vmid=p.vmid, **args), _CHANGE_S)
    else:
        lifecycle.change_text(ctx.host, p.vmid, change, digest=p.digest)
    return None


# --- remove


@endpoint(
    "DELETE",
    "/nodes/{node}/lxc/{vmid}",
    params=DestroyParams,
    returns=UPID,
    allow=Check("/vms/{vmid}", "VM.Allocate"),
    runs_on="node",
    privileged=True,
)
def destroy_vm(ctx: Context, p: DestroyParams) -> object:
    """Remove a container with its volumes."""
    guest = stored(ctx, p.vmid)
    if guest.file.current.get("protection") == "1":
        raise HostError(f"can't remove CT {p.vmid} - protection mode enabled")
    if not p.force and running.init_pid(p.vmid):
        raise HostError(f"CT {p.vmid} is running - destroy failed")
    hamanaged.release(ctx, p.vmid, purge=p.purge)
    args = {"unreferenced": p.destroy_unreferenced_disks, "force": p.force, "purge": p.purge}
    return ctx.spawn("vzdestroy", str(p.vmid), vmid=p.vmid, **args)


# --- power


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/start",
    params=StartParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
)
def vm_start(ctx: Context, p: StartParams) -> object:
    """Start a container."""
    shared.check_skiplock(ctx, p.skiplock)
    stored(ctx, p.vmid)
    more = {"debug": True} if p.debug else {}
    return hamanaged.start(ctx, p.vmid) or ctx.spawn("vzstart", str(p.vmid), vmid=p.vmid, skip_lock=p.skiplock, **more)


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/stop",
    params=StopParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
)
def vm_stop(ctx: Context, p: StopParams) -> object:
    """End a container at once: what its programs had not written is lost."""
    shared.check_skiplock(ctx, p.skiplock)
    stored(ctx, p.vmid)
    if p.overrule_shutdown:
        shared.end_shutdowns(ctx, "vzshutdown", p.vmid)
    return hamanaged.stop(ctx, p.vmid) or ctx.spawn("vzstop", str(p.vmid), vmid=p.vmid, skip_lock=p.skiplock)


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/shutdown",
    params=ShutdownParams,
    returns=UPID,
    allow=_POWER,
    runs_on="node",
    privileged=True,
)
def vm_shutdown(ctx: Context, p: ShutdownParams) -> object:
    """Ask a container to power off."""
    stored(ctx, p.vmid)
    if upid := hamanaged.stop(ctx, p.vmid, p.timeout):
        return upid
    return ctx.spawn("vzshutdown", str(p.vmid), vmid=p.vmid, timeout_s=p.timeout, force_stop=p.force_stop)
