"""``/nodes/{node}/qemu``: virtual machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hostd.access import passwords
from hostd.api import hamanaged, tagrights
from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, UPID, Check, array, endpoint, fields
from hostd.api.nodes import guest_params as shared
from hostd.api.nodes.params import GuestParams
from hostd.core.errors import Denied, HostError, Invalid
from hostd.core.kinds import BOOLEAN, CONFIG_ID_LIST, DIGEST, NODE, STORAGE_ID, VMID
from hostd.core.schema import Kind, param
from hostd.guests import changes, index
from hostd.guests import config as files
from hostd.guests.config import GuestKind, GuestPath, StoredGuest
from hostd.guests.index import Entry
from hostd.guests.qemu import cloudinit, cpumodels, making, plan, process, rights, understood
from hostd.guests.qemu.config import OPTIONS, known_keys
from hostd.guests.qemu.devices.cpu import parse_models
from hostd.storage.catalog import Catalog
from hostd.storage.volume import VolumeId
from hostd.tasks.log import ListLog

_CHANGE_S = 30.0
_CONFIG_PRIVILEGES = (
    "VM.Config.Disk", "VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network", "VM.Config.HWType",
    "VM.Config.Options", "VM.Config.Cloudinit",
)  # fmt: skip
_POWER_CHILDREN = ("current", "reboot", "reset", "resume", "shutdown", "start", "stop", "suspend")
_STATUS = fields(
    vmid="integer", status="string", name="string?", cpu="number?", cpus="number?", mem="integer?", maxmem="integer?",
    memhost="integer?", disk="integer?", maxdisk="integer?", diskread="integer?", diskwrite="integer?",
    netin="integer?", netout="integer?", uptime="integer?", pid="integer?", qmpstatus="string?", tags="string?",
    lock="string?", template="boolean?", serial="boolean?",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ListParams:
    """The node's machines."""

    node: str = param(NODE, doc="Cluster node.")
    full: bool = param(BOOLEAN, default=False, doc="Accepted for compatibility: lists always tell everything.")


@dataclass(frozen=True, kw_only=True)
class ConfigParams:
    """Which version of a configuration to show."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    current: bool = param(BOOLEAN, default=False, shown_default=0, doc="What counts now, without pending changes.")
    snapshot: str = param(Kind(format="pve-configid", max_length=40), default="", doc="As it was in a snapshot.")


def _working_storage() -> Any:
    return param(
        STORAGE_ID, default="", name="import-working-storage",
        doc="Storage of files, with content 'images', where disks of OVA archives are extracted; else beside them.",
    )  # fmt: skip


@shared.with_options(OPTIONS)
@dataclass(frozen=True, kw_only=True)
class CreateParams:
    """A new machine."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    start: bool = param(BOOLEAN, default=False, shown_default=0, doc="Start it once it is made.")
    pool: str = param(Kind(format="pve-poolid"), default="", doc="Pool that it is put into.")
    ha_managed: bool = param(
        BOOLEAN, default=False, shown_default=0, name="ha-managed", doc="Have it looked after, once it is made."
    )
    storage: str = param(STORAGE_ID, default="", doc="Accepted for compatibility: drives name their storage.")
    bwlimit: int | None = param(Kind(type="integer", minimum=0), default=None, doc="Most KiB a second of imports.")
    import_working_storage: str = _working_storage()


@shared.with_options(OPTIONS)
@dataclass(frozen=True, kw_only=True)
class ChangeParams:
    """A change of a configuration."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    delete: list[str] = param(CONFIG_ID_LIST, default=(), doc="Keys to remove.")
    revert: list[str] = param(CONFIG_ID_LIST, default=(), doc="Pending changes to drop.")
    force: bool = param(BOOLEAN, default=False, doc="Remove disks for good instead of keeping them as unused.")
    digest: str = param(DIGEST, default="", doc="Fail unless the configuration still has this digest.")
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")


@shared.with_options(OPTIONS)
@dataclass(frozen=True, kw_only=True)
class BackgroundChangeParams:
    """A change of a configuration as a task."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    delete: list[str] = param(CONFIG_ID_LIST, default=(), doc="Keys to remove.")
    revert: list[str] = param(CONFIG_ID_LIST, default=(), doc="Pending changes to drop.")
    force: bool = param(BOOLEAN, default=False, doc="Remove disks for good instead of keeping them as unused.")
    digest: str = param(DIGEST, default="", doc="Fail unless the configuration still has this digest.")
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")
    background_delay: int | None = param(
        Kind(type="integer", minimum=1, maximum=30), default=None, doc="Wait this long for the end, then answer null."
    )
    import_working_storage: str = _working_storage()


