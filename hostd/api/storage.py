"""``/storage``: which storages the cluster has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, Check, array, endpoint, fields
from hostd.api.option_params import given, with_options
from hostd.core.digest import check_digest
from hostd.core.errors import Conflict, HostError, Invalid, NotFound, Unsupported
from hostd.core.formats import sections
from hostd.core.kinds import CONFIG_ID_LIST, DIGEST, STORAGE_ID, STRING
from hostd.core.schema import Kind, param
from hostd.guests.config import parse_path
from hostd.storage.config import (
    FORM,
    PATH,
    TYPES,
    StorageFile,
    changed,
    file_in,
    format_storage_cfg,
    parse_storage_cfg,
    section_of,
)
from hostd.storage.drivers import INFO
from hostd.storage.interface import StorageConfig

_ALLOCATE = Check("/storage", "Datastore.Allocate")
_ANSWER = {"type": "object", "properties": fields(storage="string", type="string", config="object?")}


# Where drivers share an option it means the same.
_WITHOUT_EFFECT = ("saferemove", "tagged_only", "snapshot-as-volume-chain")
_OPTIONS = dict(sorted({key: option for info in TYPES.values() for key, option in info.options.items()}.items()))


@dataclass(frozen=True, kw_only=True)
class ListParams:
    """Which storages to list."""

    type: str = param(Kind(enum=tuple(sorted(TYPES))), default="", doc="Only storages of this type.")


@dataclass(frozen=True, kw_only=True)
class StorageParams:
    """One storage."""

    storage: str = param(STORAGE_ID, doc="Storage id.")


@with_options({key: _OPTIONS[key] for key in sections.create_options(FORM)})
@dataclass(frozen=True, kw_only=True)
class CreateParams:
    """A new storage."""

    storage: str = param(STORAGE_ID, doc="Storage id.")
    type: str = param(Kind(enum=tuple(sorted(TYPES))), doc="Storage type.")
    authsupported: str = param(STRING, default="", doc="Known from old clients; no type has it any more.")


@with_options({key: _OPTIONS[key] for key in sections.update_options(FORM)})
@dataclass(frozen=True, kw_only=True)
class UpdateParams:
    """A changed storage."""

    storage: str = param(STORAGE_ID, doc="Storage id.")
    delete: list[str] = param(CONFIG_ID_LIST, default=(), doc="Options to drop.")
    digest: str = param(DIGEST, default="", doc="Fail unless the configuration still has this digest.")


def load(ctx: Context) -> tuple[StorageFile, int]:
    """The file as it is now, with the version that the next write names (0: there is none)."""
    try:
        file = ctx.store.read(PATH)
    except NotFound:
        return parse_storage_cfg(b""), 0
    return parse_storage_cfg(file.data), file.version


def shown(storage: StorageConfig, digest: str) -> dict[str, object]:
    """A storage's options as answers carry them."""
    values: dict[str, object] = {key: FORM.shown(storage.type, key, text) for key, text in storage.options.items()}
    values["content"] = ",".join(storage.content) or "none"
    return values | {"storage": storage.id, "type": storage.type, "digest": digest}


def _file(ctx: Context) -> StorageFile:
    return file_in(ctx.mirror)


@endpoint(
    "GET",
    "/storage",
    params=ListParams,
    returns=array(fields(storage="string", type="string", content="string", digest="string"), child="storage"),
    allow=ALL,
    checked_in_code=True,
)
def index(ctx: Context, p: ListParams) -> object:
    """The storages that the caller may see."""
    file = _file(ctx)
    return [
        shown(storage, file.digest)
        for storage in file.storages.values()
        if p.type in ("", storage.type)
        and ctx.may(f"/storage/{storage.id}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True)
    ]


@endpoint(
    "GET",
    "/storage/{storage}",
    params=StorageParams,
    returns={"type": "object", "additionalProperties": True},
    allow=Check("/storage/{storage}", "Datastore.Allocate"),
)
def read(ctx: Context, p: StorageParams) -> object:
    """One storage's configuration."""
    file = _file(ctx)
    return shown(file.get(p.storage), file.digest)


def _refuse_without_driver(type: str) -> None:
    if type not in INFO:
        raise Unsupported(f"storage type '{type}' is not supported yet")


def _refuse_without_effect(options: Mapping[str, str]) -> None:
    """Options that the file may hold, from elsewhere, and that no driver follows yet: nobody shall rely on them."""
    without = {key: "not supported yet: it would have no effect" for key in _WITHOUT_EFFECT if options.get(key) == "1"}
    if without:
        raise Invalid(without)


@endpoint("POST", "/storage", params=CreateParams, returns=_ANSWER, allow=_ALLOCATE, privileged=True)
def create(ctx: Context, p: CreateParams) -> object:
    """Add a storage to the cluster."""
    _refuse_without_driver(p.type)
    if p.authsupported:
        raise Invalid({"authsupported": f"unexpected property: type '{p.type}' does not have it"})
    file, version = load(ctx)
    written = {section.id for section in file.sections} if version else set()
    if p.storage in written:
        raise Conflict(f"storage ID '{p.storage}' already defined")
    _refuse_without_effect(given(p))
    section = section_of(p.storage, p.type, given(p))
    ctx.store.write(PATH, format_storage_cfg(file.with_section(section)), if_version=version, actor=ctx.user)
    return {"storage": p.storage, "type": p.type}


@endpoint("PUT", "/storage/{storage}", params=UpdateParams, returns=_ANSWER, allow=_ALLOCATE, privileged=True)
def update(ctx: Context, p: UpdateParams) -> object:
    """Change a storage's options."""
    file, version = load(ctx)
    check_digest(file.digest, p.digest)
    old = file.section(p.storage)
    _refuse_without_driver(old.type)
    _refuse_without_effect(given(p))
    section = changed(old, given(p), p.delete)
    ctx.store.write(PATH, format_storage_cfg(file.with_section(section)), if_version=version, actor=ctx.user)
    return {"storage": p.storage, "type": section.type}


@endpoint("DELETE", "/storage/{storage}", params=StorageParams, returns=NULL, allow=_ALLOCATE, privileged=True)
def delete(ctx: Context, p: StorageParams) -> object:
    """Forget a storage; what lies on it stays there."""
    file, version = load(ctx)
    file.get(p.storage)
    users = _users(ctx, p.storage)
    if users:
        raise Conflict(f"storage '{p.storage}' is used by guests {', '.join(users)}; move their disks first")
    if not version:
        raise HostError(f"storage '{p.storage}' is built in; disable it instead")
    ctx.store.write(PATH, format_storage_cfg(file.without(p.storage)), if_version=version, actor=ctx.user)
    return None


def _users(ctx: Context, storage: str) -> list[str]:
    """Ids of guests with a volume on the storage."""
    found: Mapping[int, bool] = {
        where.vmid: True
        for file in ctx.mirror.glob("nodes/")
        if (where := parse_path(file.path)) and f" {storage}:".encode() in file.data
    }
    return [str(vmid) for vmid in sorted(found)]
