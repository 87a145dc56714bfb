"""Fence devices through ClusterLabs' fence agents: they cut a lost node's power, and say so.

An agent reads its options, passwords among them, from standard input; none is ever an argument. A device that
consists of several parts has worked when all of them did. Devices are tried in their order, and all over again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import HostError
from hostd.core.run import Run
from hostd.ha import fencedevices
from hostd.ha.fencedevices import Command, Devices

log = logging.getLogger(__name__)
FOLDER: Final = "/usr/sbin"
TIMEOUT_S: Final = 60.0
# Between a round in which no device worked and the next one.
AGAIN_S: Final = 30.0

Start = Callable[[Callable[[], None]], None]


def in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="fence", daemon=True).start()


@dataclass
class _Work:
    is_off: bool = False
    under_way: bool = False
    ended_s: float | None = None


class FenceAgents:
    """``read``: the devices as they are configured now, none where hardware is not to be used.

    ``tell``: hears of a node and what a device did about it, or did not.
    """

    def __init__(
        self,
        read: Callable[[], Devices],
        run: Run,
        clock_s: Callable[[], float],
        start: Start = in_thread,
        tell: Callable[[str, str], None] = lambda node, text: None,
    ) -> None:
        self._read, self._run, self._clock_s, self._start, self._tell = read, run, clock_s, start, tell
        self._nodes: dict[str, _Work] = {}
        self._lock = threading.Lock()
        self._news = threading.Event()

    def is_off(self, node: str) -> bool:
        with self._lock:
            work = self._nodes.setdefault(node, _Work())
            waits = work.ended_s is not None and self._clock_s() - work.ended_s < AGAIN_S
            begins = not (work.is_off or work.under_way or waits)
            work.under_way = work.under_way or begins
        if begins:
            self._start(lambda: self._fence(node, work))
        with self._lock:
            return work.is_off

    def take_news(self) -> bool:
        """Whether a device has worked since it was last asked: what waits for it need not wait for the next round."""
        if not self._news.is_set():
            return False
        self._news.clear()
        return True

    def forget(self, node: str) -> None:
        """What is under way for it is no news of the node that is there again."""
        with self._lock:
            self._nodes.pop(node, None)

    def _fence(self, node: str, work: _Work) -> None:
        try:
            worked = self._cut(node)
        except Exception:  # a lost node must be tried again
            log.exception("fencing node '%s'", node)
            worked = False
        with self._lock:
            work.is_off, work.under_way, work.ended_s = worked, False, self._clock_s()
        if worked:
            self._news.set()

    def _cut(self, node: str) -> bool:
        """Whether one of the node's devices has confirmed that it is off."""
        devices = self._read()
        for mistake in devices.mistakes:
            log.error("fence.cfg, line %d: %s '%s'; no device is used", mistake.line, mistake.code, mistake.device)
        attempt = 0
        while commands := fencedevices.commands(devices, node, attempt):
            if self._all(node, commands):
                agents = ", ".join(command.agent for command in commands)
                log.warning("node '%s' was switched off by %s", node, agents)
                self._tell(node, f"switched off by {agents}")
                return True
            attempt += 1
        return False

    def _all(self, node: str, commands: Sequence[Command]) -> bool:
        """All parts at once: a machine with two power supplies must not have one all the time."""
        results = [False] * len(commands)

        def one(place: int) -> None:
            results[place] = self._call(node, commands[place])

        threads = [threading.Thread(target=one, args=(place,), daemon=True) for place in range(len(commands))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return all(results)

    def _call(self, node: str, command: Command) -> bool:
        try:
            given = fencedevices.stdin_of(command).encode()
            self._run([f"{FOLDER}/{command.agent}"], timeout_s=TIMEOUT_S, input=given)
        except HostError as err:
            log.error("node '%s': %s did not switch it off: %s", node, command.agent, err)
            self._tell(node, f"{command.agent} did not switch it off")
            return False
        return True
