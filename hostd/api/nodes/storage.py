"""``/nodes/{node}/storage``: the storages as this node sees them, and what lies on them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, UPID, Check, array, endpoint, fields
from hostd.api.nodes.guest_params import wait_for
from hostd.core.errors import Denied, Invalid, NotFound, ParseError
from hostd.core.kinds import BOOLEAN, NODE, STORAGE_ID, VMID
from hostd.core.schema import Kind, param
from hostd.core.units import KIB, parse_size
from hostd.guests import images, index
from hostd.storage import config as storages
from hostd.storage.catalog import Catalog, Listed
from hostd.storage.drivers import INFO
from hostd.storage.interface import Notes, StorageConfig
from hostd.storage.naming import free_disk_name
from hostd.storage.upload import CHECKSUMS, target_path
from hostd.storage.volume import Content, VolumeId

SEE = Check("/storage/{storage}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True)
_CONTENTS = ("images", "rootdir", "iso", "vztmpl", "backup", "snippets", "import")
_STATUS = fields(
    type="string", content="string", enabled="boolean?", active="boolean?", shared="boolean?", total="integer?",
    used="integer?", avail="integer?",
)  # fmt: skip
_VOLUME = fields(
    volid="string", content="string", format="string", size="integer?", used="integer?", vmid="integer?",
    ctime="integer?", parent="string?", notes="string?", protected="boolean?",
)  # fmt: skip
_SUBDIRS = (
    "content", "download-url", "identity", "import-metadata", "prunebackups", "rrd", "rrddata", "status", "upload",
)  # fmt: skip
_ALLOCATE_S = 60.0
# Sizes without a unit are KiB here, as in the reference.
_SIZE = Kind(pattern=r"\d+[MG]?")
_UPLOADED = Kind(pattern=r"/var/(?:tmp|lib/hostd/uploads)/pveupload-[0-9a-f]+")


@dataclass(frozen=True, kw_only=True)
class ListParams:
    """Which storages to list."""

    node: str = param(NODE, doc="Cluster node.")
    content: list[str] = param(
        Kind(type="list", format="pve-storage-content", enum=(*_CONTENTS, "none")),
        default=(),
        doc="That may hold one of these.",
    )
    storage: str = param(STORAGE_ID, default="", doc="Only this one.")
    enabled: bool = param(BOOLEAN, default=False, shown_default=0, doc="Only storages that are enabled here.")
    format: bool = param(BOOLEAN, default=False, shown_default=0, doc="Tell the formats of disks too.")
    target: str = param(NODE, default="", doc="Only storages that this node has as well.")


@dataclass(frozen=True, kw_only=True)
class StorageParams:
    """One storage."""

    node: str = param(NODE, doc="Cluster node.")
    storage: str = param(STORAGE_ID, doc="Storage id.")


@dataclass(frozen=True, kw_only=True)
class ContentParams:
    """What to list of a storage."""

    node: str = param(NODE, doc="Cluster node.")
    storage: str = param(STORAGE_ID, doc="Storage id.")
    content: str = param(
        Kind(format="pve-storage-content", enum=_CONTENTS), default="", doc="Only this kind of content."
    )
    vmid: int | None = param(VMID, default=None, doc="Only volumes of this guest.")


@dataclass(frozen=True, kw_only=True)
class AllocateParams:
    """A disk to make."""

    node: str = param(NODE, doc="Cluster node.")
    storage: str = param(STORAGE_ID, doc="Storage id.")
    vmid: int = param(VMID, doc="Guest that will own it.")
    filename: str = param(Kind(max_length=255), doc="Name of the disk; empty: the lowest free one.")
    size: str = param(_SIZE, doc="Size: KiB, or with M or G.")
    format: str = param(Kind(enum=("raw", "qcow2", "subvol", "vmdk")), default="", doc="Image format.")


@dataclass(frozen=True, kw_only=True)
class VolumeParams:
    """One volume."""

    node: str = param(NODE, doc="Cluster node.")
    storage: str = param(STORAGE_ID, doc="Storage id.")
    volume: str = param(Kind(max_length=512), doc="Volume id, or its name on the storage.")


@dataclass(frozen=True, kw_only=True)
class DeleteParams:
    """A volume to remove."""

    node: str = param(NODE, doc="Cluster node.")
    storage: str = param(STORAGE_ID, doc="Storage id.")
    volume: str = param(Kind(max_length=512), doc="Volume id, or its name on the storage.")
    delay: int | None = param(
        Kind(type="integer", minimum=1, maximum=30), default=None, doc="Accepted for compatibility."
    )


@dataclass(frozen=True, kw_only=True)
class UploadParams:
    """A file that has been received."""

    node: str = param(NODE, doc="Cluster node.")
    storage: str = param(STORAGE_ID, doc="Storage id.")
    content: str = param(
        Kind(format="pve-storage-content", enum=("iso", "vztmpl", "import", "snippets")), doc="What the file is."
    )
    filename: str = param(Kind(max_length=255), doc="Its name.")
    checksum: str = param(Kind(pattern="[0-9a-fA-F]+"), default="", doc="Expected checksum.")
    checksum_algorithm: str = param(
        Kind(enum=CHECKSUMS), default="", name="checksum-algorithm", doc="Kind of the checksum."
    )
    tmpfilename: str = param(_UPLOADED, default="", doc="Where the received file is.")


def catalog(ctx: Context) -> Catalog:
    return Catalog.from_mirror(ctx.mirror, node=ctx.node, run=ctx.run)


def status_row(ctx: Context, storage: StorageConfig) -> dict[str, object]:
    """A storage's state from the last sample."""
    enabled = storage.used_on(ctx.node)
    space = ctx.samples.storages().get(storage.id, {}) if enabled else {}
    return {
        "type": storage.type,
        "content": ",".join(storage.content),
        "enabled": int(enabled),
        "active": int(bool(space.get("active"))),
        "shared": int(storage.shared),
        "total": space.get("total", 0),
        "used": space.get("used", 0),
        "avail": space.get("avail", 0),
    }


