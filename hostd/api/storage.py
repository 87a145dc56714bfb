"""``/storage``: which storages the cluster has."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, Check, array, endpoint, fields
from hostd.core.errors import Changed, Conflict, HostError, NotFound, Unsupported
from hostd.core.kinds import CONFIG_ID_LIST, DIGEST, STORAGE_ID
from hostd.core.schema import Kind, param, rows
from hostd.guests.config import parse_path
from hostd.guests.options import to_text
from hostd.storage.config import (
    PATH,
    StorageFile,
    changed,
    format_storage_cfg,
    parse_storage_cfg,
    section_of,
)
from hostd.storage.drivers import INFO
from hostd.storage.interface import Info, Option, StorageConfig

_PREFIX = "option_"
_TYPES = (
    "btrfs", "cephfs", "cifs", "dir", "esxi", "iscsi", "iscsidirect", "lvm", "lvmthin", "nfs", "pbs", "rbd", "zfs",
    "zfspool",
)  # fmt: skip
_ALLOCATE = Check("/storage", "Datastore.Allocate")
_ANSWER = {"type": "object", "properties": fields(storage="string", type="string", config="object?")}


def _all_options() -> dict[str, Option]:
    """The options of every driver, by name; where drivers share one it means the same."""
    return {key: option for info in INFO.values() for key, option in info.options.items()}


def _with_storage_options(*, fixed: bool) -> Any:
    """Add every storage option to a class of parameters; ``fixed``: also those that are set once."""

    def extend(cls: type) -> type:
        added: list[Any] = []
        for name, option in sorted(_all_options().items()):
            if option.fixed and not fixed:
                continue
            attribute = _PREFIX + name.replace("-", "_")
            added.append((attribute, Any, param(option.kind, doc=option.doc, default=None, name=name)))
        made = dataclasses.make_dataclass(cls.__name__, added, bases=(cls,), frozen=True, kw_only=True)
        made.__doc__, made.__module__ = cls.__doc__, cls.__module__
        return made

    return extend


def _given(p: object) -> dict[str, str]:
    found = {}
    for row in rows(type(p)):
        if row.attribute.startswith(_PREFIX) and (value := getattr(p, row.attribute)) is not None:
            found[row.wire] = ",".join(value) if isinstance(value, list) else to_text(value)
    return found


@dataclass(frozen=True, kw_only=True)
class ListParams:
    """Which storages to list."""

    type: str = param(Kind(enum=_TYPES), default="", doc="Only storages of this type.")


@dataclass(frozen=True, kw_only=True)
class StorageParams:
    """One storage."""

    storage: str = param(STORAGE_ID, doc="Storage id.")


@_with_storage_options(fixed=True)
@dataclass(frozen=True, kw_only=True)
class CreateParams:
    """A new storage."""

    storage: str = param(STORAGE_ID, doc="Storage id.")
    type: str = param(Kind(enum=_TYPES), doc="Storage type.")


@_with_storage_options(fixed=False)
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
    numbers = ("disable", "shared", "sparse", "saferemove", "mkdir", "create-base-path", "create-subdirs")
    values: dict[str, object] = {k: int(v) if k in numbers and v.isdecimal() else v for k, v in storage.options.items()}
    values["content"] = ",".join(storage.content) or "none"
    return values | {"storage": storage.id, "type": storage.type, "digest": digest}


def _file(ctx: Context) -> StorageFile:
    file = ctx.mirror.get(PATH)
    return parse_storage_cfg(file.data if file else b"")


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


def _driver_info(type: str) -> Info:
    if type not in INFO:
        raise Unsupported(f"storage type '{type}' is not supported yet")
    return INFO[type]


@endpoint("POST", "/storage", params=CreateParams, returns=_ANSWER, allow=_ALLOCATE, privileged=True)
def create(ctx: Context, p: CreateParams) -> object:
    """Add a storage to the cluster."""
    info = _driver_info(p.type)
    file, version = load(ctx)
    written = {section.id for section in file.sections} if version else set()
    if p.storage in written:
        raise Conflict(f"storage ID '{p.storage}' already defined")
    section = section_of(p.storage, p.type, _given(p), info)
    ctx.store.write(PATH, format_storage_cfg(file.with_section(section)), if_version=version, actor=ctx.user)
    return {"storage": p.storage, "type": p.type}


@endpoint("PUT", "/storage/{storage}", params=UpdateParams, returns=_ANSWER, allow=_ALLOCATE, privileged=True)
def update(ctx: Context, p: UpdateParams) -> object:
    """Change a storage's options."""
    file, version = load(ctx)
    if p.digest and p.digest != file.digest:
        raise Changed("detected modified configuration - file changed by other user? Try again.")
    old = file.section(p.storage)
    section = changed(old, _given(p), list(p.delete), _driver_info(old.type))
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
