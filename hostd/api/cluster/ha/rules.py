"""``/cluster/ha/rules``: which nodes services use, which of them stay together or apart."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.cluster.ha import preflight
from hostd.api.cluster.ha.common import AUDIT, CHANGE, CONFIG_ID, node_names, resource_id, seen
from hostd.api.context import Context
from hostd.api.endpoint import NULL, Schema, array, endpoint, fields
from hostd.api.option_params import given, with_options
from hostd.cluster.sectionfile import SectionFile
from hostd.core.digest import check_digest
from hostd.core.errors import Invalid
from hostd.core.formats.lists import split_list
from hostd.core.kinds import CONFIG_ID_LIST, DIGEST, STRING
from hostd.core.schema import Kind, param
from hostd.ha import files, rulechecks, rules, stored
from hostd.ha.rules import OPTIONS

_PATH = "/cluster/ha/rules"
_KIND = "ha rule"
_TYPE = Kind(enum=tuple(sorted(OPTIONS)))
_ALL = dict(sorted({key: option for options in OPTIONS.values() for key, option in options.items()}.items()))


@dataclass(frozen=True, kw_only=True)
class ListParams:
    """Which rules."""

    resource: str = param(STRING, default="", doc="Only rules that name this service.")
    type: str = param(_TYPE, default="", doc="Only rules of this type.")


@dataclass(frozen=True, kw_only=True)
class RuleParams:
    """One rule."""

    rule: str = param(CONFIG_ID, doc="Rule id.")


@with_options(_ALL)
@dataclass(frozen=True, kw_only=True)
class CreateParams(RuleParams):
    """A new rule."""

    type: str = param(_TYPE, doc="What it is about.")


@with_options(_ALL)
@dataclass(frozen=True, kw_only=True)
class UpdateParams(RuleParams):
    """A changed rule."""

    type: str = param(_TYPE, doc="What it is about; that cannot change.")
    delete: list[str] = param(CONFIG_ID_LIST, default=(), doc="Options to drop.")
    digest: str = param(DIGEST, default="", doc="Fail unless the configuration still has this digest.")


def row(ctx: Context, file: SectionFile, id: str, dropped: list[rulechecks.Dropped]) -> dict[str, object]:
    """A rule; ``errors``: why it is not followed, by option."""
    order = [section.id for section in file.sections].index(id) + 1
    wrong = list(dict.fromkeys(each.code.replace("_", " ") for each in dropped if each.rule == id))
    errors = {"errors": {"resources": ", ".join(wrong)}} if wrong else {}
    return {"rule": id, **file.shown(id, _KIND), "order": order, **errors}


def _dropped(ctx: Context, file: SectionFile) -> list[rulechecks.Dropped]:
    return rulechecks.sound(rules.parse(file.text()), node_names(ctx))[1]


@endpoint("GET", _PATH, params=ListParams, returns=array(fields(rule="string"), child="rule"), allow=AUDIT)
def index(ctx: Context, p: ListParams) -> object:
    """The rules, in the order of the file."""
    file = seen(ctx, stored.RULES)
    dropped = _dropped(ctx, file)
    wanted = resource_id(ctx, p.resource) if p.resource else ""
    return [
        row(ctx, file, section.id, dropped)
        for section in file.sections
        if p.type in ("", section.type) and (not wanted or wanted in split_list(section.values.get("resources", "")))
    ]


_RULE: Schema = {"type": "object", "properties": fields(rule="string", type="string")}


@endpoint("GET", f"{_PATH}/{{rule}}", params=RuleParams, returns=_RULE, allow=AUDIT)
def read_rule(ctx: Context, p: RuleParams) -> object:
    """One rule."""
    file = seen(ctx, stored.RULES)
    file.get(p.rule, _KIND)
    return row(ctx, file, p.rule, _dropped(ctx, file))


@endpoint("POST", _PATH, params=CreateParams, returns=NULL, allow=CHANGE, privileged=True)
def create_rule(ctx: Context, p: CreateParams) -> object:
    """Add a rule; one that contradicts others is refused."""
    file = files.load(ctx.store, stored.RULES).added(p.rule, p.type, given(p), _KIND)
    _save(ctx, file, p.rule, given(p))
    return None


@endpoint("PUT", f"{_PATH}/{{rule}}", params=UpdateParams, returns=NULL, allow=CHANGE, privileged=True)
def update_rule(ctx: Context, p: UpdateParams) -> object:
    """Change a rule; what would contradict others is refused."""
    file = files.load(ctx.store, stored.RULES)
    check_digest(file.digest, p.digest)
    type = file.get(p.rule, _KIND).type
    if type != p.type:
        raise Invalid({"type": f"rule '{p.rule}' is of type '{type}', which cannot change"})
    _save(ctx, file.changed(p.rule, given(p), p.delete, _KIND), p.rule, given(p))
    return None


def _save(ctx: Context, file: SectionFile, id: str, options: dict[str, str]) -> None:
    files.require_managed(options, files.load(ctx.store, stored.RESOURCES))
    files.require_sound(file, id, node_names(ctx))
    preflight.warn(ctx, files.save(ctx.store, file, actor=ctx.user), rule=id)


@endpoint("DELETE", f"{_PATH}/{{rule}}", params=RuleParams, returns=NULL, allow=CHANGE, privileged=True)
def delete_rule(ctx: Context, p: RuleParams) -> object:
    """Remove a rule."""
    file = files.load(ctx.store, stored.RULES)
    file.get(p.rule, _KIND)
    files.save(ctx.store, file.without(p.rule), actor=ctx.user)
    return None
