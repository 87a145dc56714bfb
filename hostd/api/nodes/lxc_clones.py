"""``/nodes/{node}/lxc/{vmid}``: copies and templates."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import NULL, UPID, And, Check, Or, endpoint, fields
from hostd.api.nodes import guest_params as shared
from hostd.api.nodes.guest_snapshots import SNAPSHOT
from hostd.api.nodes.lxc import stored
from hostd.api.nodes.lxc_disks import LIMIT
from hostd.api.nodes.params import GuestParams
from hostd.core.errors import Conflict, HostError, Invalid
from hostd.core.kinds import BOOLEAN, NODE, STORAGE_ID, STRING, VMID
from hostd.core.schema import Kind, param
from hostd.guests import config as files
from hostd.guests.config import GuestKind
from hostd.guests.lxc import cloning
from hostd.guests.options import check_dns_name
from hostd.storage.catalog import Catalog

_TEMPLATE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class CloneParams:
    """A copy of a container."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    newid: int = param(VMID, doc="Id of the copy.")
    hostname: str = param(Kind(format="dns-name", check=check_dns_name), default="", doc="Host name of the copy.")
    description: str | None = param(STRING, default=None, doc="Notes of the copy; else those of the container.")
    pool: str | None = param(Kind(format="pve-poolid"), default=None, doc="Pool that the copy is put into.")
    snapname: str = param(SNAPSHOT, default="", doc="Copy this snapshot.")
    storage: str = param(STORAGE_ID, default="", doc="Storage of the copy's volumes; full copies only.")
    full: bool | None = param(BOOLEAN, default=None, doc="Copy all data; else share that of a template.")
    target: str = param(NODE, default="", doc="Node of the copy; needs shared storage.")
    bwlimit: float | None = param(LIMIT, default=None, doc="Most KiB a second; files are copied without a limit.")


@dataclass(frozen=True, kw_only=True)
class FeatureParams:
    """Whether something can be done with a container's volumes."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    feature: str = param(Kind(enum=("snapshot", "clone", "copy")), doc="What.")
    snapname: str = param(SNAPSHOT, default="", doc="Ask for this snapshot.")


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/clone",
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
    """Copy a container or template; the copy has new addresses and a new identity."""
    guest = stored(ctx, p.vmid)
    files.check_unlocked(guest)
    template = guest.file.current.get("template") == "1"
    full = not template if p.full is None else p.full
    if p.storage and not full:
        raise Invalid({"storage": "parameter is for full copies only"})
    if not full and not template and not p.snapname:
        raise HostError("Linked clone feature is available for templates and snapshots only; make a full clone")
    values = cloning.source_section(guest.file, p.snapname).values
    catalog = Catalog.from_mirror(ctx.mirror, node=ctx.node, run=ctx.run)
    cloning.require_clonable(catalog, values, full=full, snapshot=p.snapname)
    sources = [point.volume.storage for point in cloning.volumes_of(values)]
    targets = [p.storage] if p.storage and sources else sources
    for storage in targets:
        shared.require_storage(ctx, storage, "Datastore.AllocateSpace")
    target = shared.require_copy_node(ctx, p.target, targets)
    shared.require_bridges(ctx, values)
    files.require_free(ctx.mirror, GuestKind.LXC, p.newid)
    return ctx.spawn(
        "vzclone",
        str(p.vmid),
        vmid=p.vmid,
        newid=p.newid,
        hostname=p.hostname,
        description=p.description,
        full=full,
        snapshot=p.snapname,
        storage=p.storage,
        limit_kib=shared.limit_kib(ctx, "clone", [*sources, *targets], p.bwlimit),
        pool=p.pool or "",
        target=target,
    )


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/template",
    params=GuestParams,
    returns=NULL,
    allow=Check("/vms/{vmid}", "VM.Allocate"),
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def template(ctx: Context, p: GuestParams) -> object:
    """Turn a container into a template, from which linked clones are made. There is no way back."""
    guest = stored(ctx, p.vmid)
    if guest.file.current.get("template") == "1":
        raise Conflict("you can't convert a template to a template")
    if guest.file.snapshots:
        raise Conflict(f"unable to create template, because CT contains snapshots: {', '.join(guest.file.snapshots)}")
    for point in cloning.volumes_of(guest.file.current):
        shared.require_storage(ctx, point.volume.storage, "Datastore.AllocateSpace")
    shared.wait_for(ctx.spawn("vztemplate", str(p.vmid), vmid=p.vmid), _TEMPLATE_S)
    return None


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/feature",
    params=FeatureParams,
    returns={"type": "object", "properties": fields(hasFeature="boolean")},
    allow=Check("/vms/{vmid}", "VM.Audit"),
    runs_on="node",
    privileged=True,
)
def feature(ctx: Context, p: FeatureParams) -> object:
    """Whether all volumes of a container can do something."""
    guest = stored(ctx, p.vmid)
    return {"hasFeature": int(cloning.has_feature(ctx.host, guest.file, p.feature, p.snapname))}
