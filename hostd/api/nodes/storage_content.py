"""``/nodes/{node}/storage/{storage}/…``: attributes and copies of volumes, downloads, machines to import, retention."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, ROOT_ONLY, UPID, And, Check, Or, array, endpoint, fields
from hostd.api.nodes.guest_params import require_volume
from hostd.api.nodes.storage import SEE, StorageParams, VolumeParams, catalog, volume_id
from hostd.cluster import datacenter
from hostd.core.errors import Conflict, Denied, Invalid, Unsupported
from hostd.core.kinds import BOOLEAN, NODE, VMID
from hostd.core.schema import Kind, param
from hostd.storage import identity, retention
from hostd.storage.config import TYPES
from hostd.storage.download import COMPRESSIONS
from hostd.storage.imports import read_machine
from hostd.storage.interface import Driver, Notes
from hostd.storage.upload import CHECKSUMS, target_path
from hostd.storage.volume import Content, VolumeId

_WEB = Or(Check("/", "Sys.Audit", "Sys.Modify"), Check("/nodes/{node}", "Sys.AccessNetwork"))
URL = Kind(pattern="https?://.*", max_length=4096)
_MARKED = fields(volid="string", ctime="integer", mark="string", type="string", vmid="integer?")
_IMPORT = fields(
    type="string", source="string", create__args="object", disks="object?", net="object?", warnings="array?"
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AttributeParams(VolumeParams):
    """Attributes of a volume."""

    notes: str | None = param(Kind(max_length=65536), default=None, doc="Notes; an empty text removes them.")
    protected: bool | None = param(BOOLEAN, default=None, doc="Whether it must not be removed.")


@dataclass(frozen=True, kw_only=True)
class CopyParams(VolumeParams):
    """A copy of a volume."""

    target: str = param(Kind(max_length=512), doc="Volume id of the copy, or its name on the same storage.")
    target_node: str = param(NODE, default="", doc="Node of the copy: this one.")


@dataclass(frozen=True, kw_only=True)
class DownloadParams(StorageParams):
    """A file of the web."""

    url: str = param(URL, doc="Where it is.")
    content: str = param(Kind(format="pve-storage-content", enum=("iso", "vztmpl", "import")), doc="What the file is.")
    filename: str = param(Kind(max_length=255), doc="Its name on the storage.")
    checksum: str = param(Kind(pattern="[0-9a-fA-F]+"), default="", doc="Expected checksum.")
    checksum_algorithm: str = param(
        Kind(enum=CHECKSUMS), default="", name="checksum-algorithm", doc="Kind of the checksum."
    )
    compression: str = param(Kind(enum=COMPRESSIONS), default="", doc="Unpack it.")
    verify_certificates: bool = param(
        BOOLEAN, default=True, shown_default=1, name="verify-certificates", doc="The server's certificate must be good."
    )


@dataclass(frozen=True, kw_only=True)
class ImportParams(StorageParams):
    """A machine in a file."""

    volume: str = param(Kind(max_length=512), doc="Volume id of the file.")


@dataclass(frozen=True, kw_only=True)
class PruneParams(StorageParams):
    """Which backups are looked at, and what is kept of them."""

    prune_backups: str = param(
        Kind(format="prune-backups"), default="", name="prune-backups", doc="What is kept; else the storage's own rule."
    )
    type: str = param(Kind(enum=("qemu", "lxc")), default="", doc="Only backups of this kind of guest.")
    vmid: int | None = param(VMID, default=None, doc="Only backups of this guest.")


@endpoint(
    "PUT",
    "/nodes/{node}/storage/{storage}/content/{volume}",
    params=AttributeParams,
    returns=NULL,
    allow=ALL,
    runs_on="node",
    privileged=True,
    greedy=True,
    checked_in_code=True,
)
def volume_attributes(ctx: Context, p: AttributeParams) -> object:
    """Notes and protection of a backup."""
    volume = volume_id(p.storage, p.volume)
    require_volume(ctx, volume)
    driver = catalog(ctx).driver(volume.storage)
    if driver.parse(volume.name).content is not Content.BACKUP or not isinstance(driver, Notes):
        raise Unsupported(f"volume '{volume}' is no backup, which alone has notes and protection")
    if p.protected:
        _require_room(ctx, driver, volume)
    if p.notes is not None:
        driver.set_notes(volume.name, p.notes)
    if p.protected is not None:
        driver.protect(volume.name, p.protected)
    return None


def _require_room(ctx: Context, driver: Driver, volume: VolumeId) -> None:
    """Conflict where a guest has as many protected backups as the storage allows (``max-protected-backups``)."""
    manager = ctx.may(f"/storage/{volume.storage}", "Datastore.Allocate")
    most = retention.most_protected(driver.storage.text("max-protected-backups"), manager=manager)
    own = driver.volume(volume.name)
    backups = driver.volumes({Content.BACKUP}, own.vmid)
    same = [v for v in backups if v.protected and (v.vmid, v.subtype) == (own.vmid, own.subtype)]
    if most is not None and not own.protected and own.vmid is not None and len(same) >= most:
        raise Conflict(
            f"guest {own.vmid} has {len(same)} protected backups on storage '{volume.storage}', which allows {most}: "
            "take the protection off another one first"
        )


@endpoint(
    "POST",
    "/nodes/{node}/storage/{storage}/content/{volume}",
    params=CopyParams,
    returns=UPID,
    allow=ROOT_ONLY,
    runs_on="node",
    privileged=True,
    greedy=True,
)
def volume_copy(ctx: Context, p: CopyParams) -> object:
    """Copy a volume on this node."""
    if p.target_node not in ("", ctx.node, "localhost"):
        raise Unsupported(f"copying to node '{p.target_node}' is not supported; migrate the guest instead")
    volume = volume_id(p.storage, p.volume)
    target = VolumeId.parse(p.target if ":" in p.target else f"{p.storage}:{p.target}")
    here = catalog(ctx)
    here.volume(volume)
    here.driver(target.storage).parse(target.name)
    return ctx.spawn("volcopy", "", source=str(volume), target=str(target))


@endpoint(
    "POST",
    "/nodes/{node}/storage/{storage}/download-url",
    params=DownloadParams,
    returns=UPID,
    allow=And(Check("/storage/{storage}", "Datastore.AllocateTemplate"), _WEB),
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def download_url(ctx: Context, p: DownloadParams) -> object:
    """Fetch a file from the web into a storage."""
    if bool(p.checksum) != bool(p.checksum_algorithm):
        missing, present = (
            ("checksum", "checksum-algorithm") if p.checksum_algorithm else ("checksum-algorithm", "checksum")
        )
        raise Invalid({missing: f"missing property required by '{present}'"})
    if p.compression and p.content != "iso":
        raise Invalid({"compression": "only images of media (content 'iso') are unpacked"})
    target_path(catalog(ctx), p.storage, p.content, p.filename)
    return ctx.spawn(
        "download",
        p.filename,
        storage=p.storage,
        content=p.content,
        filename=p.filename,
        url=p.url,
        verify=p.verify_certificates,
        proxy=proxy(ctx),
        algorithm=p.checksum_algorithm,
        checksum=p.checksum,
        compression=p.compression,
    )


def proxy(ctx: Context) -> str:
    """The cluster's proxy for downloads, or empty."""
    return str(datacenter.of(ctx.mirror).get("http_proxy", ""))


