"""``/cluster/qemu``: processor models of the cluster's own, and flags that processors can be given."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, Check, Or, array, endpoint, fields
from hostd.api.nodes.capabilities import ACCELERATOR, ARCHITECTURE, FLAGS, flag_rows, may_see_model
from hostd.api.nodes.params import NoParams
from hostd.api.option_params import given, with_options
from hostd.cluster import sectionfile
from hostd.cluster.sectionfile import SectionFile
from hostd.core.digest import check_digest
from hostd.core.errors import Conflict
from hostd.core.kinds import CONFIG_ID_LIST, DIGEST, STRING
from hostd.core.schema import Kind, param
from hostd.guests.qemu import cpumodels
from hostd.guests.qemu.cpumodels import FORM, KIND, OPTIONS, PATH, TYPE, plain

_PATH = "/cluster/qemu/custom-cpu-models"
_MAPPING = ("Mapping.Audit", "Mapping.Use", "Mapping.Modify")
_MODIFY = Check("/mapping/cpu/{cputype}", "Mapping.Modify")
_NAME = Kind(format="pve-configid", max_length=40)
_MODEL = fields(cputype="string", digest="string", flags="string?", hidden="boolean?", level="integer?")


@dataclass(frozen=True, kw_only=True)
class FlagParams:
    """Which flags."""

    arch: str = param(ARCHITECTURE, default="", doc="Architecture of the machines; the node's own where left out.")
    accel: str = param(ACCELERATOR, default="kvm", shown_default="kvm", doc="Hardware virtualization, or emulation.")


@dataclass(frozen=True, kw_only=True)
class ModelParams:
    """One model."""

    cputype: str = param(STRING, doc="Name of the model, without custom- before it.")


@with_options(OPTIONS)
@dataclass(frozen=True, kw_only=True)
class CreateParams:
    """A new model."""

    cputype: str = param(_NAME, doc="Name of the model, with or without custom- before it.")
    reported_model: str = param(
        OPTIONS["reported-model"].kind, name="reported-model", doc=OPTIONS["reported-model"].doc
    )


@with_options(OPTIONS)
@dataclass(frozen=True, kw_only=True)
class UpdateParams:
    """A changed model."""

    cputype: str = param(_NAME, doc="Name of the model, without custom- before it.")
    delete: list[str] = param(CONFIG_ID_LIST, default=(), doc="Options to drop.")
    digest: str = param(DIGEST, default="", doc="Fail unless the configuration still has this digest.")


def row(file: SectionFile, name: str) -> dict[str, object]:
    found = file.shown(name, KIND)
    del found["type"]
    return {"cputype": name, **found}


def _load(ctx: Context) -> SectionFile:
    return sectionfile.load(ctx.store, PATH, FORM)


@endpoint("GET", "/cluster/qemu", params=NoParams, returns=array(fields(name="string"), child="name"), allow=ALL)
def index(ctx: Context, p: NoParams) -> object:
    """Of what there is something to tell."""
    return [{"name": name} for name in ("cpu-flags", "custom-cpu-models")]


@endpoint(
    "GET",
    "/cluster/qemu/cpu-flags",
    params=FlagParams,
    returns=FLAGS,
    allow=Or(Check("/nodes", "Sys.Audit"), Check("/mapping/cpu", *_MAPPING, any_of=True)),
    privileged=True,
)
def cpu_flags(ctx: Context, p: FlagParams) -> object:
    """Flags that a model can have; ``supported-on`` tells of the node that is asked."""
    return flag_rows(ctx, p.arch, p.accel)


@endpoint("GET", _PATH, params=NoParams, returns=array(_MODEL, child="cputype"), allow=ALL, checked_in_code=True)
def models(ctx: Context, p: NoParams) -> object:
    """The models that the caller may see."""
    file = sectionfile.seen(ctx.mirror, PATH, FORM)
    names = [section.id for section in file.sections if section.type == TYPE]
    return [row(file, name) for name in names if may_see_model(ctx, name)]


@endpoint(
    "GET",
    f"{_PATH}/{{cputype}}",
    params=ModelParams,
    returns={"type": "object", "additionalProperties": True, "properties": _MODEL},
    allow=Or(*(Check("/mapping/cpu/{cputype}", privilege) for privilege in _MAPPING)),
)
def read(ctx: Context, p: ModelParams) -> object:
    """One model."""
    return row(sectionfile.seen(ctx.mirror, PATH, FORM), p.cputype)


@endpoint(
    "POST", _PATH, params=CreateParams, returns=NULL, allow=Check("/mapping/cpu", "Mapping.Modify"), privileged=True
)
def create(ctx: Context, p: CreateParams) -> object:
    """Add a model."""
    options = {"reported-model": p.reported_model, **given(p)}
    sectionfile.save(ctx.store, _load(ctx).added(plain(p.cputype), TYPE, options, KIND), actor=ctx.user)
    return None


@endpoint("PUT", f"{_PATH}/{{cputype}}", params=UpdateParams, returns=NULL, allow=_MODIFY, privileged=True)
def update(ctx: Context, p: UpdateParams) -> object:
    """Change a model; a machine has it at its next start."""
    file = _load(ctx)
    check_digest(file.digest, p.digest)
    sectionfile.save(ctx.store, file.changed(p.cputype, given(p), p.delete, KIND), actor=ctx.user)
    return None


@endpoint("DELETE", f"{_PATH}/{{cputype}}", params=ModelParams, returns=NULL, allow=_MODIFY, privileged=True)
def delete(ctx: Context, p: ModelParams) -> object:
    """Remove a model that no machine names."""
    file, name = _load(ctx), p.cputype
    file.get(name, KIND)
    if users := cpumodels.users(ctx.mirror, name):
        raise Conflict(f"{KIND} '{name}' is used by machines {', '.join(map(str, users))}; give them another one first")
    sectionfile.save(ctx.store, file.without(name), actor=ctx.user)
    return None
