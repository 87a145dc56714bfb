"""``/access``: what there is below it, and who may do what."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.access.ids import TOKEN_NAME
from hostd.access.paths import normalise
from hostd.access.rights import may_see_permissions_of
from hostd.api.context import Context
from hostd.api.endpoint import ALL, array, endpoint, fields
from hostd.core.errors import Denied, Invalid
from hostd.core.schema import Kind, param

_BELOW = ("users", "groups", "roles", "acl", "domains", "openid", "tfa", "ticket", "password")
_AUTHID = Kind(pattern=rf"[^\s:/]+@{TOKEN_NAME}(!{TOKEN_NAME})?")


@dataclass(frozen=True, kw_only=True)
class NoParams:
    """No parameters."""


@dataclass(frozen=True, kw_only=True)
class PermissionParams:
    """Whose permissions, and where."""

    userid: str = param(_AUTHID, default="", doc="User or full token id; the caller without it.")
    path: str = param(Kind(), default="", doc="Only this ACL path.")


@endpoint("GET", "/access", params=NoParams, returns=array(fields(subdir="string"), child="subdir"), allow=ALL)
def index(ctx: Context, p: NoParams) -> object:
    """What is below /access."""
    return [{"subdir": name} for name in _BELOW]


@endpoint("GET", "/access/openid", params=NoParams, returns=array(fields(subdir="string"), child="subdir"), allow=ALL)
def openid_index(ctx: Context, p: NoParams) -> object:
    """What is below /access/openid; nothing of it is built yet."""
    return []


@endpoint(
    "GET",
    "/access/permissions",
    params=PermissionParams,
    returns={"type": "object"},
    allow=ALL,
    checked_in_code=True,
)
def permissions(ctx: Context, p: PermissionParams) -> object:
    """Privileges by ACL path: 1 where they also count below the path, 0 where not."""
    rights, authid = ctx.services.authority.rights, p.userid or ctx.user
    if not may_see_permissions_of(rights, ctx.user, authid):
        raise Denied("Permission check failed (/access, Sys.Audit)")
    if not p.path:
        return rights.effective(authid)
    path = normalise(p.path)
    if path is None:
        raise Invalid({"path": f"invalid ACL path '{p.path}'"})
    return {path: rights.privileges(authid, path)}
