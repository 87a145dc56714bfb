"""States of a guest's volumes: what stands in the way of taking one, and of going back to one."""

from __future__ import annotations

from collections.abc import Mapping

from hostd.core.errors import Conflict
from hostd.storage.catalog import Catalog
from hostd.storage.interface import Feature
from hostd.storage.volume import VolumeId


def require_states(catalog: Catalog, volumes: Mapping[str, str]) -> None:
    """Conflict, naming key and volume, where a storage keeps no states. ``volumes``: key → volume id."""
    for key, volume in volumes.items():
        if not catalog.can(VolumeId.parse(volume), Feature.SNAPSHOT):
            raise Conflict(f"snapshot feature is not available: {key}, volume '{volume}', cannot keep states")


def require_rollback(catalog: Catalog, volume: str, name: str) -> None:
    """Conflict where the volume has no such state, or newer ones are in the way."""
    parsed = VolumeId.parse(volume)
    driver = catalog.snapshots(parsed)
    if name not in driver.snapshots(parsed.name):
        raise Conflict(f"volume '{volume}' has no state '{name}'; it cannot be rolled back")
    if newer := driver.blocking(parsed.name, name):
        raise Conflict(f"volume '{volume}': newer snapshots are in the way, delete them first: {', '.join(newer)}")
