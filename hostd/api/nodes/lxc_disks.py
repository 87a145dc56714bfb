"""``/nodes/{node}/lxc/{vmid}``: volumes of containers grow, move, go to other containers."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import UPID, Check, endpoint
from hostd.api.nodes import guest_params as shared
from hostd.api.nodes.lxc import stored
from hostd.api.nodes.qemu_disks import SHORT_DIGEST
from hostd.core.errors import Denied, Invalid
from hostd.core.kinds import BOOLEAN, NODE, STORAGE_ID, VMID
from hostd.core.schema import Kind, param
from hostd.guests import config as files
from hostd.guests.lxc import disks, mounts
from hostd.guests.options import is_unused

MOUNT_KEYS = ("rootfs", *(f"mp{n}" for n in range(mounts.COUNT)))
VOLUME_KEYS = (*MOUNT_KEYS, *(f"unused{n}" for n in range(mounts.COUNT)))
LIMIT = Kind(type="number", minimum=0, maximum=2**40)
_SIZE = Kind(pattern=r"\+?\d+(\.\d+)?[KMGT]?", max_length=24)
_MAY_CHANGE = Check("/vms/{vmid}", "VM.Config.Disk")
_MAY_GROW = Check("/vms/{vmid}", "VM.Config.Disk", any_of=True)


@dataclass(frozen=True, kw_only=True)
class ResizeParams:
    """A volume that grows."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    disk: str = param(Kind(enum=MOUNT_KEYS), doc="The volume.")
    size: str = param(_SIZE, doc="Its new size, or with + how much it grows.")
    digest: str = param(SHORT_DIGEST, default="", doc="Fail unless the configuration still has this digest.")


@dataclass(frozen=True, kw_only=True)
class MoveParams:
    """A volume that goes to another storage or container."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    volume: str = param(Kind(enum=VOLUME_KEYS), doc="The volume.")
    storage: str = param(STORAGE_ID, default="", doc="Storage that it goes to.")
    delete: bool = param(BOOLEAN, default=False, shown_default=0, doc="Remove the original.")
    digest: str = param(SHORT_DIGEST, default="", doc="Fail unless the configuration still has this digest.")
    bwlimit: float | None = param(LIMIT, default=None, doc="Most KiB a second; files are copied without a limit.")
    target_vmid: int | None = param(VMID, default=None, name="target-vmid", doc="Container that it goes to.")
    target_volume: str = param(Kind(enum=VOLUME_KEYS), default="", name="target-volume", doc="What it becomes there.")
    target_digest: str = param(
        SHORT_DIGEST, default="", name="target-digest", doc="Fail unless the other container still has this digest."
    )


@endpoint(
    "PUT",
    "/nodes/{node}/lxc/{vmid}/resize",
    params=ResizeParams,
    returns=UPID,
    allow=_MAY_GROW,
    runs_on="node",
    privileged=True,
)
def resize(ctx: Context, p: ResizeParams) -> object:
    """Grow a volume and its file system, also while the container runs. A volume never becomes smaller."""
    guest = stored(ctx, p.vmid)
    files.check_digest(guest, p.digest)
    volume = disks.volume_of(guest.file, p.disk)
    shared.require_storage(ctx, volume.storage, "Datastore.AllocateSpace")
    return ctx.spawn("vzresize", str(p.vmid), vmid=p.vmid, disk=p.disk, size=p.size, digest=p.digest)


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/move_volume",
    params=MoveParams,
    returns=UPID,
    allow=_MAY_CHANGE,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def move_volume(ctx: Context, p: MoveParams) -> object:
    """Copy a volume of a stopped container to another storage, or give it to another container of this node."""
    guest = stored(ctx, p.vmid)
    files.check_digest(guest, p.digest)
    volume = disks.volume_of(guest.file, p.volume)
    if p.target_vmid is not None:
        return _reassign(ctx, p, p.target_vmid)
    if p.target_volume or p.target_digest:
        raise Invalid({"target-vmid": "needed to say which container the volume goes to"})
    if not p.storage:
        raise Invalid({"storage": "needed to say where the volume goes; or give 'target-vmid' for another container"})
    shared.require_storage(ctx, p.storage, "Datastore.AllocateSpace")
    args = {"disk": p.volume, "storage": p.storage, "delete": p.delete, "digest": p.digest}
    limit_kib = shared.limit_kib(ctx, "move", (volume.storage, p.storage), p.bwlimit)
    return ctx.spawn("move_volume", str(p.vmid), vmid=p.vmid, **args, limit_kib=limit_kib)


def _reassign(ctx: Context, p: MoveParams, target: int) -> str:
    if p.storage:
        raise Invalid({"storage": "a volume goes to another storage or to another container, not both at once"})
    if not ctx.may(f"/vms/{target}", "VM.Config.Disk"):
        raise Denied(f"Permission check failed (/vms/{target}, VM.Config.Disk)")
    files.check_digest(stored(ctx, target), p.target_digest)
    if is_unused(p.volume) and not p.target_volume:
        raise Invalid({"target-volume": f"needed to say what '{p.volume}' becomes"})
    args = {"disk": p.volume, "target_vmid": target, "target_disk": p.target_volume or p.volume}
    digests = {"digest": p.digest, "target_digest": p.target_digest}
    return ctx.spawn("vzreassign", f"{p.vmid}-{target}", vmid=p.vmid, **args, **digests)
