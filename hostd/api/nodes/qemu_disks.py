"""``/nodes/{node}/qemu/{vmid}``: disks of machines grow, move, go to other machines, are detached."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import NULL, UPID, Check, endpoint
from hostd.api.nodes import guest_params as shared
from hostd.api.nodes.qemu import change_config, stored
from hostd.core.errors import Denied, Invalid
from hostd.core.kinds import BOOLEAN, CONFIG_ID_LIST, NODE, STORAGE_ID, VMID
from hostd.core.schema import Kind, param
from hostd.guests import config as files
from hostd.guests.options import is_unused
from hostd.guests.qemu import disks
from hostd.guests.qemu.config import DISK_KEYS, UNUSED_KEYS

IMAGE_FORMAT = Kind(enum=("raw", "qcow2", "vmdk"))
SHORT_DIGEST = Kind(max_length=40)
LIMIT = Kind(type="integer", minimum=0)
_MAY_CHANGE = Check("/vms/{vmid}", "VM.Config.Disk")


@dataclass(frozen=True, kw_only=True)
class ResizeParams:
    """A disk that grows."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    disk: str = param(Kind(enum=DISK_KEYS), doc="The disk.")
    size: str = param(Kind(pattern=r"\+?\d+(\.\d+)?[KMGT]?"), doc="Its new size, or with + how much it grows.")
    digest: str = param(SHORT_DIGEST, default="", doc="Fail unless the configuration still has this digest.")
    skiplock: bool = param(BOOLEAN, default=False, doc="Ignore the guest's lock (root only).")


@dataclass(frozen=True, kw_only=True)
class MoveParams:
    """A disk that goes to another storage or machine."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    disk: str = param(Kind(enum=(*DISK_KEYS, *UNUSED_KEYS)), doc="The disk.")
    storage: str = param(STORAGE_ID, default="", doc="Storage that it goes to.")
    format: str = param(IMAGE_FORMAT, default="", doc="Format of the copy.")
    delete: bool = param(BOOLEAN, default=False, shown_default=0, doc="Remove the original.")
    digest: str = param(SHORT_DIGEST, default="", doc="Fail unless the configuration still has this digest.")
    bwlimit: int | None = param(LIMIT, default=None, doc="Most KiB a second.")
    target_vmid: int | None = param(VMID, default=None, name="target-vmid", doc="Machine that it goes to.")
    target_disk: str = param(
        Kind(enum=(*DISK_KEYS, *UNUSED_KEYS)), default="", name="target-disk", doc="What it becomes there."
    )
    target_digest: str = param(
        SHORT_DIGEST, default="", name="target-digest", doc="Fail unless the other machine still has this digest."
    )


@dataclass(frozen=True, kw_only=True)
class UnlinkParams:
    """Disks that are detached."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    idlist: list[str] = param(CONFIG_ID_LIST, doc="The disks.")
    force: bool = param(BOOLEAN, default=False, doc="Remove them for good instead of keeping them as unused.")


@endpoint(
    "PUT",
    "/nodes/{node}/qemu/{vmid}/resize",
    params=ResizeParams,
    returns=UPID,
    allow=_MAY_CHANGE,
    runs_on="node",
    privileged=True,
)
def resize(ctx: Context, p: ResizeParams) -> object:
    """Grow a disk, also while the machine runs. A disk never becomes smaller."""
    shared.check_skiplock(ctx, p.skiplock)
    guest = stored(ctx, p.vmid)
    files.check_digest(guest, p.digest)
    volume = disks.volume_of(guest.file, p.disk)
    shared.require_storage(ctx, volume.storage, "Datastore.AllocateSpace")
    args = {"disk": p.disk, "size": p.size, "digest": p.digest, "skip_lock": p.skiplock}
    return ctx.spawn("resize", str(p.vmid), vmid=p.vmid, **args)


@endpoint(
    "POST",
    "/nodes/{node}/qemu/{vmid}/move_disk",
    params=MoveParams,
    returns=UPID,
    allow=_MAY_CHANGE,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def move_disk(ctx: Context, p: MoveParams) -> object:
    """Copy a disk to another storage or format, or give it to another machine of this node."""
    guest = stored(ctx, p.vmid)
    files.check_digest(guest, p.digest)
    volume = disks.volume_of(guest.file, p.disk)
    if p.target_vmid is not None:
        return _reassign(ctx, p)
    if p.target_disk or p.target_digest:
        raise Invalid({"target-vmid": "needed to say which machine the disk goes to"})
    if not p.storage and not p.format:
        raise Invalid({"storage": "needed to say where the disk goes; or give 'target-vmid' for another machine"})
    storage = p.storage or volume.storage
    shared.require_storage(ctx, storage, "Datastore.AllocateSpace")
    args = {"disk": p.disk, "storage": storage, "format": p.format, "delete": p.delete, "digest": p.digest}
    limit_kib = shared.limit_kib(ctx, "move", (volume.storage, storage), p.bwlimit)
    return ctx.spawn("qmmove", str(p.vmid), vmid=p.vmid, **args, limit_kib=limit_kib)


def _reassign(ctx: Context, p: MoveParams) -> str:
    target = p.target_vmid or 0
    if p.storage:
        raise Invalid({"storage": "a disk goes to another storage or to another machine, not both at once"})
    if not ctx.may(f"/vms/{target}", "VM.Config.Disk"):
        raise Denied(f"Permission check failed (/vms/{target}, VM.Config.Disk)")
    files.check_digest(stored(ctx, target), p.target_digest)
    slot = p.target_disk or p.disk
    if is_unused(p.disk) and not p.target_disk:
        raise Invalid({"target-disk": f"needed to say what '{p.disk}' becomes"})
    args = {"disk": p.disk, "target_vmid": target, "target_disk": slot}
    digests = {"digest": p.digest, "target_digest": p.target_digest}
    return ctx.spawn("qmreassign", f"{p.vmid}-{target}", vmid=p.vmid, **args, **digests)


@endpoint(
    "PUT",
    "/nodes/{node}/qemu/{vmid}/unlink",
    params=UnlinkParams,
    returns=NULL,
    allow=_MAY_CHANGE,
    runs_on="node",
    privileged=True,
)
def unlink(ctx: Context, p: UnlinkParams) -> object:
    """Detach disks; without ``force`` they stay as unused ones."""
    wrong = [key for key in p.idlist if key not in DISK_KEYS and key not in UNUSED_KEYS]
    if wrong:
        raise Invalid({"idlist": f"'{wrong[0]}' is no disk"})
    change_config(ctx, p.vmid, {}, delete=list(p.idlist), force=p.force)
    return None
