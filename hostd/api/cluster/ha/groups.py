"""``/cluster/ha/groups``: nodes for services, as older versions had them; they become rules by themselves."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.cluster.ha.common import AUDIT, CHANGE, CONFIG_ID, seen
from hostd.api.context import Context
from hostd.api.endpoint import NULL, array, endpoint, fields
from hostd.api.option_params import given, with_options
from hostd.cluster.sectionfile import SectionFile
from hostd.core.digest import check_digest
from hostd.core.errors import Conflict
from hostd.core.kinds import CONFIG_ID_LIST, DIGEST
from hostd.core.schema import Kind, param
from hostd.ha import files, stored
from hostd.ha.config import GROUP_OPTIONS, NODES

_PATH = "/cluster/ha/groups"
_KIND = "ha group"


@dataclass(frozen=True, kw_only=True)
class ListParams:
    """All of them."""


@dataclass(frozen=True, kw_only=True)
class GroupParams:
    """One group."""

    group: str = param(CONFIG_ID, doc="Group id.")


@with_options(GROUP_OPTIONS)
@dataclass(frozen=True, kw_only=True)
class CreateParams(GroupParams):
    """A new group."""

    nodes: list[str] = param(NODES, doc=GROUP_OPTIONS["nodes"].doc)
    type: str = param(Kind(enum=("group",)), default="group", doc="There is only this one.")


@with_options(GROUP_OPTIONS)
@dataclass(frozen=True, kw_only=True)
class UpdateParams(GroupParams):
    """A changed group."""

    delete: list[str] = param(CONFIG_ID_LIST, default=(), doc="Options to drop.")
    digest: str = param(DIGEST, default="", doc="Fail unless the configuration still has this digest.")


def row(file: SectionFile, id: str) -> dict[str, object]:
    return {"group": id, **file.shown(id, _KIND)}


@endpoint("GET", _PATH, params=ListParams, returns=array(fields(group="string"), child="group"), allow=AUDIT)
def index(ctx: Context, p: ListParams) -> object:
    """The groups."""
    file = seen(ctx, stored.GROUPS)
    return [row(file, section.id) for section in file.sections]


@endpoint("GET", f"{_PATH}/{{group}}", params=GroupParams, returns={}, allow=AUDIT)
def read(ctx: Context, p: GroupParams) -> object:
    """One group."""
    return row(seen(ctx, stored.GROUPS), p.group)


@endpoint("POST", _PATH, params=CreateParams, returns=NULL, allow=CHANGE, privileged=True)
def create(ctx: Context, p: CreateParams) -> object:
    """Add a group."""
    file = files.load(ctx.store, stored.GROUPS)
    values = {"nodes": ",".join(p.nodes), **given(p)}
    files.save(ctx.store, file.added(p.group, "group", values, _KIND), actor=ctx.user)
    return None


@endpoint("PUT", f"{_PATH}/{{group}}", params=UpdateParams, returns=NULL, allow=CHANGE, privileged=True)
def update(ctx: Context, p: UpdateParams) -> object:
    """Change a group."""
    file = files.load(ctx.store, stored.GROUPS)
    check_digest(file.digest, p.digest)
    files.save(ctx.store, file.changed(p.group, given(p), p.delete, _KIND), actor=ctx.user)
    return None


@endpoint("DELETE", f"{_PATH}/{{group}}", params=GroupParams, returns=NULL, allow=CHANGE, privileged=True)
def delete(ctx: Context, p: GroupParams) -> object:
    """Remove a group that no service names."""
    file = files.load(ctx.store, stored.GROUPS)
    file.get(p.group, _KIND)
    users = [sid for sid, each in stored.resources(ctx.mirror).items() if each.group == p.group]
    if users:
        raise Conflict(f"ha group '{p.group}' is used by {', '.join(users)}")
    files.save(ctx.store, file.without(p.group), actor=ctx.user)
    return None
