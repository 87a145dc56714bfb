"""``/cluster/ha/resources``: the guests that high availability looks after."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api import members
from hostd.api.cluster.ha import preflight
from hostd.api.cluster.ha.common import AUDIT, CHANGE, SID, configured, node_names, resource_id, seen
from hostd.api.context import Context
from hostd.api.endpoint import NULL, Schema, array, endpoint, fields
from hostd.api.option_params import given, with_options
from hostd.cluster.sectionfile import SectionFile
from hostd.core.digest import check_digest
from hostd.core.errors import Conflict, Invalid, NotFound
from hostd.core.kinds import BOOLEAN, CONFIG_ID_LIST, DIGEST, NODE
from hostd.core.schema import Kind, param
from hostd.ha import affinity, files, stored
from hostd.ha.config import RESOURCE_OPTIONS
from hostd.ha.round import compile_rules
from hostd.ha.states import ServiceState

_PATH = "/cluster/ha/resources"
_KIND = "ha resource"
_TYPE = Kind(enum=("ct", "vm"))
_MOVED: Schema = {
    "type": "object",
    "properties": {
        **fields(sid="string"),
        "requested-node": {"type": "string"},
        "comigrated-resources": {"type": "array", "items": {"type": "string"}, "optional": True},
        "blocking-resources": {**array(fields(sid="string", cause="string")), "optional": True},
    },
}


@dataclass(frozen=True, kw_only=True)
class ListParams:
    """Which services."""

    type: str = param(_TYPE, default="", doc="Only services of this type.")


@dataclass(frozen=True, kw_only=True)
class ResourceParams:
    """One service."""

    sid: str = param(SID, doc="Service id (vm:100), or the guest's id alone.")


@with_options(RESOURCE_OPTIONS)
@dataclass(frozen=True, kw_only=True)
class CreateParams(ResourceParams):
    """A guest to look after."""

    type: str = param(_TYPE, default="", doc="Its type, which must be that of the guest.")


@with_options(RESOURCE_OPTIONS)
@dataclass(frozen=True, kw_only=True)
class UpdateParams(ResourceParams):
    """A changed service."""

    delete: list[str] = param(CONFIG_ID_LIST, default=(), doc="Options to drop.")
    digest: str = param(DIGEST, default="", doc="Fail unless the configuration still has this digest.")


@dataclass(frozen=True, kw_only=True)
class DeleteParams(ResourceParams):
    """A guest to look after no more."""

    purge: bool = param(BOOLEAN, default=True, shown_default=1, doc="Take it out of the rules that name it, too.")


@dataclass(frozen=True, kw_only=True)
class MoveParams(ResourceParams):
    """A service to move."""

    node: str = param(NODE, doc="Where to.")


def row(file: SectionFile, id: str) -> dict[str, object]:
    found = file.shown(id, _KIND)
    return {"sid": f"{found['type']}:{id}", **found}


@endpoint("GET", _PATH, params=ListParams, returns=array(fields(sid="string", type="string"), child="sid"), allow=AUDIT)
def index(ctx: Context, p: ListParams) -> object:
    """The guests that are looked after."""
    file = seen(ctx, stored.RESOURCES)
    return [row(file, section.id) for section in file.sections if p.type in ("", section.type)]


@endpoint(
    "GET",
    f"{_PATH}/{{sid}}",
    params=ResourceParams,
    returns={
        "type": "object",
        "properties": fields(
            sid="string", type="string", digest="string", state="string?", group="string?", max_restart="integer?",
            max_relocate="integer?", failback="boolean?", comment="string?",
        ),
    },
    allow=AUDIT,
)  # fmt: skip
def read(ctx: Context, p: ResourceParams) -> object:
    """How a guest is looked after."""
    file, sid = seen(ctx, stored.RESOURCES), resource_id(ctx, p.sid)
    require(file, sid)
    return row(file, name_of(sid))


def name_of(sid: str) -> str:
    return sid.partition(":")[2]


def require(file: SectionFile, sid: str) -> None:
    """NotFound where the service is not in the file."""
    section = file.find(name_of(sid))
    if section is None or sid != f"{section.type}:{section.id}":
        raise NotFound(f"no such resource '{sid}'")


def add(ctx: Context, sid: str, options: dict[str, str]) -> int:
    """Have a guest looked after; the version of the tree that says so.

    Raises Invalid where it cannot be, Conflict where it is already.
    """
    file = files.load(ctx.store, stored.RESOURCES)
    if sid not in stored.guests(ctx.mirror):
        raise Invalid({"sid": f"resource '{sid}' does not exist in the cluster"})
    _require_group(ctx, options)
    type, _, name = sid.partition(":")
    return files.save(ctx.store, file.added(name, type, {"state": "started", **options}, _KIND), actor=ctx.user)


def _require_group(ctx: Context, options: dict[str, str]) -> None:
    group = options.get("group")
    if group and group not in stored.groups(ctx.mirror):
        raise Invalid({"group": f"ha group '{group}' does not exist; rules have taken the place of groups"})


@endpoint("POST", _PATH, params=CreateParams, returns=NULL, allow=CHANGE, privileged=True)
def create(ctx: Context, p: CreateParams) -> object:
    """Have a guest looked after. What may keep that from working is told in the cluster's log."""
    sid = resource_id(ctx, p.sid)
    if p.type and not sid.startswith(f"{p.type}:"):
        raise Invalid({"type": f"'{sid}' is not of type '{p.type}'"})
    preflight.warn(ctx, add(ctx, sid, given(p)), sids=[sid])
    return None