@endpoint(
    "GET",
    "/nodes/{node}/storage/{storage}/identity",
    params=StorageParams,
    returns={"type": "object", "properties": fields(id="string", type="string")},
    allow=SEE,
    runs_on="node",
    privileged=True,
)
def storage_identity(ctx: Context, p: StorageParams) -> object:
    """Which place the storage is: the same text on two nodes (or of two storages) only where it is the same place."""
    storage = catalog(ctx).file.get(p.storage)
    if storage.type not in TYPES:
        raise Unsupported(f"storage '{p.storage}': type '{storage.type}' is not known")
    return {"id": identity.identity(storage, ctx.node), "type": storage.type}


@endpoint(
    "GET",
    "/nodes/{node}/storage/{storage}/import-metadata",
    params=ImportParams,
    returns={"type": "object", "properties": _IMPORT},
    allow=ALL,
    runs_on="node",
    privileged=True,
    slow=True,
    checked_in_code=True,
)
def import_metadata(ctx: Context, p: ImportParams) -> object:
    """What a machine made from an OVA or OVF file would look like."""
    volume = volume_id(p.storage, p.volume)
    require_volume(ctx, volume, content="import")
    here = catalog(ctx)
    if here.format(volume) not in ("ova", "ovf"):
        raise Unsupported(f"volume '{volume}' describes no machine; .ova and .ovf files do")
    here.volume(volume)
    machine = read_machine(here.path(volume))
    inside = here.format(volume) == "ova"
    folder = volume.name if inside else volume.name.rpartition("/")[0]
    disks = {d.address: {"volid": f"{p.storage}:{folder}/{d.file}", "size": d.size_bytes} for d in machine.disks}
    answer: dict[str, object] = {
        "type": "vm",
        "source": "ovf",
        "create-args": machine.options(),
        "disks": disks,
        "net": {key: {"model": model} for key, model in machine.nets().items()},
    }
    return answer | ({"warnings": [{"type": "ova-needs-extracting"}]} if inside else {})


