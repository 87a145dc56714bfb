"""How full the storages are, asked in the background: a request never waits for a pool."""

from __future__ import annotations

import logging
import os

from hostd.cluster.store import Mirror
from hostd.core.errors import HostError
from hostd.core.run import Run
from hostd.storage.catalog import Catalog

log = logging.getLogger(__name__)


class StorageSampler:
    """Asks every storage of this node; one that does not answer is shown as inactive and keeps nobody waiting."""

    def __init__(self, mirror: Mirror, run: Run, node: str = "") -> None:
        self._mirror, self._run = mirror, run
        self._node = node or os.uname().nodename.partition(".")[0]
        self._offline: set[str] = set()

    def sample(self) -> dict[str, dict[str, object]]:
        """By storage id: ``total``, ``used``, ``avail`` in bytes and ``active``."""
        catalog = Catalog.from_mirror(self._mirror, node=self._node, run=self._run)
        return {storage.id: self._one(catalog, storage.id) for storage in catalog.here()}

    def _one(self, catalog: Catalog, id: str) -> dict[str, object]:
        try:
            driver = catalog.driver(id)
            driver.activate()
            usage = driver.usage()
        except (HostError, OSError) as err:
            if id not in self._offline:  # said once, not every ten seconds
                log.warning("storage '%s': %s", id, err)
            self._offline.add(id)
            return {"total": 0, "used": 0, "avail": 0, "active": 0}
        self._offline.discard(id)
        return {
            "total": usage.total_bytes,
            "used": usage.used_bytes,
            "avail": usage.available_bytes,
            "active": 1,
        }
