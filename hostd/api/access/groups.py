"""``/access/groups``: groups of users."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.access import edits
from hostd.access.users import Group
from hostd.api.access.index import NoParams
from hostd.api.access.kinds import GROUP, change_users, config
from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, Check, array, endpoint, fields
from hostd.core.schema import Kind, param

_ALLOCATE = Check("/access/groups", "Group.Allocate")


@dataclass(frozen=True, kw_only=True)
class GroupParams:
    """One group."""

    groupid: str = param(GROUP, doc="Name of the group.")


@dataclass(frozen=True, kw_only=True)
class GroupValues(GroupParams):
    """A group and what is said of it."""

    comment: str | None = param(Kind(), default=None, doc="Free text.")


def _comment(group: Group) -> dict[str, object]:
    return {"comment": group.comment} if group.comment else {}


@endpoint(
    "GET",
    "/access/groups",
    params=NoParams,
    returns=array(fields(groupid="string", comment="string?", users="string?"), child="groupid"),
    allow=ALL,
    checked_in_code=True,
)
def index(ctx: Context, p: NoParams) -> object:
    """The groups that the caller may manage or audit."""
    rights = ctx.services.authority.rights
    seen = rights.groups_where(ctx.user, ("User.Modify", "Sys.Audit", "Group.Allocate"))
    return [
        {"groupid": id, "users": ",".join(sorted(group.members)), **_comment(group)}
        for id, group in sorted(rights.config.groups.items())
        if id in seen
    ]


@endpoint("POST", "/access/groups", params=GroupValues, returns=NULL, allow=_ALLOCATE, privileged=True)
def create(ctx: Context, p: GroupValues) -> object:
    """Add a group."""
    change_users(ctx, lambda before: edits.add_group(before, p.groupid, p.comment or ""))
    return None


@endpoint(
    "GET",
    "/access/groups/{groupid}",
    params=GroupParams,
    returns={
        "type": "object",
        "properties": {**fields(comment="string?"), "members": {"type": "array", "items": {"type": "string"}}},
    },
    allow=Check("/access/groups", "Sys.Audit", "Group.Allocate", any_of=True),
)
def read(ctx: Context, p: GroupParams) -> object:
    """One group with its members."""
    group = edits.group_of(config(ctx), p.groupid)
    return {"members": sorted(group.members), **_comment(group)}


@endpoint("PUT", "/access/groups/{groupid}", params=GroupValues, returns=NULL, allow=_ALLOCATE, privileged=True)
def update(ctx: Context, p: GroupValues) -> object:
    """Change a group's comment; members are changed at the users."""
    before = edits.group_of(config(ctx), p.groupid)
    comment = before.comment if p.comment is None else p.comment
    change_users(ctx, lambda now: edits.comment_group(now, p.groupid, comment))
    return None


@endpoint("DELETE", "/access/groups/{groupid}", params=GroupParams, returns=NULL, allow=_ALLOCATE, privileged=True)
def delete(ctx: Context, p: GroupParams) -> object:
    """Remove a group and its ACLs; its members stay."""
    change_users(ctx, lambda before: edits.remove_group(before, p.groupid))
    return None
