"""``/nodes/{node}/qemu/{vmid}``: copies and templates."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import UPID, And, Check, Or, endpoint, fields
from hostd.api.nodes import guest_params as shared
from hostd.api.nodes.guest_snapshots import SNAPSHOT
from hostd.api.nodes.qemu import stored
from hostd.api.nodes.qemu_disks import IMAGE_FORMAT, LIMIT
from hostd.core.errors import Conflict, HostError, Invalid
from hostd.core.kinds import BOOLEAN, NODE, STORAGE_ID, STRING, VMID
from hostd.core.schema import Kind, param
from hostd.guests import config as files
from hostd.guests.config import GuestKind
from hostd.guests.options import check_dns_name
from hostd.guests.qemu import cloning, cloudinit
from hostd.guests.qemu import config as keys
from hostd.guests.qemu.config import DISK_KEYS
from hostd.storage.catalog import Catalog
from hostd.storage.volume import VolumeId


@dataclass(frozen=True, kw_only=True)
class CloneParams:
    """A copy of a machine."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    newid: int = param(VMID, doc="Id of the copy.")
    name: str = param(Kind(format="dns-name", check=check_dns_name), default="", doc="Name of the copy.")
    description: str | None = param(STRING, default=None, doc="Notes of the copy; else those of the machine.")
    pool: str | None = param(Kind(format="pve-poolid"), default=None, doc="Pool that the copy is put into.")
    snapname: str = param(SNAPSHOT, default="", doc="Copy this snapshot.")
    storage: str = param(STORAGE_ID, default="", doc="Storage of the copy's disks; full copies only.")
    format: str = param(IMAGE_FORMAT, default="", doc="Format of the copy's disks; full copies only.")
    full: bool | None = param(BOOLEAN, default=None, doc="Copy all data; else share that of a template.")
    target: str = param(NODE, default="", doc="Node of the copy; needs shared storage.")
    bwlimit: int | None = param(LIMIT, default=None, doc="Most KiB a second.")


@dataclass(frozen=True, kw_only=True)
class TemplateParams:
    """A machine that becomes a template."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    disk: str = param(Kind(enum=DISK_KEYS), default="", doc="Only this disk.")


@dataclass(frozen=True, kw_only=True)
class FeatureParams:
    """Whether something can be done with a machine's disks."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    feature: str = param(Kind(enum=("snapshot", "clone", "copy")), doc="What.")
    snapname: str = param(SNAPSHOT, default="", doc="Ask for this snapshot.")


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/clone",
    params=CloneParams,
    returns=UPID,
    allow=And(
        Check("/vms/{vmid}", "VM.Clone"),
        Or(Check("/vms/{newid}", "VM.Allocate"), Check("/pool/{pool}", "VM.Allocate", require_param="pool")),
    ),
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def clone(ctx: Context, p: CloneParams) -> object:
    """Copy a machine or template; the copy has new addresses and a new identity."""
    guest = stored(ctx, p.vmid)
    files.check_unlocked(guest)
    full = guest.file.current.get("template") != "1" if p.full is None else p.full
    wrong = {
        key: "parameter is for full copies only"
        for key, given in (("storage", p.storage), ("format", p.format))
        if given
    }
    if wrong and not full:
        raise Invalid(wrong)
    values, _comment = cloning.source_values(guest.file, p.snapname)
    if not full and guest.file.current.get("template") != "1" and not p.snapname:
        raise HostError("Linked clone feature is available for templates and snapshots only; make a full clone")
    catalog = Catalog.from_mirror(ctx.mirror, node=ctx.node, run=ctx.run)
    cloning.require_clonable(catalog, values, full=full, snapshot=p.snapname)
    sources = [VolumeId.parse(name).storage for name in keys.state_volumes(values).values()]
    targets = [p.storage] if p.storage and sources else sources
    for storage in targets:
        shared.require_storage(ctx, storage, "Datastore.AllocateSpace")
    seed = cloudinit.drive(values)
    seeds = [p.storage or seed.volume.storage] if seed and seed.volume else []
    target = shared.require_copy_node(ctx, p.target, [*targets, *seeds])
    shared.require_bridges(ctx, values)
    files.require_free(ctx.mirror, GuestKind.QEMU, p.newid)
    return ctx.spawn(
        "qmclone",
        str(p.vmid),
        vmid=p.vmid,
        newid=p.newid,
        name=p.name,
        description=p.description,
        full=full,
        snapshot=p.snapname,
        storage=p.storage,
        format=p.format,
        limit_kib=shared.limit_kib(ctx, "clone", [*sources, *targets], p.bwlimit),
        pool=p.pool or "",
        target=target,
    )


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/template",
    params=TemplateParams,
    returns=UPID,
    allow=Check("/vms/{vmid}", "VM.Allocate"),
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def template(ctx: Context, p: TemplateParams) -> object:
    """Turn a machine into a template, from which linked clones are made. There is no way back."""
    guest = stored(ctx, p.vmid)
    if guest.file.current.get("template") == "1" and not p.disk:
        raise Conflict("you can't convert a template to a template")
    if guest.file.snapshots:
        raise Conflict(f"unable to create template, because VM contains snapshots: {', '.join(guest.file.snapshots)}")
    for name in keys.state_volumes(guest.file.current).values():
        shared.require_storage(ctx, VolumeId.parse(name).storage, "Datastore.AllocateSpace")
    return ctx.spawn("qmtemplate", str(p.vmid), vmid=p.vmid, disk=p.disk)


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/feature",
    params=FeatureParams,
    returns={
        "type": "object",
        "properties": {**fields(hasFeature="boolean"), "nodes": {"type": "array", "items": {"type": "string"}}},
    },
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
    privileged=True,
)
def feature(ctx: Context, p: FeatureParams) -> object:
    """Whether all disks of a machine can do something, and on which nodes."""
    guest = stored(ctx, p.vmid)
    can = cloning.has_feature(ctx.host, guest.file, p.feature, p.snapname)
    catalog = Catalog.from_mirror(ctx.mirror, node=ctx.node, run=ctx.run)
    values, _comment = cloning.source_values(guest.file, p.snapname)
    storages = [catalog.file.get(VolumeId.parse(name).storage) for name in keys.state_volumes(values).values()]
    everywhere = all(catalog.driver(s.id).info.shared or s.shared for s in storages)
    nodes = [n for n in ctx.mirror.list("nodes") if all(s.used_on(n) for s in storages)] if everywhere else [ctx.node]
    return {"hasFeature": int(can), "nodes": sorted(nodes) if can else []}
