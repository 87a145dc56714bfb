"""``/access/acl``: who has which role where."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.access import edits
from hostd.access.expressions import PermModify, why_not
from hostd.access.users import Kind as HolderKind
from hostd.api.access.index import NoParams
from hostd.api.access.kinds import GROUPS, ROLES, TOKENIDS, USERIDS, change_users
from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, array, endpoint, fields
from hostd.core.kinds import BOOLEAN
from hostd.core.schema import Kind, param


@dataclass(frozen=True, kw_only=True)
class AclParams:
    """A change of the ACL."""

    path: str = param(Kind(), doc="ACL path, such as /vms/100.")
    roles: list[str] = param(ROLES, doc="Roles to give or take.")
    users: list[str] = param(USERIDS, default=(), doc="Users.")
    groups: list[str] = param(GROUPS, default=(), doc="Groups.")
    tokens: list[str] = param(TOKENIDS, default=(), doc="API tokens, by full id.")
    propagate: bool = param(BOOLEAN, default=True, shown_default=1, doc="Whether it also counts below the path.")
    delete: bool = param(BOOLEAN, default=False, doc="Take the roles away instead of giving them.")


@endpoint(
    "GET",
    "/access/acl",
    params=NoParams,
    returns=array(fields(path="string", type="string", ugid="string", roleid="string", propagate="boolean?")),
    allow=ALL,
    checked_in_code=True,
)
def index(ctx: Context, p: NoParams) -> object:
    """The entries that the caller may audit (Sys.Audit on /access) or change."""
    rights = ctx.services.authority.rights
    auditor = rights.may(ctx.user, "/access", ("Sys.Audit",))
    return [
        {"path": e.path, "type": e.kind, "ugid": e.who, "roleid": e.role, "propagate": int(e.propagate)}
        for e in rights.config.entries()
        if auditor or not why_not(PermModify(), rights, ctx.user, {"path": e.path})
    ]


@endpoint("PUT", "/access/acl", params=AclParams, returns=NULL, allow=PermModify(), privileged=True)
def update(ctx: Context, p: AclParams) -> object:
    """Give roles at a path to users, groups or tokens, or take them away."""
    holders: list[tuple[HolderKind, str]] = [
        *(("user", id) for id in p.users), *(("group", id) for id in p.groups), *(("token", id) for id in p.tokens)
    ]  # fmt: skip
    change_users(
        ctx,
        lambda before: edits.set_acl(
            before, p.path, p.roles, holders, propagate=p.propagate, delete=p.delete, caller=ctx.user
        ),
    )
    return None
