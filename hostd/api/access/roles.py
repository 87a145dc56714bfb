"""``/access/roles``: named sets of privileges."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.access import edits
from hostd.access.privileges import BUILTIN_ROLES, GRANTABLE
from hostd.api.access.index import NoParams
from hostd.api.access.kinds import PRIVILEGES, ROLE, change_users, config
from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, Check, array, endpoint, fields
from hostd.core.errors import Invalid
from hostd.core.kinds import BOOLEAN
from hostd.core.schema import param

_MODIFY = Check("/access", "Sys.Modify")


@dataclass(frozen=True, kw_only=True)
class RoleParams:
    """One role."""

    roleid: str = param(ROLE, doc="Name of the role.")


@dataclass(frozen=True, kw_only=True)
class RoleValues(RoleParams):
    """A role and what it holds."""

    privs: list[str] | None = param(PRIVILEGES, default=None, doc="Privileges.")


@dataclass(frozen=True, kw_only=True)
class UpdateParams(RoleValues):
    """A changed role."""

    append: bool = param(BOOLEAN, default=False, doc="Add to the privileges instead of replacing them.")


@endpoint(
    "GET",
    "/access/roles",
    params=NoParams,
    returns=array(fields(roleid="string", privs="string?", special="boolean?"), child="roleid"),
    allow=ALL,
)
def index(ctx: Context, p: NoParams) -> object:
    """Every role; ``special`` ones are built in."""
    known = {**config(ctx).roles, **BUILTIN_ROLES}
    return [
        {"roleid": id, "privs": ",".join(sorted(held)), "special": int(id in BUILTIN_ROLES)}
        for id, held in sorted(known.items())
    ]


@endpoint("POST", "/access/roles", params=RoleValues, returns=NULL, allow=_MODIFY, privileged=True)
def create(ctx: Context, p: RoleValues) -> object:
    """Add a role."""
    change_users(ctx, lambda before: edits.set_role(before, p.roleid, p.privs or (), new=True, caller=ctx.user))
    return None


@endpoint(
    "GET",
    "/access/roles/{roleid}",
    params=RoleParams,
    returns={"type": "object", "properties": {name: {"type": "boolean", "optional": True} for name in GRANTABLE}},
    allow=ALL,
)
def read(ctx: Context, p: RoleParams) -> object:
    """The privileges of a role."""
    return dict.fromkeys(sorted(edits.role_of(config(ctx), p.roleid)), 1)


@endpoint("PUT", "/access/roles/{roleid}", params=UpdateParams, returns=NULL, allow=_MODIFY, privileged=True)
def update(ctx: Context, p: UpdateParams) -> object:
    """Replace a role's privileges, or add to them."""
    if p.append and p.privs is None:
        raise Invalid({"privs": "missing property required by 'append'"})
    given = p.privs or ()
    change_users(ctx, lambda now: edits.set_role(now, p.roleid, given, new=False, append=p.append, caller=ctx.user))
    return None


@endpoint("DELETE", "/access/roles/{roleid}", params=RoleParams, returns=NULL, allow=_MODIFY, privileged=True)
def delete(ctx: Context, p: RoleParams) -> object:
    """Remove a role and the ACLs that give it."""
    change_users(ctx, lambda before: edits.remove_role(before, p.roleid))
    return None
