"""Volumes of guests of both kinds: where they are found, and removing them."""

from __future__ import annotations

from collections.abc import Iterable

from hostd.core.errors import HostError, NotFound
from hostd.node.host import Host
from hostd.storage.catalog import Catalog
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog


def catalog_of(host: Host) -> Catalog:
    return Catalog.from_store(host.store, node=host.node, run=host.run)


def unreferenced_volumes(host: Host, vmid: int) -> list[str]:
    """Volumes on any storage of this node that bear the guest's id."""
    catalog = catalog_of(host)
    found: list[str] = []
    for storage in catalog.here():
        if {"images", "rootdir"} & set(storage.content):
            found += [str(entry.id) for entry in catalog.volumes(storage.id, {"images", "rootdir"}, {}, vmid)]
    return found


def free_volumes(host: Host, log: TaskLog, names: Iterable[str]) -> None:
    """Remove volumes; one that cannot be removed is a warning, one that is gone is none."""
    catalog = catalog_of(host)
    for name in names:
        try:
            catalog.free(VolumeId.parse(name))
            log.info(f"removed volume '{name}'")
        except NotFound:
            log.info(f"volume '{name}' was already gone")
        except HostError as err:
            log.warn(f"could not remove volume '{name}': {err}")
