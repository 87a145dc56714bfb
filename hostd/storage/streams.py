"""Volumes that go to another storage together with all of their states: between which storages that can be. Pure."""

from __future__ import annotations

from hostd.core.run import run
from hostd.storage.drivers import DRIVERS, INFO
from hostd.storage.interface import StorageConfig


def stream_kind(storage: StorageConfig, name: str) -> str:
    """What carries a volume of a storage with all of its states; "" where nothing does. ParseError for no volume."""
    if storage.type not in DRIVERS:
        return ""
    parsed = DRIVERS[storage.type](storage, run).parse(name)  # names are only read: nothing is run
    return INFO[storage.type].streams.get(parsed.format, "")


def why_not(source: StorageConfig, name: str, target: StorageConfig) -> str:
    """Why a volume cannot go from one storage to another with all of its states, and what to do; "" where it can."""
    kind = stream_kind(source, name)
    if not kind:
        where = f"storage '{source.id}' ({source.type})"
        return f"{where} cannot hand over: delete them, or move the disk to shared storage"
    if DRIVERS[source.type](source, run).parse(name).base:
        return "a linked clone cannot take along: delete them"
    if target.type not in INFO or kind not in INFO[target.type].streams.values():
        return f"storage '{target.id}' ({target.type}) cannot take: choose one of type {source.type}, or delete them"
    return ""