def _marked(ctx: Context, p: PruneParams) -> list[retention.Marked]:
    here = catalog(ctx)
    storage = here.file.get(p.storage)
    if Content.BACKUP not in storage.content:
        raise Conflict(f"storage '{p.storage}' does not support content type 'backup'")
    keep = retention.parse_keep(p.prune_backups or storage.text("prune-backups", "keep-all=1"))
    found = here.volumes(p.storage, {"backup"}, {}, p.vmid)
    return retention.mark((backup.as_backup() for backup in found), keep, vmid=p.vmid, type=p.type)


@endpoint(
    "GET",
    "/nodes/{node}/storage/{storage}/prunebackups",
    params=PruneParams,
    returns=array(_MARKED),
    allow=SEE,
    runs_on="node",
    privileged=True,
)
def prune_preview(ctx: Context, p: PruneParams) -> object:
    """What pruning would keep and remove."""
    return [
        {"volid": m.backup.volid, "ctime": m.backup.ctime_s, "mark": str(m.mark), "type": m.type}
        | ({"vmid": m.backup.vmid} if m.backup.vmid is not None else {})
        for m in _marked(ctx, p)
        if _may_see_backup(ctx, p.storage, m.backup.vmid)
    ]


def _may_see_backup(ctx: Context, storage: str, vmid: int | None) -> bool:
    return vmid is None or ctx.may(f"/storage/{storage}", "Datastore.Allocate") or ctx.may(f"/vms/{vmid}", "VM.Audit")


@endpoint(
    "DELETE",
    "/nodes/{node}/storage/{storage}/prunebackups",
    params=PruneParams,
    returns=UPID,
    allow=ALL,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def prune(ctx: Context, p: PruneParams) -> object:
    """Remove the backups that no rule keeps."""
    path = f"/storage/{p.storage}"
    own = p.vmid is not None and ctx.may(path, "Datastore.AllocateSpace") and ctx.may(f"/vms/{p.vmid}", "VM.Backup")
    if not own and not ctx.may(path, "Datastore.Allocate"):
        raise Denied(f"Permission check failed ({path}, Datastore.Allocate)")
    _marked(ctx, p)
    id = f"{p.vmid}@{p.storage}" if p.vmid is not None else p.storage
    return ctx.spawn("prunebackups", id, storage=p.storage, rule=p.prune_backups, vmid=p.vmid, kind=p.type)
