"""``POST /nodes/{node}/lxc``: new containers, from a template or from a backup."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hostd.api import hamanaged, tagrights
from hostd.api.context import Context
from hostd.api.endpoint import ALL, UPID, endpoint
from hostd.api.nodes import guest_params as shared
from hostd.api.nodes.lxc import require_plan
from hostd.api.nodes.lxc_disks import LIMIT
from hostd.core.errors import Denied, Invalid
from hostd.core.kinds import BOOLEAN, NODE, STORAGE_ID, STRING, VMID
from hostd.core.schema import Kind, param
from hostd.guests import config as files
from hostd.guests.config import GuestKind
from hostd.guests.lxc import plan
from hostd.guests.lxc.config import OPTIONS
from hostd.guests.lxc.inside.accounts import check_keys
from hostd.storage.volume import VolumeId

_PASSWORD = Kind(min_length=5, pattern=r"[^\x00-\x1f\x7f]*")


@shared.with_options(OPTIONS)
@dataclass(frozen=True, kw_only=True)
class CreateParams:
    """A new container."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    ostemplate: str = param(Kind(max_length=255), doc="Volume id of the template or backup to unpack.")
    storage: str = param(STORAGE_ID, default="local", shown_default="local", doc="Where volumes go that name no place.")
    unprivileged: bool | None = param(
        BOOLEAN, default=None, shown_default=1, doc="Users inside are others on the host; as it was, in a restore."
    )
    password: str = param(_PASSWORD, default="", doc="Password of root inside.")
    ssh_public_keys: str = param(STRING, default="", name="ssh-public-keys", doc="Keys that may log in as root.")
    start: bool = param(BOOLEAN, default=False, shown_default=0, doc="Start it once it is made.")
    pool: str | None = param(Kind(format="pve-poolid"), default=None, doc="Pool that it is put into.")
    restore: bool = param(BOOLEAN, default=False, doc="The archive is a backup: make the container that it holds.")
    unique: bool = param(BOOLEAN, default=False, requires="restore", doc="New addresses for its cards.")
    force: bool = param(BOOLEAN, default=False, doc="In a restore: in the place of the container of this id.")
    ignore_unpack_errors: bool = param(
        BOOLEAN, default=False, name="ignore-unpack-errors", doc="In a restore: leave out what cannot be unpacked."
    )
    bwlimit: float | None = param(
        LIMIT, default=None, doc="Most KiB a second of the archive; else as the storages and the cluster say."
    )
    ha_managed: bool = param(
        BOOLEAN, default=False, shown_default=0, name="ha-managed", doc="Have it looked after, once it is made."
    )


@endpoint(
    "POST",
    "/nodes/{node}/lxc",
    params=CreateParams,
    returns=UPID,
    allow=ALL,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def create_vm(ctx: Context, p: CreateParams) -> object:
    """Make a container from a template, or (``restore``) from a backup; ``<storage>:<GiB>`` allocates a volume."""
    replaces = p.restore and p.force and _is_here(ctx, p.vmid)
    _require_allowed(ctx, p, replaces=replaces)
    if not p.restore and (p.force or p.ignore_unpack_errors):
        raise Invalid({"force" if p.force else "ignore-unpack-errors": "is for restoring a backup: give 'restore'"})
    if not replaces:
        files.require_free(ctx.mirror, GuestKind.LXC, p.vmid)
    hamanaged.require_allowed(ctx, p.ha_managed)
    upid = _restore(ctx, p) if p.restore else _create(ctx, p)
    if p.ha_managed:
        hamanaged.add_after(ctx, upid, "ct", p.vmid, start=p.start)
    return upid


def _is_here(ctx: Context, vmid: int) -> bool:
    place = files.find(ctx.mirror, vmid)
    return place is not None and (place.node, place.kind) == (ctx.node, GuestKind.LXC)


def _require_allowed(ctx: Context, p: CreateParams, *, replaces: bool) -> None:
    """Who may make a guest; a backup of one that is there may be restored by who may back it up."""
    path = f"/vms/{p.vmid}"
    pool = bool(p.pool) and ctx.may(f"/pool/{p.pool}", "VM.Allocate")
    if not (ctx.may(path, "VM.Allocate") or pool or (replaces and ctx.may(path, "VM.Backup"))):
        raise Denied(f"Permission check failed ({path}, VM.Allocate)")


def _create(ctx: Context, p: CreateParams) -> str:
    values = shared.given_options(p)
    values.setdefault("rootfs", f"{p.storage}:{plan.DEFAULT_ROOT_GIB}")
    unprivileged = p.unprivileged is not False
    if unprivileged:
        values["unprivileged"] = "1"
    planned = require_plan(ctx, p.vmid, values, unprivileged=unprivileged)
    tagrights.require(ctx, "", values.get("tags", ""))
    if "rootfs" in planned.existing:
        raise Invalid({"rootfs": "a new container needs a new volume: '<storage>:<GiB>'"})
    if wrong := check_keys(p.ssh_public_keys):
        raise Invalid({"ssh-public-keys": wrong})
    shared.require_volume(ctx, VolumeId.parse(p.ostemplate), content="vztmpl")
    secrets = {"password": p.password, "ssh_keys": p.ssh_public_keys}
    storages = (new.storage for new in planned.new)
    args = {**_common(ctx, p, storages), **secrets}
    return ctx.spawn("vzcreate", str(p.vmid), template=p.ostemplate, values=values, **args)


def _restore(ctx: Context, p: CreateParams) -> str:
    """What the backup itself asks for is checked by the task, which reads it, by the caller's rights."""
    if p.password or p.ssh_public_keys:
        name = "password" if p.password else "ssh-public-keys"
        raise Invalid({name: "a restored container has the accounts of its backup"})
    # A backup holds all of a guest's files: it is for who manages its storage, or may back its guest up.
    shared.require_volume(ctx, VolumeId.parse(p.ostemplate), content="backup")
    shared.require_storage(ctx, p.storage, "Datastore.AllocateSpace")
    values = shared.given_options(p)
    planned = require_plan(ctx, p.vmid, values, unprivileged=bool(p.unprivileged))
    tagrights.require(ctx, "", values.get("tags", ""))
    if "rootfs" in planned.existing:
        raise Invalid({"rootfs": "a restored container needs a new volume: '<storage>:<GiB>'"})
    if p.unprivileged is not None:
        values["unprivileged"] = str(int(p.unprivileged))
    how = {"unique": p.unique, "force": p.force, "ignore_errors": p.ignore_unpack_errors}
    who = {"archive": p.ostemplate, "user": ctx.user, "storage": p.storage}
    storages = (p.storage, *(new.storage for new in planned.new))
    return ctx.spawn("vzrestore", str(p.vmid), values=values, **_common(ctx, p, storages), **who, **how)


def _common(ctx: Context, p: CreateParams, storages: Iterable[str]) -> dict[str, object]:
    limit_kib = shared.limit_kib(ctx, "restore", storages, p.bwlimit)
    return {"vmid": p.vmid, "start": p.start and not p.ha_managed, "pool": p.pool or "", "limit_kib": limit_kib}
