"""The HA configuration files as people change them: sections added, changed, removed; what that is checked against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hostd.cluster.store import Store
from hostd.core.digest import digest
from hostd.core.errors import Conflict, Invalid, NotFound
from hostd.core.formats import sectionconfig
from hostd.core.formats.lists import split_list
from hostd.core.formats.sectionconfig import Section
from hostd.core.formats.sections import SectionFormat
from hostd.ha import config, rulechecks, rules, stored

FORMS: Mapping[str, SectionFormat] = {
    stored.RESOURCES: config.RESOURCES,
    stored.GROUPS: config.GROUPS,
    stored.RULES: rules.FORM,
}


@dataclass(frozen=True, kw_only=True)
class SectionFile:
    """One of the files. What is not understood in it survives a change. ``version`` 0: there is no such file."""

    path: str
    sections: tuple[Section, ...] = ()
    digest: str = digest(b"")
    version: int = 0

    @property
    def form(self) -> SectionFormat:
        return FORMS[self.path]

    def text(self) -> str:
        return sectionconfig.format(self.sections, required=self.form.required)

    def find(self, id: str) -> Section | None:
        return next((section for section in self.sections if section.id == id), None)

    def get(self, id: str, kind: str) -> Section:
        """Raises NotFound; ``kind`` is what messages call it."""
        found = self.find(id)
        if found is None:
            raise NotFound(f"no such ha {kind} '{id}'")
        return found

    def added(self, id: str, type: str, given: Mapping[str, str], kind: str) -> SectionFile:
        """Raises Conflict where there is one already, Invalid with everything that is wrong."""
        if self.find(id):
            raise Conflict(f"ha {kind} '{id}' already defined")
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


def read(path: str, data: bytes, version: int = 0) -> SectionFile:
    sections = tuple(sectionconfig.parse(data.decode(errors="replace")))
    return SectionFile(path=path, sections=sections, digest=digest(data), version=version)


def load(store: Store, path: str) -> SectionFile:
    """The file as it is now."""
    try:
        file = store.read(path)
    except NotFound:
        return SectionFile(path=path)
    return read(path, file.data, file.version)


def save(store: Store, file: SectionFile, *, actor: str) -> int:
    """Write it; Conflict when somebody else was faster. The version of the tree that has it."""
    if not file.version:
        store.mkdir(stored.FOLDER, parents=True, actor=actor)
    return store.write(file.path, file.text().encode(), if_version=file.version, actor=actor).version


def require_sound(file: SectionFile, id: str, nodes: Sequence[str]) -> None:
    """Invalid where rule ``id`` would be left out because it contradicts others, or cannot be followed."""
    _, dropped = rulechecks.sound(rules.parse(file.text()), nodes)
    reasons = dict.fromkeys(each.code.replace("_", " ") for each in dropped if each.rule == id)
    if reasons:
        raise Invalid({"resources": f"rule '{id}' cannot be followed: {', '.join(reasons)}"})


def require_managed(given: Mapping[str, str], resources: SectionFile) -> None:
    """Invalid where a rule names services that are none."""
    managed = {f"{section.type}:{section.id}" for section in resources.sections}
    unknown = [sid for sid in split_list(given.get("resources", "")) if sid not in managed]
    if unknown:
        raise Invalid({"resources": f"not managed by high availability: {', '.join(unknown)}"})


def without_resource(file: SectionFile, sid: str) -> SectionFile:
    """Rules that do not name a service any more; those without a service left are gone."""
    kept = []
    for section in file.sections:
        named = split_list(section.values.get("resources", ""))
        left = [other for other in named if other != sid]
        if left == named:
            kept.append(section)
        elif left:
            kept.append(replace(section, values={**section.values, "resources": ",".join(left)}))
    return replace(file, sections=tuple(kept))


def forget(store: Store, sid: str, *, actor: str) -> None:
    """Look after a service no more, and take it out of the rules that name it."""
    before = load(store, stored.RULES)
    left = without_resource(before, sid)
    if left.sections != before.sections:
        save(store, left, actor=actor)
    save(store, load(store, stored.RESOURCES).without(sid.partition(":")[2]), actor=actor)


def set_state(store: Store, sid: str, state: str, *, actor: str) -> None:
    """What is wanted of a service. Raises NotFound."""
    file = load(store, stored.RESOURCES)
    save(store, file.changed(sid.partition(":")[2], {"state": state}, (), "resource"), actor=actor)


def queue(store: Store, commands: Sequence[str], *, actor: str) -> None:
    """Queue commands for the manager, behind those that wait. Raises Conflict when others write all the time."""
    for _ in range(_TRIES - 1):
        try:
            _append(store, commands, actor)
        except Conflict:
            continue
        return
    _append(store, commands, actor)


_TRIES = 5


def _append(store: Store, commands: Sequence[str], actor: str) -> None:
    try:
        file = store.read(stored.COMMANDS)
        before, version = file.data, file.version
    except NotFound:
        store.mkdir(stored.FOLDER, parents=True, actor=actor)
        before, version = b"", 0
    lines = "".join(f"{command}\n" for command in commands).encode()
    store.write(stored.COMMANDS, before + lines, if_version=version, actor=actor)
