"""Looks after the cluster's health while the daemon is in it: reads, asks the others' clocks, warns in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import trio

from hostd.cluster.corosync.library import EngineError
from hostd.cluster.corosync.statistics import Statistics
from hostd.cluster.fs import patience
from hostd.cluster.group import sidechannel
from hostd.cluster.health import Health, Watcher
from hostd.core.errors import HostError

log = logging.getLogger(__name__)

LOOK_S: Final = 5.0  # a ping goes every 0.8 s, and a warning may take a minute: more often would tell nothing more
CLOCKS_S: Final = 60.0
FIRST_CLOCKS_S: Final = 5.0  # after the start, when the others' side channels listen

Others = Callable[[], Mapping[int, Sequence[str]]]


class Checkup:
    """``health`` is the last one; None before the first and without Corosync."""

    def __init__(self, authkey: Path, others: Others) -> None:
        """``others``: addresses of the other nodes that are here, by number."""
        self.health: Health | None = None
        self._authkey, self._others = authkey, others
        self._clocks: dict[int, tuple[float, float]] = {}

    async def run(self, own: int) -> None:
        """Until cancelled; ``own`` is this node's number."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._look, own)
                nursery.start_soon(self._ask_clocks)
        finally:
            self.health = None

    async def _look(self, own: int) -> None:
        watcher, statistics = Watcher(), None
        try:
            statistics = await patience.ask(Statistics, own)
            while True:
                reading = await patience.ask(statistics.look)
                self.health, notices = watcher.step(reading, self._clocks, trio.current_time())
                for notice in notices:
                    log.log(logging.WARNING if notice.warning else logging.INFO, "%s", notice.text)
                await trio.sleep(LOOK_S)
        except EngineError as err:
            # No reason to end: that Corosync has gone is for the transport to find out.
            log.info("no more news of the cluster's health: %s", err)
            self.health = None
        finally:
            if statistics is not None:
                await patience.close(statistics.close)

    async def _ask_clocks(self) -> None:
        await trio.sleep(FIRST_CLOCKS_S)
        while True:
            found = {}
            for number, addresses in self._others().items():
                try:
                    found[number] = await sidechannel.ask_clock(addresses, self._authkey)
                except (OSError, HostError) as err:
                    log.info("the clock of node %d is not known: %s", number, err)
            self._clocks = found
            await trio.sleep(CLOCKS_S)