@dataclass(frozen=True, kw_only=True)
class DestroyParams:
    """A machine to remove."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    purge: bool = param(BOOLEAN, default=False, doc="Also remove it from jobs that name it.")
    destroy_unreferenced_disks: bool = param(
        BOOLEAN, default=False, shown_default=0, name="destroy-unreferenced-disks", doc="Also remove disks of its id."
    )
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")


def where(ctx: Context, vmid: int) -> GuestPath:
    return GuestPath(node=ctx.node, kind=GuestKind.QEMU, vmid=vmid)


def stored(ctx: Context, vmid: int) -> StoredGuest:
    """The guest as the copy in memory has it; NotFound in the words that clients know."""
    return files.show(ctx.mirror, where(ctx, vmid))


def known(ctx: Context, vmid: int) -> StoredGuest:
    """The guest with the lines of its file that are understood; the others stay there, and are not shown."""
    guest = stored(ctx, vmid)
    file = ctx.mirror.get(guest.where.path)
    return replace(guest, file=understood.read(file.data, cpu_models(ctx))) if file else guest


def cpu_models(ctx: Context) -> frozenset[str]:
    """Names of the cluster's own processor models."""
    file = ctx.mirror.get(cpumodels.PATH)
    return frozenset(parse_models(file.data.decode(errors="replace"))) if file else frozenset()


# --- lists and status


def list_row(entry: Entry, sample: Mapping[str, Any]) -> dict[str, object]:
    """One machine as the node's list shows it."""
    summary = entry.summary
    row: dict[str, object] = {
        "vmid": entry.where.vmid,
        "name": summary.name,
        "status": "running" if sample else "stopped",
        "cpus": summary.cpus,
        "maxmem": summary.memory,
        "maxdisk": summary.disk,
        **index.live_values(sample),
    }
    row |= {k: v for k, v in (("tags", summary.tags), ("lock", summary.lock)) if v}
    row |= {k: 1 for k, v in (("template", summary.template), ("serial", summary.serial)) if v}
    return row | {k: sample[k] for k in ("pid",) if k in sample}


@endpoint(
    "GET",
    "/nodes/{node}/qemu",
    params=ListParams,
    returns=array(_STATUS, child="vmid"),
    allow=ALL,
    runs_on="node",
    checked_in_code=True,
)
def vmlist(ctx: Context, p: ListParams) -> object:
    """The virtual machines of this node that the caller may see."""
    samples = ctx.samples.guests()
    return [
        list_row(entry, samples.get(entry.where.vmid, {}))
        for entry in index.entries(ctx.mirror)
        if entry.where.kind is GuestKind.QEMU
        and entry.where.node == ctx.node
        and ctx.may(f"/vms/{entry.where.vmid}", "VM.Audit")
    ]


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}",
    params=GuestParams,
    returns=array(fields(subdir="string"), child="subdir"),
    allow=ALL,
    runs_on="node",
)
def vm_index(ctx: Context, p: GuestParams) -> object:
    """What can be asked about a machine."""
    names = (
        "agent", "clone", "cloudinit", "config", "feature", "migrate", "monitor", "move_disk", "pending", "resize",
        "rrd", "rrddata", "sendkey", "snapshot", "status", "template", "termproxy", "unlink", "vncproxy",
        "vncwebsocket",
    )  # fmt: skip
    return [{"subdir": name} for name in names]


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/status",
    params=GuestParams,
    returns=array(fields(subdir="string"), child="subdir"),
    allow=ALL,
    runs_on="node",
)
def status_index(ctx: Context, p: GuestParams) -> object:
    """What can be done with a machine's power."""
    return [{"subdir": name} for name in _POWER_CHILDREN]


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/status/current",
    params=GuestParams,
    returns={"type": "object", "properties": {**_STATUS, **fields(ha="object", agent="boolean?")}},
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
)
def status_current(ctx: Context, p: GuestParams) -> object:
    """A machine's state and live values."""
    place = where(ctx, p.vmid)
    file = ctx.mirror.get(place.path)
    if file is None:
        raise files.missing(place)
    entry = Entry(where=place, summary=index.summarize(place.kind, place.vmid, file.data))
    pid = process.read_pid(p.vmid) if process.is_running(p.vmid) else 0
    sample = shared.sample_of(ctx, p.vmid, pid)
    row = list_row(entry, sample) | {
        "ha": hamanaged.shown(ctx, p.vmid),
        "qmpstatus": sample.get("qmpstatus", "stopped"),
    }
    if pid and not sample:
        row |= {"status": "running", "qmpstatus": "running", "pid": pid}
    return row | ({"agent": 1} if entry.summary.agent else {})


