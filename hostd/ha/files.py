"""The HA configuration files as people change them, and what changes are checked against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hostd.cluster import sectionfile
from hostd.cluster.sectionfile import SectionFile
from hostd.cluster.store import Store
from hostd.core.errors import Conflict, Invalid, NotFound
from hostd.core.formats.lists import split_list
from hostd.core.formats.sections import SectionFormat
from hostd.ha import config, rulechecks, rules, stored

FORMS: Mapping[str, SectionFormat] = {
    stored.RESOURCES: config.RESOURCES,
    stored.GROUPS: config.GROUPS,
    stored.RULES: rules.FORM,
}


def load(store: Store, path: str) -> SectionFile:
    """The file as it is now."""
    return sectionfile.load(store, path, FORMS[path])


def save(store: Store, file: SectionFile, *, actor: str) -> int:
    """Write it; Conflict when somebody else was faster. The version of the tree that has it."""
    return sectionfile.save(store, file, actor=actor)


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
    save(store, file.changed(sid.partition(":")[2], {"state": state}, (), "ha resource"), actor=actor)


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
