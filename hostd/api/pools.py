"""``/pools``: guests and storages that are administered together. ``/pools/{poolid}`` is the older form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from hostd.access import edits
from hostd.access.users import Pool, UserConfig
from hostd.api import members
from hostd.api.access.kinds import POOL, STORAGES, VMIDS, change_users, config
from hostd.api.cluster.resources import storages
from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, Check, array, endpoint, fields
from hostd.core.errors import Denied, HostError, Invalid, NotFound
from hostd.core.kinds import BOOLEAN
from hostd.core.schema import Kind, param
from hostd.guests import index as guests

_ALLOCATE = Check("/pool/{poolid}", "Pool.Allocate")
_TYPE = Kind(enum=("qemu", "lxc", "storage"))
_MEMBERS = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": True,
        "properties": fields(id="string", node="string", storage="string?", type="string", vmid="integer?"),
    },
}


@dataclass(frozen=True, kw_only=True)
class ListParams:
    """Which pools."""

    poolid: str = param(POOL, default="", doc="Only this pool, with its members.")
    type: str = param(_TYPE, default="", doc="Only members of this kind.")


@dataclass(frozen=True, kw_only=True)
class PoolParams:
    """One pool."""

    poolid: str = param(POOL, doc="Pool; a pool below another is named parent/child.")


@dataclass(frozen=True, kw_only=True)
class ReadParams(PoolParams):
    """One pool and which of its members."""

    type: str = param(_TYPE, default="", doc="Only members of this kind.")


@dataclass(frozen=True, kw_only=True)
class CreateParams(PoolParams):
    """A new pool."""

    comment: str = param(Kind(), default="", doc="Free text.")


@dataclass(frozen=True, kw_only=True)
class UpdateParams(PoolParams):
    """A changed pool."""

    comment: str | None = param(Kind(), default=None, doc="Free text.")
    vms: list[str] = param(VMIDS, default=(), doc="Guests to put in, or to take out.")
    storage: list[str] = param(STORAGES, default=(), doc="Storages to put in, or to take out.")
    delete: bool = param(BOOLEAN, default=False, shown_default=0, doc="Take them out instead of putting them in.")
    allow_move: bool = param(
        BOOLEAN, name="allow-move", default=False, shown_default=0, doc="Guests may come from another pool."
    )


def _members(ctx: Context, pool: Pool, type: str) -> list[dict[str, object]]:
    rows = [row for row in guests.list_guests(ctx.mirror, partial(members.running, ctx)) if row["vmid"] in pool.vms]
    found = [row for row in rows if ctx.may(f"/vms/{row['vmid']}", "VM.Audit") and type in ("", row["type"])]
    if type in ("", "storage"):
        found += [row for row in storages(ctx) if row["storage"] in pool.storage]
    return found


def _comment(pool: Pool) -> dict[str, object]:
    return {"comment": pool.comment} if pool.comment else {}


@endpoint(
    "GET",
    "/pools",
    params=ListParams,
    returns=array(
        {**fields(poolid="string", comment="string?"), "members": {**_MEMBERS, "optional": True}}, child="poolid"
    ),
    allow=ALL,
    checked_in_code=True,
)
def index(ctx: Context, p: ListParams) -> object:
    """Pools that the caller may audit; one alone with its members."""
    if p.type and not p.poolid:
        raise Invalid({"poolid": "missing property required by 'type'"})
    if p.poolid:
        if not ctx.may(f"/pool/{p.poolid}", "Pool.Audit"):
            raise Denied(f"Permission check failed (/pool/{p.poolid}, Pool.Audit)")
        pool = edits.pool_of(config(ctx), p.poolid)
        return [{"poolid": p.poolid, **_comment(pool), "members": _members(ctx, pool, p.type)}]
    return [
        {"poolid": id, **_comment(pool)}
        for id, pool in sorted(config(ctx).pools.items())
        if ctx.may(f"/pool/{id}", "Pool.Audit", "Pool.Allocate", any_of=True)
    ]


@endpoint("POST", "/pools", params=CreateParams, returns=NULL, allow=_ALLOCATE, privileged=True)
def create(ctx: Context, p: CreateParams) -> object:
    """Add a pool."""
    change_users(ctx, lambda before: edits.add_pool(before, p.poolid, p.comment))
    return None


def _update(ctx: Context, p: UpdateParams) -> None:
    vms = [int(vmid) for vmid in p.vms]
    if not vms and not p.storage and p.comment is None:
        raise HostError("no options specified: give comment, vms or storage")
    _check_members(ctx, p, vms)

    def edit(before: UserConfig) -> UserConfig:
        after = edits.change_members(before, p.poolid, vms, p.storage, delete=p.delete, move=p.allow_move)
        return after if p.comment is None else edits.comment_pool(after, p.poolid, p.comment)

    change_users(ctx, edit)


def _check_members(ctx: Context, p: UpdateParams, vms: Iterable[int]) -> None:
    """Whoever puts something into a pool gives it to the pool's holders: he must own it."""
    used, current = guests.used_ids(ctx.mirror), config(ctx)
    for vmid in vms:
        require_may(ctx, f"/vms/{vmid}", "VM.Allocate")
        other = edits.pool_of_guest(current, vmid)
        if other and other != p.poolid and not p.delete:
            require_may(ctx, f"/pool/{other}", "Pool.Allocate")
        if vmid not in used and not p.delete:
            raise NotFound(f"VM {vmid} does not exist")
    for storage in p.storage:
        require_may(ctx, f"/storage/{storage}", "Datastore.Allocate")


def require_may(ctx: Context, path: str, privilege: str) -> None:
    """Raises Denied."""
    if not ctx.may(path, privilege):
        raise Denied(f"Permission check failed ({path}, {privilege})")


@endpoint("PUT", "/pools", params=UpdateParams, returns=NULL, allow=_ALLOCATE, privileged=True, checked_in_code=True)
def update(ctx: Context, p: UpdateParams) -> object:
    """Change a pool's comment or members."""
    _update(ctx, p)
    return None


@endpoint("DELETE", "/pools", params=PoolParams, returns=NULL, allow=_ALLOCATE, privileged=True, checked_in_code=True)
def delete(ctx: Context, p: PoolParams) -> object:
    """Remove an empty pool."""
    change_users(ctx, lambda before: edits.remove_pool(before, p.poolid))
    return None


@endpoint(
    "GET",
    "/pools/{poolid}",
    params=ReadParams,
    returns={"type": "object", "properties": {**fields(comment="string?"), "members": _MEMBERS}},
    allow=Check("/pool/{poolid}", "Pool.Audit"),
)
def read(ctx: Context, p: ReadParams) -> object:
    """One pool with its members."""
    pool = edits.pool_of(config(ctx), p.poolid)
    return {**_comment(pool), "members": _members(ctx, pool, p.type)}


@endpoint(
    "PUT",
    "/pools/{poolid}",
    params=UpdateParams,
    returns=NULL,
    allow=_ALLOCATE,
    privileged=True,
    checked_in_code=True,
)
def update_one(ctx: Context, p: UpdateParams) -> object:
    """Change a pool's comment or members (older form of PUT /pools)."""
    _update(ctx, p)
    return None


@endpoint(
    "DELETE",
    "/pools/{poolid}",
    params=PoolParams,
    returns=NULL,
    allow=_ALLOCATE,
    privileged=True,
    checked_in_code=True,
)
def delete_one(ctx: Context, p: PoolParams) -> object:
    """Remove an empty pool (older form of DELETE /pools)."""
    change_users(ctx, lambda before: edits.remove_pool(before, p.poolid))
    return None