@endpoint("PUT", f"{_PATH}/{{sid}}", params=UpdateParams, returns=NULL, allow=CHANGE, privileged=True)
def update(ctx: Context, p: UpdateParams) -> object:
    """Change how a guest is looked after, or what is wanted of it."""
    file, sid = configured(ctx, p.sid)
    check_digest(file.digest, p.digest)
    require(file, sid)
    _require_group(ctx, given(p))
    version = files.save(ctx.store, file.changed(name_of(sid), given(p), p.delete, _KIND), actor=ctx.user)
    preflight.warn(ctx, version, sids=[sid])
    return None


@endpoint("DELETE", f"{_PATH}/{{sid}}", params=DeleteParams, returns=NULL, allow=CHANGE, privileged=True)
def delete(ctx: Context, p: DeleteParams) -> object:
    """Look after a guest no more; it is left as it is."""
    file, sid = configured(ctx, p.sid)
    require(file, sid)
    if p.purge:
        files.forget(ctx.store, sid, actor=ctx.user)
    else:
        files.save(ctx.store, file.without(name_of(sid)), actor=ctx.user)
    return None


@endpoint("POST", f"{_PATH}/{{sid}}/migrate", params=MoveParams, returns=_MOVED, allow=CHANGE, privileged=True)
def migrate(ctx: Context, p: MoveParams) -> object:
    """Ask the manager to move a service to another node, running where it can."""
    return queue_move(ctx, "migrate", p.sid, p.node)


@endpoint("POST", f"{_PATH}/{{sid}}/relocate", params=MoveParams, returns=_MOVED, allow=CHANGE, privileged=True)
def relocate(ctx: Context, p: MoveParams) -> object:
    """Ask the manager to stop a service and start it on another node."""
    return queue_move(ctx, "relocate", p.sid, p.node)


def queue_move(ctx: Context, how: str, name: str, node: str) -> dict[str, object]:
    """Queue a move unless a service that must be apart is in the way; tells which services come along."""
    file, sid = configured(ctx, name)
    require(file, sid)
    if node not in (member.name for member in members.nodes(ctx) if member.online):
        raise Conflict(f"cannot {how} '{sid}' to node '{node}': it is not online")
    status = stored.manager_status(ctx.mirror)
    service = status.services.get(sid)
    if service and service.state is ServiceState.ERROR:
        raise Conflict(f"service '{sid}' in error state, must be disabled and fixed first")
    together = _affinity(ctx)
    blocking = [
        {"sid": other, "cause": "resource-affinity"}
        for other in sorted(together.negative.get(sid, ()))
        if (found := status.services.get(other)) and found.node == node and found.target in (None, node)
    ]
    answer: dict[str, object] = {"sid": sid, "requested-node": node}
    if along := sorted(together.positive.get(sid, ())):
        answer["comigrated-resources"] = along
    if blocking:
        return answer | {"blocking-resources": blocking}
    files.queue(ctx.store, [f"{how} {sid} {node}"], actor=ctx.user)
    return answer


def _affinity(ctx: Context) -> affinity.Compiled:
    mirror = ctx.mirror
    return compile_rules(stored.rules_of(mirror), stored.groups(mirror), stored.resources(mirror), node_names(ctx))