def _formats(storage: StorageConfig) -> dict[str, object]:
    info = INFO.get(storage.type)
    if info is None:
        return {}
    default = storage.text("format") or info.formats[0]
    return {"formats": {"default": default, "supported": sorted(info.formats)}}


@endpoint(
    "GET",
    "/nodes/{node}/storage",
    params=ListParams,
    returns=array({**fields(storage="string", used_fraction="number?", formats="object?"), **_STATUS}, child="storage"),
    allow=ALL,
    runs_on="node",
    checked_in_code=True,
)
def storage_list(ctx: Context, p: ListParams) -> object:
    """The storages of this node that the caller may see, with their space."""
    rows = []
    for storage in storages.from_mirror(ctx.mirror):
        here = storage.nodes is None or ctx.node in storage.nodes
        there = not p.target or storage.used_on(p.target)
        wanted = p.storage in ("", storage.id) and (not p.content or bool(set(p.content) & set(storage.content)))
        visible = ctx.may(f"/storage/{storage.id}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True)
        if not (here and there and wanted and visible) or (p.enabled and storage.disabled):
            continue
        row = {"storage": storage.id, **status_row(ctx, storage), **(_formats(storage) if p.format else {})}
        if total := int(str(row["total"])):
            row["used_fraction"] = int(str(row["used"])) / total
        rows.append(row)
    return rows


@endpoint(
    "GET",
    "/nodes/{node}/storage/{storage}",
    params=StorageParams,
    returns=array(fields(subdir="string"), child="subdir"),
    allow=SEE,
)
def storage_index(ctx: Context, p: StorageParams) -> object:
    """What can be asked about a storage."""
    return [{"subdir": name} for name in _SUBDIRS]


@endpoint(
    "GET",
    "/nodes/{node}/storage/{storage}/status",
    params=StorageParams,
    returns={"type": "object", "properties": _STATUS},
    allow=SEE,
    runs_on="node",
)
def status(ctx: Context, p: StorageParams) -> object:
    """A storage's state and space."""
    return status_row(ctx, _file_get(ctx, p.storage))


def _file_get(ctx: Context, id: str) -> StorageConfig:
    return catalog(ctx).file.get(id)


# --- content


def volume_row(listed: Listed) -> dict[str, object]:
    """A volume as lists show it; numbers in bytes and epoch seconds."""
    volume = listed.volume
    row: dict[str, object] = {
        "volid": str(listed.id),
        "content": str(volume.content),
        "format": volume.format,
        "size": volume.size_bytes,
    }
    optional: tuple[tuple[str, object], ...] = (
        ("used", volume.used_bytes),
        ("vmid", volume.vmid),
        ("ctime", volume.ctime_s),
        ("parent", volume.parent),
        ("subtype", volume.subtype),
        ("notes", volume.notes),
        ("protected", int(volume.protected)),
    )
    return row | {key: value for key, value in optional if value}


@endpoint(
    "GET",
    "/nodes/{node}/storage/{storage}/content",
    params=ContentParams,
    returns=array(_VOLUME, child="volid"),
    allow=SEE,
    runs_on="node",
    privileged=True,
)
def content(ctx: Context, p: ContentParams) -> object:
    """What lies on a storage: volumes of guests the caller may see, images, templates."""
    here = catalog(ctx)
    wanted = {p.content} if p.content else set(here.file.get(p.storage).content)
    found = here.volumes(p.storage, wanted, index.kinds(ctx.mirror), p.vmid)
    return [volume_row(listed) for listed in found if _may_see(ctx, listed)]


def _may_see(ctx: Context, listed: Listed) -> bool:
    """Volumes of guests are for those who may see the guest, or who rule the storage."""
    if listed.volume.vmid is None:
        return True
    rules = ctx.may(f"/storage/{listed.id.storage}", "Datastore.Allocate")
    return rules or ctx.may(f"/vms/{listed.volume.vmid}", "VM.Audit")


def size_bytes(text: str) -> int:
    """``4G``, ``512M``, or KiB without a unit."""
    return parse_size(text) if text[-1] in "MG" else int(text) * KIB


@endpoint(
    "POST",
    "/nodes/{node}/storage/{storage}/content",
    params=AllocateParams,
    returns={"type": "string"},
    allow=Check("/storage/{storage}", "Datastore.AllocateSpace"),
    runs_on="node",
    privileged=True,
)
def allocate(ctx: Context, p: AllocateParams) -> object:
    """Make a disk for a guest; answers its volume id."""
    name = p.filename.rpartition("/")[2] or _free_name(ctx, p)
    suffix = re.search(r"\.(raw|qcow2|vmdk|subvol)\Z", name)
    format = p.format or (suffix.group(1) if suffix else "raw")
    if suffix and suffix.group(1) != format:
        raise Invalid({"format": f"different storage formats ({format} != {suffix.group(1)})"})
    if not re.match(rf"(?:vm|subvol)-{p.vmid}-", name):
        raise Invalid({"filename": f"illegal name '{name}': it should look like 'vm-{p.vmid}-…'"})
    driver = catalog(ctx).require(p.storage, "images")
    if format not in driver.info.formats:
        raise Invalid({"format": f"storage '{p.storage}' cannot hold format '{format}'"})
    args = {"vmid": p.vmid, "name": name, "size_bytes": size_bytes(p.size), "format": format}
    wait_for(ctx.spawn("imgalloc", p.storage, storage=p.storage, **args), _ALLOCATE_S)
    return str(driver_volume(catalog(ctx), p.storage, p.vmid, name))


def _free_name(ctx: Context, p: AllocateParams) -> str:
    """A name for a disk that the caller did not name; two such calls at once may want the same, and one fails."""
    here = catalog(ctx)
    found = here.volumes(p.storage, {"images", "rootdir"}, {}, p.vmid)
    type = here.file.get(p.storage).type
    return free_disk_name(type, p.vmid, p.format or "raw", (v.id.name for v in found), suffix=False)


def driver_volume(here: Catalog, storage: str, vmid: int, name: str) -> VolumeId:
    """The volume of that name which has just been made."""
    for listed in here.volumes(storage, {"images", "rootdir"}, {}, vmid):
        if listed.id.name.rpartition("/")[2].partition(".")[0] == name.partition(".")[0]:
            return listed.id
    raise NotFound(f"disk '{name}' is not on storage '{storage}'")


def volume_id(storage: str, text: str) -> VolumeId:
    """A volume id, whole or without its storage; Invalid when it names another storage."""
    try:
        volume = VolumeId.parse(text if ":" in text else f"{storage}:{text}")
    except ParseError as err:
        raise Invalid({"volume": str(err)}) from err
    if volume.storage != storage:
        raise Invalid({"volume": f"storage ID mismatch ({volume.storage} != {storage})"})
    return volume


@endpoint(
    "GET",
    "/nodes/{node}/storage/{storage}/content/{volume}",
    params=VolumeParams,
    returns={"type": "object", "properties": fields(path="string", size="integer", used="integer", format="string")},
    allow=ALL,
    runs_on="node",
    privileged=True,
    greedy=True,
    checked_in_code=True,
)
def volume_info(ctx: Context, p: VolumeParams) -> object:
    """One volume: where it is and how big."""
    volume = volume_id(p.storage, p.volume)
    here = catalog(ctx)
    found = here.volume(volume)
    if not ctx.may(f"/storage/{p.storage}", "Datastore.Audit") or not _may_see(ctx, Listed(id=volume, volume=found)):
        raise Denied(f"Permission check failed (/storage/{p.storage}, Datastore.Audit)")
    answer: dict[str, object] = {
        "path": here.path(volume),
        "size": found.size_bytes,
        "used": found.used_bytes or found.size_bytes,
        "format": found.format,
    }
    driver = here.driver(p.storage)
    if found.content is Content.BACKUP and isinstance(driver, Notes):
        answer |= {"notes": driver.notes(volume.name), "protected": int(found.protected)}
    return answer


@endpoint(
    "DELETE",
    "/nodes/{node}/storage/{storage}/content/{volume}",
    params=DeleteParams,
    returns=UPID,
    allow=ALL,
    runs_on="node",
    privileged=True,
    greedy=True,
    checked_in_code=True,
)
def volume_delete(ctx: Context, p: DeleteParams) -> object:
    """Remove a volume that no guest refers to."""
    volume = volume_id(p.storage, p.volume)
    here = catalog(ctx)
    parsed = here.driver(volume.storage).parse(volume.name)
    path = f"/storage/{p.storage}"
    template = parsed.content in ("iso", "vztmpl", "import", "snippets")
    privilege = "Datastore.AllocateTemplate" if template else "Datastore.Allocate"
    own_backup = parsed.content == "backup" and ctx.may(f"/vms/{parsed.vmid}", "VM.Backup")
    if not ctx.may(path, privilege) and not own_backup:
        raise Denied(f"Permission check failed ({path}, {privilege})")
    images.require_unused(ctx.mirror, volume)
    return ctx.spawn("imgdel", f"{parsed.vmid or ''}@{p.storage}".lstrip("@"), volume=str(volume))


@endpoint(
    "POST",
    "/nodes/{node}/storage/{storage}/upload",
    params=UploadParams,
    returns=UPID,
    allow=Check("/storage/{storage}", "Datastore.AllocateTemplate"),
    runs_on="node",
    privileged=True,
)
def upload(ctx: Context, p: UploadParams) -> object:
    """Put an uploaded file into a storage (the file itself is received by hostd-stream)."""
    if p.content == "snippets" and not ctx.may("/vms", "Host.GuestArguments"):
        raise Denied("Permission check failed (/vms, Host.GuestArguments): a snippet can be a script that root runs")
    if not p.tmpfilename:
        raise Invalid({"filename": "no file was uploaded"})
    if bool(p.checksum) != bool(p.checksum_algorithm):
        raise Invalid({"checksum": "missing property required by 'checksum-algorithm'"})
    target_path(catalog(ctx), p.storage, p.content, p.filename)
    source = images.take_over(p.tmpfilename)
    return ctx.spawn(
        "imgcopy",
        "",
        storage=p.storage,
        content=p.content,
        filename=p.filename,
        source=source,
        algorithm=p.checksum_algorithm,
        checksum=p.checksum,
    )
