"""Changes of ``storage.cfg`` that tasks make: read, change, write if nobody else did meanwhile, else again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from hostd.cluster.store import Store
from hostd.core.errors import Conflict, NotFound
from hostd.core.formats.lists import split_list
from hostd.core.formats.sectionconfig import Section
from hostd.storage.config import PATH, StorageFile, format_storage_cfg, parse_storage_cfg, section_of

_ATTEMPTS: Final = 5
Edit = Callable[[StorageFile], tuple[Section, ...]]


def edit(store: Store, change: Edit, *, actor: str) -> None:
    """Write what ``change`` makes of the file; on a race it is asked again with the newer file."""
    for attempt in range(_ATTEMPTS):
        try:
            found = store.read(PATH)
            data, version = found.data, found.version
        except NotFound:
            data, version = b"", 0
        try:
            store.write(PATH, format_storage_cfg(change(parse_storage_cfg(data))), if_version=version, actor=actor)
            return
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise


def check_free(store: Store, id: str, type: str, values: Mapping[str, str]) -> None:
    """Conflict where a storage of that id is there and is another place."""
    try:
        file = parse_storage_cfg(store.read(PATH).data)
    except NotFound:
        return
    with_node(file, id, type, values, "")


def with_node(file: StorageFile, id: str, type: str, values: Mapping[str, str], node: str) -> tuple[Section, ...]:
    """The sections with a storage of one node added; one that is there, of the same place, is now on this node too."""
    old = file.storages.get(id) if any(s.id == id for s in file.sections) else None
    if old is None or (id == "local" and not file.digest):
        return file.with_section(section_of(id, type, {**values, "nodes": node} if node else dict(values)))
    if old.type != type or any(old.text(key) != value for key, value in values.items()):
        raise Conflict(f"storage '{id}' exists already and is another place; choose another name")
    section = file.section(id)
    if old.nodes is None or not node:
        return file.sections
    nodes = list(dict.fromkeys([*split_list(section.values.get("nodes", "")), node]))
    return file.with_section(replace(section, values={**section.values, "nodes": ",".join(nodes)}))


def without_node(file: StorageFile, type: str, values: Mapping[str, str], node: str) -> tuple[Section, ...]:
    """The sections without the storages of that place on one node; one that other nodes have stays for them."""
    kept = []
    for section in file.sections:
        storage = file.storages.get(section.id)
        here = storage and storage.type == type and all(storage.text(k) == v for k, v in values.items())
        if not here or storage is None or (storage.nodes is not None and node not in storage.nodes):
            kept.append(section)
        elif storage.nodes is not None and len(storage.nodes) > 1:
            nodes = ",".join(n for n in split_list(section.values["nodes"]) if n != node)
            kept.append(replace(section, values={**section.values, "nodes": nodes}))
    return tuple(kept)
