"""``/nodes/{node}/disks/{directory,lvm,lvmthin,zfs}``: what disks of a node are made into."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import UPID, array, endpoint, fields
from hostd.api.nodes.disks import AUDIT, MODIFY
from hostd.api.nodes.params import NodeParams
from hostd.core.errors import Conflict, Denied, Invalid
from hostd.core.formats.lists import split_list
from hostd.core.kinds import BOOLEAN, STORAGE_ID
from hostd.core.schema import Kind, param
from hostd.node.disks import commands, guard, pools
from hostd.storage.scanning import zfs_is_here

_DEVICE = Kind(pattern=r"/dev/[a-zA-Z0-9/_.:-]+", max_length=255)
_PATH = re.compile(r"/dev/[a-zA-Z0-9/_.:-]+")
_DRAID = Kind(format="inline:draid-config")


def _check_device(text: str) -> str:
    return "" if _PATH.fullmatch(text) else f"value '{text}' is no path of a device"


@dataclass(frozen=True, kw_only=True)
class MakeParams(NodeParams):
    """Something to be made of a disk."""

    name: str = param(STORAGE_ID, doc="Its name, and that of the storage.")
    device: str = param(_DEVICE, doc="The disk, which must be unused.")
    add_storage: bool = param(BOOLEAN, default=False, shown_default=0, doc="Make a storage of it as well.")


@dataclass(frozen=True, kw_only=True)
class FolderParams(MakeParams):
    """A folder to be made of a disk."""

    filesystem: str = param(Kind(enum=("ext4", "xfs")), default="ext4", shown_default="ext4", doc="Its file system.")


@dataclass(frozen=True, kw_only=True)
class PoolParams(NodeParams):
    """A ZFS pool to be made of disks."""

    name: str = param(STORAGE_ID, doc="Its name, and that of the storage.")
    devices: list[str] = param(Kind(type="list", format="string", check=_check_device), doc="Unused disks.")
    raidlevel: str = param(Kind(enum=tuple(commands.LAYOUTS)), doc="How they work together.")
    ashift: int = param(
        Kind(type="integer", minimum=9, maximum=16), default=12, shown_default=12, doc="Size of sectors, power of two."
    )
    compression: str = param(
        Kind(enum=("on", "off", "gzip", "lz4", "lzjb", "zle", "zstd")),
        default="on",
        shown_default="on",
        doc="Compression.",
    )
    draid_config: str = param(_DRAID, default="", name="draid-config", doc="Of dRAID: data devices and spares.")
    add_storage: bool = param(BOOLEAN, default=False, shown_default=0, doc="Make a storage of it as well.")


@dataclass(frozen=True, kw_only=True)
class RemoveParams(NodeParams):
    """What is to be removed."""

    name: str = param(STORAGE_ID, doc="Its name.")
    cleanup_config: bool = param(
        BOOLEAN, default=False, shown_default=0, name="cleanup-config", doc="Forget storages of it on this node."
    )
    cleanup_disks: bool = param(BOOLEAN, default=False, shown_default=0, name="cleanup-disks", doc="Wipe its disks.")


@dataclass(frozen=True, kw_only=True)
class RemoveThinParams(RemoveParams):
    """A thin pool that is to be removed."""

    volume_group: str = param(STORAGE_ID, name="volume-group", doc="Volume group that it is in.")


@dataclass(frozen=True, kw_only=True)
class NameParams(NodeParams):
    """A pool."""

    name: str = param(STORAGE_ID, doc="Its name.")


def _require_storages(ctx: Context, wanted: bool) -> None:
    if wanted and not ctx.may("/storage", "Datastore.Allocate"):
        raise Denied("Permission check failed (/storage, Datastore.Allocate)")


def _make(ctx: Context, type: str, p: MakeParams, **more: object) -> str:
    _require_storages(ctx, p.add_storage)
    disk = guard.unused(ctx.run, p.device)
    return ctx.spawn(type, p.name, name=p.name, device=disk.devpath, add_storage=p.add_storage, **more)


def _remove(ctx: Context, type: str, p: RemoveParams, **more: object) -> str:
    _require_storages(ctx, p.cleanup_config)
    clean = {"clean_config": p.cleanup_config, "clean_disks": p.cleanup_disks}
    return ctx.spawn(type, p.name, name=p.name, **clean, **more)


# --- folders


@endpoint(
    "GET",
    "/nodes/{node}/disks/directory",
    params=NodeParams,
    returns=array(fields(unitfile="string", path="string", device="string", type="string", options="string")),
    allow=AUDIT,
    runs_on="node",
    privileged=True,
)
def folders(ctx: Context, p: NodeParams) -> object:
    """Folders below /mnt/pve that are mounted by units of this node."""
    return pools.folders()


@endpoint(
    "POST",
    "/nodes/{node}/disks/directory",
    params=FolderParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
    slow=True,
    checked_in_code=True,
)
def make_folder(ctx: Context, p: FolderParams) -> object:
    """Make a file system on an unused disk and mount it below /mnt/pve."""
    return _make(ctx, "dircreate", p, filesystem=p.filesystem)


@endpoint(
    "DELETE",
    "/nodes/{node}/disks/directory/{name}",
    params=RemoveParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def remove_folder(ctx: Context, p: RemoveParams) -> object:
    """Unmount a folder and forget it."""
    return _remove(ctx, "dirremove", p)


# --- LVM


@endpoint(
    "GET",
    "/nodes/{node}/disks/lvm",
    params=NodeParams,
    returns={"type": "object", "properties": fields(leaf="boolean", children="array")},
    allow=AUDIT,
    runs_on="node",
    privileged=True,
    slow=True,
)
def groups(ctx: Context, p: NodeParams) -> object:
    """Volume groups with their disks."""
    return pools.parse_groups(ctx.run(pools.VOLUMES).stdout)


@endpoint(
    "POST",
    "/nodes/{node}/disks/lvm",
    params=MakeParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
    slow=True,
    checked_in_code=True,
)
def make_group(ctx: Context, p: MakeParams) -> object:
    """Make a volume group on an unused disk."""
    return _make(ctx, "lvmcreate", p)


@endpoint(
    "DELETE",
    "/nodes/{node}/disks/lvm/{name}",
    params=RemoveParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def remove_group(ctx: Context, p: RemoveParams) -> object:
    """Remove a volume group without volumes."""
    return _remove(ctx, "lvmremove", p)


@endpoint(
    "GET",
    "/nodes/{node}/disks/lvmthin",
    params=NodeParams,
    returns=array(
        fields(
            vg="string",
            lv="string",
            lv_size="integer",
            used="integer",
            metadata_size="integer",
            metadata_used="integer",
        )
    ),
    allow=AUDIT,
    runs_on="node",
    privileged=True,
    slow=True,
)
def thin_pools(ctx: Context, p: NodeParams) -> object:
    """Thin pools of all volume groups."""
    return pools.parse_thin_pools(ctx.run(pools.THIN_POOLS).stdout)


@endpoint(
    "POST",
    "/nodes/{node}/disks/lvmthin",
    params=MakeParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
    slow=True,
    checked_in_code=True,
)
def make_thin_pool(ctx: Context, p: MakeParams) -> object:
    """Make a volume group with a thin pool on an unused disk."""
    return _make(ctx, "lvmthincreate", p)


@endpoint(
    "DELETE",
    "/nodes/{node}/disks/lvmthin/{name}",
    params=RemoveThinParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def remove_thin_pool(ctx: Context, p: RemoveThinParams) -> object:
    """Remove a thin pool with everything in it."""
    return _remove(ctx, "lvmthinremove", p, group=p.volume_group)


# --- ZFS


@endpoint(
    "GET",
    "/nodes/{node}/disks/zfs",
    params=NodeParams,
    returns=array(
        fields(
            name="string",
            size="integer",
            alloc="integer",
            free="integer",
            frag="integer",
            dedup="number",
            health="string",
        ),
        child="name",
    ),
    allow=AUDIT,
    runs_on="node",
    privileged=True,
    slow=True,
)
def zfs_pools(ctx: Context, p: NodeParams) -> object:
    """ZFS pools of the node; none where ZFS is not there."""
    return pools.parse_zpool_list(ctx.run(pools.ZPOOLS).stdout) if zfs_is_here() else []


@endpoint(
    "GET",
    "/nodes/{node}/disks/zfs/{name}",
    params=NameParams,
    returns={
        "type": "object",
        "properties": fields(
            name="string",
            state="string",
            status="string?",
            action="string?",
            scan="string?",
            errors="string",
            children="array",
        ),
    },
    allow=AUDIT,
    runs_on="node",
    privileged=True,
    slow=True,
)
def zfs_pool(ctx: Context, p: NameParams) -> object:
    """State of a pool and of each of its devices."""
    return pools.parse_zpool_status(ctx.run(pools.status_argv(p.name)).stdout, p.name)


@endpoint(
    "POST",
    "/nodes/{node}/disks/zfs",
    params=PoolParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
    slow=True,
    checked_in_code=True,
)
def make_zfs_pool(ctx: Context, p: PoolParams) -> object:
    """Make a ZFS pool of unused disks."""
    _require_storages(ctx, p.add_storage)
    if not zfs_is_here():
        raise Conflict("this node's kernel has no ZFS")
    draid = _draid(p)
    disks = [guard.unused(ctx.run, device).devpath for device in p.devices]
    commands.pool_argv(p.name, p.raidlevel, disks, ashift=p.ashift, compression=p.compression, **draid)
    return ctx.spawn(
        "zfscreate",
        p.name,
        name=p.name,
        devices=disks,
        level=p.raidlevel,
        ashift=p.ashift,
        compression=p.compression,
        add_storage=p.add_storage,
        **draid,
    )


def _draid(p: PoolParams) -> dict[str, int]:
    if not p.draid_config:
        return {}
    if not p.raidlevel.startswith("draid"):
        raise Invalid({"draid-config": f"raidlevel '{p.raidlevel}' has no such configuration"})
    pairs = (part.partition("=") for part in split_list(p.draid_config))
    return {key: int(value) for key, _, value in pairs if key in ("data", "spares")}


@endpoint(
    "DELETE",
    "/nodes/{node}/disks/zfs/{name}",
    params=RemoveParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def remove_zfs_pool(ctx: Context, p: RemoveParams) -> object:
    """Destroy a ZFS pool with everything in it."""
    return _remove(ctx, "zfsremove", p)
