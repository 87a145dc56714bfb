"""Members of the store's group in light nodes, seen from a test: what they tell is kept and can be waited for."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lib.lightnodes import Node

Told = dict[str, Any]
PROGRAM = Path(__file__).with_name("transport_agent.py")
WAIT_S = 40.0


class Agent:
    """A process in ``node``; ``name`` is what the node's ``kill`` and ``log`` know it by."""

    def __init__(self, node: Node, name: str = "agent", group: str = "test") -> None:
        self.node, self.name, self.group = node, name, group
        self.told: list[Told] = []
        self._news = threading.Condition()
        self.process = node.start(
            name, [sys.executable, PROGRAM, group], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._news:
                    self.told.append(json.loads(line))
                    self._news.notify_all()
        with self._news:
            self.told.append({"event": "ended", "at": time.monotonic()})
            self._news.notify_all()

    def command(self, do: str, **values: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **values}).encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, event: str, holds: Callable[[Told], bool] = lambda _: True, *, after: int = 0) -> Told:
        """The first thing told, from index ``after`` on, that is such an event; fails after a while or at the end."""
        deadline = time.monotonic() + WAIT_S
        with self._news:
            seen = after
            while True:
                for told in self.told[seen:]:
                    if told["event"] == event and holds(told):
                        return told
                seen = len(self.told)
                ended = bool(self.told) and self.told[-1]["event"] == "ended"
                left = deadline - time.monotonic()
                said = f"{self.node.name}: no such {event!r}; told: {self.told[-12:]} log: {self.node.log(self.name)}"
                assert not ended, said
                assert left > 0, said
                self._news.wait(left)

    def mark(self) -> int:
        """To be given to ``wait`` as ``after``: only what is told from now on."""
        with self._news:
            return len(self.told)

    def all(self, event: str, *, after: int = 0) -> list[Told]:
        with self._news:
            return [told for told in self.told[after:] if told["event"] == event]

    def end(self) -> None:
        """Close its standard input: it leaves the group in order."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)


def member_nodes(view: Told) -> list[int]:
    """Numbers of the nodes in a view."""
    return [node for node, _ in view["members"]]