# --- configuration


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/config",
    params=ConfigParams,
    returns={"type": "object", "additionalProperties": True, "properties": fields(digest="string")},
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
)
def config(ctx: Context, p: ConfigParams) -> object:
    """A machine's configuration, as it will be once pending changes count."""
    guest = known(ctx, p.vmid)
    if p.current and p.snapshot:
        raise Invalid({"snapshot": "cannot use 'snapshot' parameter with 'current'"})
    comment = guest.file.comment
    values: Mapping[str, str] = guest.file.current if p.current else changes.merged(guest.file)
    if p.snapshot:
        values, comment = shared.snapshot_values(guest, p.snapshot)
    shown = shared.typed(OPTIONS, values) | ({"description": comment} if comment else {})
    return shared.masked(shown) | {"digest": guest.digest}


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/pending",
    params=GuestParams,
    returns=array(fields(key="string", value="string?", pending="string?", delete="integer?")),
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
)
def pending(ctx: Context, p: GuestParams) -> object:
    """Each key with what counts and what waits for a restart."""
    return pending_answer(known(ctx, p.vmid))


def pending_answer(guest: StoredGuest) -> list[dict[str, object]]:
    """Rows of ``…/pending``; secrets are not shown."""
    rows: list[dict[str, object]] = []
    for row in changes.pending_rows(guest.file):
        secret = row.key == "cipassword"
        shown: dict[str, object] = {"key": row.key}
        if row.value is not None:
            shown["value"] = "**********" if secret else shared.typed(OPTIONS, {row.key: row.value})[row.key]
        if row.pending is not None:
            shown["pending"] = "**********" if secret else shared.typed(OPTIONS, {row.key: row.pending})[row.key]
        if row.delete:
            shown["delete"] = row.delete
        rows.append(shown)
    return rows


def require_plan(ctx: Context, vmid: int, values: Mapping[str, str]) -> plan.Plan:
    """Check what the caller may set and which storages are asked for; Invalid with every wrong value."""
    for key, value in values.items():
        shared.require(ctx, vmid, key, rights.needs(key, value))
    planned = plan.plan_values({k: v for k, v in values.items() if k != "description"})
    for new in planned.new:
        shared.require_storage(ctx, new.storage, "Datastore.AllocateSpace")
        if new.source and not new.source.startswith("/"):
            shared.require_volume(ctx, VolumeId.parse(new.source), vmid=vmid)
    for volume in planned.existing.values():
        shared.require_volume(ctx, volume, vmid=vmid)
    return planned


@endpoint(
    "PUT",
    "/nodes/{node}/qemu/{vmid}/config",
    params=ChangeParams,
    returns=NULL,
    allow=Check("/vms/{vmid}", *_CONFIG_PRIVILEGES, any_of=True),
    runs_on="node",
    privileged=True,
)
def update(ctx: Context, p: ChangeParams) -> object:
    """Change a machine's configuration and wait; on a running machine what touches it waits for the next start."""
    shared.check_skiplock(ctx, p.skiplock)
    values = shared.given_options(p)
    change_config(
        ctx,
        p.vmid,
        values,
        delete=list(p.delete),
        revert=list(p.revert),
        force=p.force,
        digest=p.digest,
        skip_lock=p.skiplock,
    )
    return None


def change_config(
    ctx: Context,
    vmid: int,
    values: Mapping[str, str],
    *,
    delete: list[str],
    force: bool,
    revert: list[str] | None = None,
    digest: str = "",
    skip_lock: bool = False,
) -> None:
    """Change a configuration and wait for the end; as a task where disks are made or removed."""
    change, direct = _prepare(ctx, vmid, values, delete, revert or [], force=force, digest=digest)
    if direct:
        making.change(ctx.host, ListLog(), vmid, change, digest=digest, skip_lock=skip_lock)
    else:
        shared.wait_for(_spawn_change(ctx, vmid, change, digest=digest, skip_lock=skip_lock), _CHANGE_S)


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/config",
    params=BackgroundChangeParams,
    returns={"type": "string", "optional": True},
    allow=Check("/vms/{vmid}", *_CONFIG_PRIVILEGES, any_of=True),
    runs_on="node",
    privileged=True,
)
def update_in_background(ctx: Context, p: BackgroundChangeParams) -> object:
    """Change a machine's configuration as a task."""
    shared.check_skiplock(ctx, p.skiplock)
    values = shared.given_options(p)
    change, _direct = _prepare(ctx, p.vmid, values, list(p.delete), list(p.revert), force=p.force, digest=p.digest)
    working = _require_working(ctx, p.import_working_storage)
    upid = _spawn_change(ctx, p.vmid, change, digest=p.digest, skip_lock=p.skiplock, **working)
    if p.background_delay is not None:
        return shared.ended_within(upid, p.background_delay)
    return upid


