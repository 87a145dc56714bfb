"""``storage.cfg``: which storages exist, where, and what they may hold.

Types and options that we do not know survive a rewrite; a storage without a driver is listed but cannot be used.
Source: conformance area ``storage`` (storage-cfg-*).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from hostd.cluster.store import Mirror
from hostd.core.digest import digest
from hostd.core.errors import Invalid, NotFound
from hostd.core.formats import sectionconfig
from hostd.core.formats.lists import split_list
from hostd.core.formats.sectionconfig import Section
from hostd.core.formats.sections import SectionFormat
from hostd.core.kinds import check_storage_id
from hostd.storage.drivers import INFO
from hostd.storage.drivers.options import MOUNT_ROOT
from hostd.storage.foreign import FOREIGN
from hostd.storage.interface import Info, StorageConfig

PATH = "storage.cfg"
# What storages of each type may say.
TYPES: Final[Mapping[str, Info]] = {**FOREIGN, **INFO}
FORM: Final = SectionFormat.of_options({type: info.options for type, info in TYPES.items()})
_NONE = "none"
_MOUNTED: Final = ("nfs", "cifs", "cephfs")
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

    def known(self) -> dict[str, StorageConfig]:
        """Storages of the types that are declared."""
        return {id: storage for id, storage in self.storages.items() if storage.type in TYPES}


def file_in(mirror: Mirror) -> StorageFile:
    """The file as this node's copy has it."""
    file = mirror.get(PATH)
    return parse_storage_cfg(file.data if file else b"")


def from_mirror(mirror: Mirror) -> list[StorageConfig]:
    """Every storage of the cluster, in the order of the file."""
    return list(file_in(mirror).storages.values())


def parse_storage_cfg(data: bytes) -> StorageFile:
    """Read the file's bytes (empty: no file).

    Sections with an impossible id and those that lack a required option are no storages; options that are unknown or
    wrong are left out of a storage's (the text keeps all of them). A storage ``local`` is made up where there is none.
    """
    sections = [s for s in sectionconfig.parse(data.decode(errors="replace")) if not check_storage_id(s.id)]
    made_up = all(section.id != "local" for section in sections)
    if made_up:
        sections.append(DEFAULT_LOCAL)
    storages = {s.id: storage for s in sections if (storage := _storage(s)) is not None}
    if made_up:
        storages["local"] = replace(storages["local"], options={**storages["local"].options, "priority": "0"})
    return StorageFile(storages=storages, sections=tuple(sections), digest=digest(data))


def _storage(section: Section) -> StorageConfig | None:
    """What a section says, or None where it lacks a required option."""
    values, info = _good(section), TYPES.get(section.type)
    if set(FORM.required(section.type)) - values.keys():
        return None
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
        options=values,
    )


def _good(section: Section) -> dict[str, str]:
    """The options that the section's type has, as far as their texts are right; all of them for an unknown type."""
    if section.type not in TYPES:
        return dict(section.values)
    found, _ = FORM.read(section.type, section.values.items())
    return {key: texts[0] for key, texts in found.items()}


def format_storage_cfg(sections: Iterable[Section], *, declared_only: bool = False) -> bytes:
    """The file's bytes, in the order of the sections.

    ``declared_only`` leaves out everything that no type declares, as the reference writes the file; we keep it
    otherwise, because a newer node may have written it.
    """
    if declared_only:
        sections = [_declared(s) for s in sections if s.type in TYPES and _storage(s) is not None]
    return sectionconfig.format(sections, required=FORM.required).encode()


def _declared(section: Section) -> Section:
    values = _good(section)
    storage = _storage(section)
    content = ",".join(storage.content) if storage else ""
    return replace(section, values=values | {"content": content or _NONE}, repeated=())


def section_of(id: str, type: str, values: Mapping[str, str]) -> Section:
    """A section for a new storage: only options that the type has, its default content where none was given.

    Raises Invalid naming every option that is unknown, missing or wrong.
    """
    if type in _MOUNTED:
        values = {"path": f"{MOUNT_ROOT}/{id}", **values}
    errors = FORM.wrong_for_new(type, values) | _wrong_content(type, values)
    if errors:
        raise Invalid(errors)
    return Section(type=type, id=id, values=_with_content(type, values))


def changed(section: Section, values: Mapping[str, str], delete: Iterable[str]) -> Section:
    """The section with options set and dropped; Invalid for options that are fixed once the storage exists."""
    drop = set(delete)
    errors = FORM.wrong_for_change(section, values, drop) | _wrong_content(section.type, values)
    if errors:
        raise Invalid(errors)
    merged = {k: v for k, v in (dict(section.values) | dict(values)).items() if k not in drop}
    return replace(section, values=_with_content(section.type, merged))


def _wrong_content(type: str, values: Mapping[str, str]) -> dict[str, str]:
    wrong = sorted(set(split_list(values.get("content", ""))) - TYPES[type].content - {_NONE})
    return {"content": f"storage type '{type}' does not support content type '{wrong[0]}'"} if wrong else {}


def _with_content(type: str, values: Mapping[str, str]) -> dict[str, str]:
    given = split_list(values.get("content", ""))
    return dict(values) | {"content": ",".join(given or sorted(TYPES[type].default_content))}
