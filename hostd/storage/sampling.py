"""How full the storages are, asked in the background: a request never waits for a pool."""

from __future__ import annotations

import logging
import os
import threading
from concurrent.futures import Future, wait
from typing import Final

from hostd.cluster.store import Mirror
from hostd.core.errors import HostError
from hostd.core.run import Run
from hostd.storage.catalog import Catalog
from hostd.storage.interface import Usage

log = logging.getLogger(__name__)


# How long one round waits for storages; what has not answered by then is inactive until it does.
PATIENCE_S: Final = 8.0


class StorageSampler:
    """Asks every storage of this node, each in a thread of its own; one that does not answer keeps nobody waiting.

    A program that waits for a dead server may not even die when it is killed. Its thread is left alone, and the storage
    is asked again only when that thread has come back.
    """

    def __init__(self, mirror: Mirror, run: Run, node: str = "", patience_s: float = PATIENCE_S) -> None:
        self._mirror, self._run, self._patience_s = mirror, run, patience_s
        self._node = node or os.uname().nodename.partition(".")[0]
        self._offline: set[str] = set()
        self._asked: dict[str, Future[Usage]] = {}

    def sample(self) -> dict[str, dict[str, object]]:
        """By storage id: ``total``, ``used``, ``avail`` in bytes and ``active``."""
        catalog = Catalog.from_mirror(self._mirror, node=self._node, run=self._run)
        ids = [storage.id for storage in catalog.here()]
        for id in ids:
            if id not in self._asked:
                self._asked[id] = _in_background(catalog, id)
        wait([self._asked[id] for id in ids], timeout=self._patience_s)
        return {id: self._told(id) for id in ids}

    def _told(self, id: str) -> dict[str, object]:
        future = self._asked[id]
        if not future.done():
            return self._away(id, f"no answer within {self._patience_s:g} s")
        del self._asked[id]
        try:
            usage = future.result()
        except (HostError, OSError) as err:
            return self._away(id, str(err))
        self._offline.discard(id)
        return {
            "total": usage.total_bytes,
            "used": usage.used_bytes,
            "avail": usage.available_bytes,
            "active": 1,
        }

    def _away(self, id: str, why: str) -> dict[str, object]:
        if id not in self._offline:  # said once, not every ten seconds
            log.warning("storage '%s': %s", id, why)
        self._offline.add(id)
        return {"total": 0, "used": 0, "avail": 0, "active": 0}


def _in_background(catalog: Catalog, id: str) -> Future[Usage]:
    """The storage's usage, some time. A daemon thread: one that never ends does not keep the process."""
    future: Future[Usage] = Future()

    def ask() -> None:
        try:
            driver = catalog.driver(id)
            driver.activate()
            future.set_result(driver.usage())
        except BaseException as err:  # noqa: BLE001 - handed to whoever asks for the result
            future.set_exception(err)

    threading.Thread(target=ask, name=f"storage {id}", daemon=True).start()
    return future