def _prepare(
    ctx: Context,
    vmid: int,
    values: Mapping[str, str],
    delete: list[str],
    revert: list[str],
    *,
    force: bool,
    digest: str,
) -> tuple[changes.Change, bool]:
    """The change, checked, and whether it is only text (no disk is made or removed, so it needs no task)."""
    guest = stored(ctx, vmid)
    values = stored_form(values, guest.file.current.get("ostype", ""))
    change = shared.make_change(values, delete, revert, force=force, known=known_keys())
    for key in sorted({*change.delete, *change.revert, *values}):
        for old in (guest.file.current.get(key), guest.file.pending.get(key)):
            shared.require(ctx, vmid, key, rights.needs(key, old or ""))
    planned = require_plan(ctx, vmid, values)
    shared.require_tags(ctx, guest, change)
    files.check_digest(guest, digest)
    gone = [k for k in change.delete if plan.owned_volume(k, guest.file.current.get(k, ""), vmid)]
    removes = any(change.delete[k] or k.startswith("unused") for k in gone)
    return change, not (planned.new or planned.existing or removes)


def stored_form(values: Mapping[str, str], ostype: str) -> dict[str, str]:
    """Values as the file has them: a password as its hash, except for Windows, which must be told the word."""
    found = dict(values)
    password = found.get("cipassword", "")
    if password and not cloudinit.is_windows({"ostype": found.get("ostype", ostype)}):
        found["cipassword"] = passwords.make_portable_hash(password)
    return found


def _require_working(ctx: Context, storage: str) -> dict[str, str]:
    """What a task is told of where disks of archives are extracted; Denied, Conflict or Unsupported where not there."""
    if not storage:
        return {}
    shared.require_storage(ctx, storage, "Datastore.AllocateSpace")
    Catalog.from_mirror(ctx.mirror, node=ctx.node, run=ctx.run).require_files(storage, "images")
    return {"working": storage}


def _spawn_change(
    ctx: Context, vmid: int, change: changes.Change, *, digest: str, skip_lock: bool, working: str = ""
) -> str:
    return ctx.spawn(
        "qmconfig",
        str(vmid),
        vmid=vmid,
        values=dict(change.values),
        delete=dict(change.delete),
        revert=list(change.revert),
        digest=digest,
        skip_lock=skip_lock,
        **({"working": working} if working else {}),
    )


# --- make and remove


@endpoint(
    "POST",
    "/nodes/{node}/qemu",
    params=CreateParams,
    returns=UPID,
    allow=ALL,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def create(ctx: Context, p: CreateParams) -> object:
    """Make a virtual machine; ``<storage>:<GiB>`` as a drive's volume allocates a new one."""
    if not (ctx.may(f"/vms/{p.vmid}", "VM.Allocate") or (p.pool and ctx.may(f"/pool/{p.pool}", "VM.Allocate"))):
        raise Denied(f"Permission check failed (/vms/{p.vmid}, VM.Allocate)")
    values = stored_form(shared.given_options(p), "")
    require_plan(ctx, p.vmid, values)
    tagrights.require(ctx, "", values.get("tags", ""))
    files.require_free(ctx.mirror, GuestKind.QEMU, p.vmid)
    hamanaged.require_allowed(ctx, p.ha_managed)
    new = plan.plan_values(values).new
    limit_kib = shared.limit_kib(ctx, "restore", (volume.storage for volume in new), p.bwlimit)
    args = {"values": values, "start": p.start and not p.ha_managed, "pool": p.pool, "limit_kib": limit_kib}
    args |= _require_working(ctx, p.import_working_storage)
    upid = ctx.spawn("qmcreate", str(p.vmid), vmid=p.vmid, **args)
    if p.ha_managed:
        hamanaged.add_after(ctx, upid, "vm", p.vmid, start=p.start)
    return upid


@endpoint(
    "DELETE",
    "/nodes/{node}/qemu/{vmid}",
    params=DestroyParams,
    returns=UPID,
    allow=Check("/vms/{vmid}", "VM.Allocate"),
    runs_on="node",
    privileged=True,
)
def destroy(ctx: Context, p: DestroyParams) -> object:
    """Remove a machine with its disks; it must not run."""
    shared.check_skiplock(ctx, p.skiplock)
    guest = stored(ctx, p.vmid)
    if guest.file.current.get("protection") == "1":
        raise HostError(f"can't remove VM {p.vmid} - protection mode enabled")
    hamanaged.release(ctx, p.vmid, purge=p.purge)
    unreferenced = p.destroy_unreferenced_disks
    args = {"unreferenced": unreferenced, "purge": p.purge, "skip_lock": p.skiplock}
    return ctx.spawn("qmdestroy", str(p.vmid), vmid=p.vmid, **args)
