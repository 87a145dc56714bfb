"""The values of all nodes (``group/values.py``) in the daemon: published on the socket, carried by a group of CPG.

On a single node nothing is carried and the rest is the same. That Corosync goes is no reason to end, as it is for the
store: the others' values are dropped until it is back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

import trio

from hostd.cluster.corosync.library import EngineError
from hostd.cluster.fs import patience
from hostd.cluster.fs.special import Heard
from hostd.cluster.group.transport import Lost, Transport
from hostd.cluster.group.values import Told, Values
from hostd.core.errors import ParseError

log = logging.getLogger(__name__)

GROUP: Final = "hostd-values"
RETRY_S: Final = 1.0
LOOK_S: Final = 1.0
# What is sent at once, and the pause after it: at most 5 MiB/s, so that a flood leaves the ring to changes of the tree.
BURST_BYTES: Final = 256 << 10
PAUSE_S: Final = 0.05

Listener = Callable[[list[Told]], None]


class Carrier(Transport, Protocol):
    """A transport that ends."""

    def close(self) -> None: ...


class Channel:
    """``listen`` and ``publish`` in the loop's thread; ``run`` in a cluster only."""

    def __init__(self, node: str) -> None:
        self._values = Values(node)
        self._listeners: list[Listener] = []
        self._something = trio.Event()
        self._times: dict[tuple[str, str], float] = {}

    def listen(self, listener: Listener) -> None:
        """``listener`` is told of each change, own ones included."""
        self._listeners.append(listener)

    def all(self) -> list[Told]:
        return self._values.all()

    def heard(self, key: str) -> dict[str, Heard]:
        """All nodes' values of a key, with the time at which each was told last."""
        return {
            told.node: Heard(told.data, self._times.get((told.node, key), 0.0))
            for told in self._values.all()
            if told.key == key and told.data is not None
        }

    def publish(self, key: str, data: bytes | None) -> None:
        """Set or (None) remove a value of this node; it lasts until this daemon ends. Raises values.Refused."""
        self._tell(self._values.publish(key, data))
        self._something.set()

    async def run(self, connect: Callable[[], Carrier]) -> None:
        """Carry values until cancelled. ``connect`` joins the group and raises EngineError while that cannot be."""
        told = ""
        while True:
            try:
                carrier = await trio.to_thread.run_sync(connect, abandon_on_cancel=True)
            except EngineError as err:
                if str(err) != told:
                    told = str(err)
                    log.info("values of other nodes are not known yet: %s", err)
            else:
                try:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._send, carrier)
                        reason = await self._hear(carrier)
                        nursery.cancel_scope.cancel()
                    log.info("values of other nodes are dropped: %s", reason)
                finally:
                    await patience.close(carrier.close)
            await trio.sleep(RETRY_S)

    async def _hear(self, carrier: Carrier) -> str:
        """Until the engine is lost; returns why."""
        while True:
            # With a limit, since a send may be what finds out that the engine has gone.
            with trio.move_on_after(LOOK_S):
                await trio.lowlevel.wait_readable(carrier.fileno())
            for event in carrier.poll():
                try:
                    self._tell(self._values.take(event, carrier.own))
                except ParseError as err:
                    log.warning("%s", err)
                if isinstance(event, Lost):
                    return event.reason
            self._something.set()

    async def _send(self, carrier: Carrier) -> None:
        while True:
            await self._something.wait()
            self._something = trio.Event()
            size = 0
            while size < BURST_BYTES and (message := self._values.next_message()) is not None:
                if not carrier.send(message):
                    break
                self._values.sent()
                size += len(message)
            if self._values.next_message() is not None:
                self._something.set()
            await trio.sleep(PAUSE_S)

    def _tell(self, told: list[Told]) -> None:
        for news in told:
            if news.data is None:
                self._times.pop((news.node, news.key), None)
            else:
                self._times[news.node, news.key] = time.time()
        if told:
            for listener in self._listeners:
                listener(told)
