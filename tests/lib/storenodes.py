"""The store's daemon on light nodes, kept up as systemd would, with clients of its mount and its socket."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from hostd.cluster.store import Store
from hostd.core.errors import HostError
from tests.lib import lightnodes
from tests.lib.lightnodes import Lab, Node
from tests.lib.waiting import eventually

WAIT_S = 40.0
# Restart=always with the unit's pause, and its exit code that ends this: a damaged database.
KEEP_UP = """while :; do
  {python} -m hostd.daemons.clusterd & echo $! > /run/store.pid
  code=0; wait $! || code=$?
  echo "ended with $code" >&2
  [ $code != 20 ] || exit 20
  sleep 0.5
done"""


def wait_for(what: str, holds: Callable[[], bool], *, wait_s: float = WAIT_S) -> None:
    """Until ``holds`` is true; errors of files and of the store count as false."""
    eventually(holds, wait_s, what, errors=(Exception,))


class StoreNode:
    """A light node with the daemon. ``pve``: its mount, seen from outside."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._start()

    def _start(self) -> None:
        self.node.start("store", ["sh", "-uc", KEEP_UP.format(python=sys.executable)])

    @property
    def pve(self) -> Path:
        return Path(f"/proc/{self.node.pid}/root/etc/pve")

    def client(self, timeout_s: float = 10) -> Store:
        return Store(f"/proc/{self.node.pid}/root/run/hostd/store.sock", timeout_s=timeout_s)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Kill the daemon; it is started again."""
        self.node.run("sh", "-c", f"kill -{int(number)} $(cat /run/store.pid)", check=False)

    def power_on(self) -> None:
        """After the node's ``power_off``: the machine comes up again, with Corosync and the daemon."""
        self.node = self.node.lab.add(self.node.number)
        self.node.start_corosync_again()
        self._start()

    def standing(self) -> dict[str, Any]:
        """``.members``, decoded."""
        told: dict[str, Any] = json.loads(self.members())
        return told

    def is_quorate(self) -> bool:
        return bool(self.standing()["cluster"]["quorate"])

    def members(self) -> str:
        return (self.pve / ".members").read_text()

    def is_open(self) -> bool:
        """Whether it takes writes, by making one."""
        with self.client() as store:
            store.write(f"probe-{self.node.name}", os.urandom(8).hex().encode())
        return True

    def tree(self) -> dict[str, tuple[int, bytes]]:
        """Version and digest of every file, private ones included."""
        with self.client() as store:
            return dict(_walk(store, ""))


def _walk(store: Store, path: str) -> Iterator[tuple[str, tuple[int, bytes]]]:
    for name in store.list(path):
        below = f"{path}/{name}" if path else name
        try:
            file = store.read(below)
        except HostError:  # a directory
            yield below, (0, b"")
            yield from _walk(store, below)
        else:
            yield below, (file.version, hashlib.sha256(file.data).digest())


def together(nodes: Iterable[StoreNode]) -> None:
    """Wait until all take writes and have the same tree."""
    nodes = list(nodes)
    for node in nodes:
        wait_for(f"{node.node.name} takes writes", node.is_open)
    wait_for("equal trees", lambda: len({tuple(sorted(node.tree().items())) for node in nodes}) == 1)


@contextlib.contextmanager
def stores(count: int, *, realtime: bool = False) -> Iterator[tuple[Lab, dict[int, StoreNode]]]:
    """A cluster whose nodes all keep the store; ``realtime`` as `lightnodes.lab` has it."""
    with lightnodes.lab(count, realtime=realtime) as lab:
        yield lab, {number: StoreNode(node) for number, node in lab.nodes.items()}
