"""``storage.cfg``: which storages exist, where, and what they may hold.

Types and options that we do not know survive a rewrite; a storage without a driver is listed but cannot be used.
Source: conformance area ``storage`` (storage-cfg-*).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hostd.cluster.store import Mirror
from hostd.core.errors import Invalid, NotFound
from hostd.core.formats import sectionconfig
from hostd.core.formats.sectionconfig import Section
from hostd.core.kinds import check_storage_id
from hostd.storage.drivers import INFO
from hostd.storage.interface import Info, Option, StorageConfig

PATH = "storage.cfg"
# Order in which the reference writes them; the rest follows sorted.
_FIRST = ("disable", "path", "pool", "vgname", "thinpool", "server", "export", "share", "datastore", "content")
_FLAGS = ("disable",)
_NONE = "none"
DEFAULT_LOCAL = Section(
    type="dir",
    id="local",
    values={
        "path": "/var/lib/vz",
        "content": "backup,images,iso,rootdir,snippets,vztmpl",
        "prune-backups": "keep-all=1",
    },
)


@dataclass(frozen=True, kw_only=True)
class StorageFile:
    """The whole file: storages in order, and the digest of the text they came from."""

    storages: Mapping[str, StorageConfig]
    sections: tuple[Section, ...]
    digest: str

    def get(self, id: str) -> StorageConfig:
        found = self.storages.get(id)
        if found is None:
            raise NotFound(f"storage '{id}' does not exist")
        return found

    def with_section(self, section: Section) -> tuple[Section, ...]:
        """The sections with one added or, in its place, replaced."""
        if all(s.id != section.id for s in self.sections):
            return (*self.sections, section)
        return tuple(section if s.id == section.id else s for s in self.sections)

    def without(self, id: str) -> tuple[Section, ...]:
        return tuple(s for s in self.sections if s.id != id)

    def section(self, id: str) -> Section:
        self.get(id)
        return next(s for s in self.sections if s.id == id)


def split_list(text: str) -> list[str]:
    return [word for word in text.replace(";", ",").replace(" ", ",").split(",") if word]


def from_mirror(mirror: Mirror) -> list[StorageConfig]:
    """Every storage of the cluster, in the order of the file."""
    file = mirror.get(PATH)
    return list(parse_storage_cfg(file.data if file else b"").storages.values())


def parse_storage_cfg(data: bytes) -> StorageFile:
    """Read the file's bytes (empty: no file).

    Sections with an impossible id are left out; a storage ``local`` is made up where the file has none.
    """
    sections = [s for s in sectionconfig.parse(data.decode(errors="replace")) if not check_storage_id(s.id)]
    if all(section.id != "local" for section in sections):
        sections.append(DEFAULT_LOCAL)
    return StorageFile(
        storages={s.id: _storage(s, INFO.get(s.type)) for s in sections},
        sections=tuple(sections),
        digest=hashlib.sha1(data).hexdigest(),
    )


def _storage(section: Section, info: Info | None) -> StorageConfig:
    values = section.values
    content = set(split_list(values.get("content", "")))
    if not content or (info and content - info.content - {_NONE}):
        content = set(info.default_content if info else ("images",))
    return StorageConfig(
        id=section.id,
        type=section.type,
        content=tuple(sorted(content - {_NONE})),
        nodes=frozenset(split_list(values["nodes"])) if values.get("nodes") else None,
        disabled=values.get("disable", "0") == "1",
        shared=values.get("shared", "0") == "1" or bool(info and info.shared),
        options=dict(values),
    )


def format_storage_cfg(sections: Iterable[Section]) -> bytes:
    """The file's bytes, in the order of the sections."""
    return sectionconfig.format(sections, first=_FIRST, flags=_FLAGS).encode()


def section_of(id: str, type: str, values: Mapping[str, str], info: Info) -> Section:
    """A section for a new storage: only options that the type has, its default content where none was given.

    Raises Invalid naming every option that is unknown, missing or wrong.
    """
    errors = {
        key: f"unexpected property '{key}' for storage type '{type}'" for key in values if key not in info.options
    }
    for key, option in info.options.items():
        if key not in values:
            if option.required:
                errors[key] = "property is missing and it is not optional"
            continue
        errors |= _check(key, values[key], option)
    given = split_list(values.get("content", ""))
    if wrong := sorted(set(given) - info.content - {_NONE}):
        errors["content"] = f"storage type '{type}' does not support content type '{wrong[0]}'"
    if errors:
        raise Invalid(errors)
    content = ",".join(given) if given else ",".join(sorted(info.default_content))
    return Section(type=type, id=id, values=dict(values) | {"content": content})


def _check(key: str, value: str, option: Option) -> dict[str, str]:
    try:
        option.kind.parse(value)
    except ValueError as err:
        return {key: str(err)}
    return {}


def changed(section: Section, values: Mapping[str, str], delete: Iterable[str], info: Info) -> Section:
    """The section with options set and dropped; Invalid for options that are fixed once the storage exists."""
    drop = set(delete)
    fixed = {k for k, option in info.options.items() if option.fixed}
    moved = [k for k in fixed & values.keys() if values[k] != section.values.get(k)]
    errors = {k: f"can't change value of fixed parameter '{k}'" for k in moved}
    errors |= {k: f"unable to delete required option '{k}'" for k in drop if k in fixed}
    errors |= {k: f"no such option '{k}'" for k in drop if k not in info.options}
    if errors:
        raise Invalid(errors)
    merged = {k: v for k, v in (dict(section.values) | dict(values)).items() if k not in drop}
    checked = section_of(section.id, section.type, {k: v for k, v in merged.items() if k in info.options}, info)
    unknown = {k: v for k, v in merged.items() if k not in info.options}
    return replace(section, values=unknown | dict(checked.values))
