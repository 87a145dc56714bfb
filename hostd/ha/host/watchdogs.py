"""What resets a node whose daemon stops feeding it, as the environments use it."""

from __future__ import annotations

import logging
from typing import Protocol

log = logging.getLogger(__name__)


class Watchdog(Protocol):
    """One daemon's handle. ``device`` is what status tells: how the node is reset, "" where nothing does."""

    @property
    def device(self) -> str: ...

    def open(self) -> None:
        """From now on the node is reset when ``feed`` is not called for WATCHDOG_S."""

    def feed(self) -> None: ...

    def close(self) -> None:
        """In order: nothing resets the node on behalf of this daemon any more."""

    def leave(self, patience_s: int) -> None:
        """To the process that follows: the node is reset when that has not taken it over within ``patience_s``."""

    def take_over(self) -> bool:
        """Whether the process before this one has left it; it is fed from now on by this one."""


class Both:
    """A device, and what is done beside it; status tells of the device."""

    def __init__(self, device: Watchdog, other: Watchdog) -> None:
        self._device, self._other = device, other

    @property
    def device(self) -> str:
        return self._device.device

    def open(self) -> None:
        self._other.open()
        self._device.open()

    def feed(self) -> None:
        self._other.feed()
        self._device.feed()

    def close(self) -> None:
        self._device.close()
        self._other.close()

    def leave(self, patience_s: int) -> None:
        """What needs this process to act takes its leave."""
        self._device.leave(patience_s)
        self._other.close()

    def take_over(self) -> bool:
        return self._device.take_over()


class NoWatchdog:
    """A node without a watchdog device: said once each time that one would have been armed."""

    device = ""

    def open(self) -> None:
        log.warning("there is no watchdog: this node is not reset when it is cut off from the cluster")

    def feed(self) -> None:
        pass

    def close(self) -> None:
        pass

    def leave(self, patience_s: int) -> None:
        pass

    def take_over(self) -> bool:
        return False
