"""A section file of the cluster as people change it by the API: sections added, changed, removed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hostd.cluster.store import Mirror, Store
from hostd.core.digest import digest
from hostd.core.errors import Conflict, Invalid, NotFound
from hostd.core.formats import sectionconfig
from hostd.core.formats.sectionconfig import Section
from hostd.core.formats.sections import SectionFormat


@dataclass(frozen=True, kw_only=True)
class SectionFile:
    """One file. What is not understood in it survives a change. ``version`` 0: there is no such file.

    ``kind``, where a method has it, is what messages call a section.
    """

    path: str
    form: SectionFormat
    sections: tuple[Section, ...] = ()
    digest: str = digest(b"")
    version: int = 0

    def text(self) -> str:
        return sectionconfig.format(self.sections, required=self.form.required)

    def find(self, id: str) -> Section | None:
        return next((section for section in self.sections if section.id == id), None)

    def get(self, id: str, kind: str) -> Section:
        """Raises NotFound."""
        found = self.find(id)
        if found is None:
            raise NotFound(f"no such {kind} '{id}'")
        return found

    def shown(self, id: str, kind: str) -> dict[str, object]:
        """A section's options as answers carry them, with type and digest. Raises NotFound."""
        section = self.get(id, kind)
        values: Mapping[str, object] = {
            key: self.form.shown(section.type, key, text) for key, text in section.values.items()
        }
        return {**values, "type": section.type, "digest": self.digest}

    def added(self, id: str, type: str, given: Mapping[str, str], kind: str) -> SectionFile:
        """Raises Conflict where there is one already, Invalid with everything that is wrong."""
        if self.find(id):
            raise Conflict(f"{kind} '{id}' already defined")
        if wrong := self.form.wrong_for_new(type, given):
            raise Invalid(wrong)
        return replace(self, sections=(*self.sections, Section(type=type, id=id, values=given)))

    def changed(self, id: str, given: Mapping[str, str], drop: Iterable[str], kind: str) -> SectionFile:
        """Raises NotFound, Invalid."""
        section, gone = self.get(id, kind), set(drop)
        if wrong := self.form.wrong_for_change(section, given, gone):
            raise Invalid(wrong)
        values = {key: text for key, text in {**section.values, **given}.items() if key not in gone}
        return self.with_section(replace(section, values=values))

    def with_section(self, section: Section) -> SectionFile:
        """With a section in place of the one of its id."""
        return replace(self, sections=tuple(section if s.id == section.id else s for s in self.sections))

    def without(self, id: str) -> SectionFile:
        return replace(self, sections=tuple(section for section in self.sections if section.id != id))


def read(path: str, form: SectionFormat, data: bytes, version: int = 0) -> SectionFile:
    sections = tuple(sectionconfig.parse(data.decode(errors="replace")))
    return SectionFile(path=path, form=form, sections=sections, digest=digest(data), version=version)


def seen(mirror: Mirror, path: str, form: SectionFormat) -> SectionFile:
    """The file as this node's copy has it."""
    file = mirror.get(path)
    return read(path, form, file.data if file else b"")


def load(store: Store, path: str, form: SectionFormat) -> SectionFile:
    """The file as it is now."""
    try:
        file = store.read(path)
    except NotFound:
        return SectionFile(path=path, form=form)
    return read(path, form, file.data, file.version)


def save(store: Store, file: SectionFile, *, actor: str) -> int:
    """Write it; Conflict when somebody else was faster. The version of the tree that has it."""
    if not file.version:
        store.mkdir(os.path.dirname(file.path), parents=True, actor=actor)
    return store.write(file.path, file.text().encode(), if_version=file.version, actor=actor).version
