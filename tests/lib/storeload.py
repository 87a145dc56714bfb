"""Clients that write to a store while it is tormented, and what must hold of it afterwards."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Mapping

from hostd.cluster.store import Store
from hostd.core.errors import HostError, Unavailable
from tests.lib.storenodes import StoreNode, together

TURNS = itertools.count(1)  # no two loads of a cluster share files


class Writer:
    """Writes one file after the other, and a counter, on one node; knows which were acknowledged."""

    def __init__(self, node: StoreNode, name: str, count: int = 1_000_000) -> None:
        self.node, self.name, self._count = node, name, count
        self.acknowledged: dict[str, bytes] = {}
        self.unknown: set[str] = set()
        self.refused = 0
        self.longest_s = 0.0
        self.longest_gap_s = 0.0  # from one acknowledgement to the next
        self._last = time.monotonic()
        self._asked = self._told = 0  # of the counter
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._last = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self.join()

    def join(self) -> None:
        self._thread.join(120)
        assert not self._thread.is_alive(), f"{self.name} waits for an answer"

    def _run(self) -> None:
        for number in range(self._count):
            if self._stop.is_set():
                return
            self._asked = number + 1
            data = f"{self.name} {number} ".encode() * (1 + number % 50)
            with contextlib.suppress(Unavailable), self.node.client() as store:
                self._write(store, f"load/{self.name}-{number}", data)
                self._write(store, f"load/{self.name}", b"%d" % self._asked)
                self._told = self._asked

    def _write(self, store: Store, path: str, data: bytes) -> None:
        start = time.monotonic()
        try:
            store.write(path, data)
        except Unavailable as err:
            if "unknown" in str(err):
                self.unknown.add(path)
            else:
                self.refused += 1
                time.sleep(0.05)
            raise
        self.acknowledged[path] = data
        now = time.monotonic()
        self.longest_s = max(self.longest_s, now - start)
        self.longest_gap_s, self._last = max(self.longest_gap_s, now - self._last), now

    def check(self, node: StoreNode) -> None:
        """Whether ``node`` has all that was acknowledged."""
        with node.client() as store:
            for path, data in self.acknowledged.items():
                if path != f"load/{self.name}":
                    assert _read(store, path) == data, f"acknowledged {path} is not on {node.node.name}"
            counter = int(_read(store, f"load/{self.name}") or b"0")
        assert self._told <= counter <= self._asked, f"{self.name}: {self._told} was acknowledged, {counter} is there"


def _read(store: Store, path: str) -> bytes | None:
    try:
        return store.read(path).data
    except HostError:
        return None


@contextlib.contextmanager
def load(nodes: Iterable[StoreNode], per_node: int = 2) -> Iterator[list[Writer]]:
    """Writers on each node until the end of the block."""
    nodes = list(nodes)
    with nodes[0].client() as store:
        store.mkdir("load", parents=True)
    turn = next(TURNS)
    writers = [Writer(node, f"{turn}-{node.node.name}-{n}") for node in nodes for n in range(per_node)]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.stop()


def check(writers: Iterable[Writer], nodes: Mapping[int, StoreNode]) -> None:
    """Everybody has the same, and all that was acknowledged."""
    together(nodes.values())
    for writer in writers:
        for node in nodes.values():
            writer.check(node)


def write_at_once(nodes: Mapping[int, StoreNode], *, count: int, per_node: int = 4) -> None:
    """Writers on all nodes, each writes ``count`` files and its counter as often; none may be refused or lost."""
    with next(iter(nodes.values())).client() as store:
        store.mkdir("load", parents=True)
    turn = next(TURNS)
    writers = [
        Writer(node, f"all{turn}-{number}-{n}", count) for number, node in nodes.items() for n in range(per_node)
    ]
    start = time.monotonic()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    took_s = time.monotonic() - start
    writes, longest_s = 2 * count * len(writers), max(writer.longest_s for writer in writers)
    print(
        f"{writes} writes on {len(nodes)} nodes in {took_s:.1f} s, {writes / took_s:.0f}/s, longest {longest_s:.2f} s"
    )
    acknowledged = sum(len(writer.acknowledged) for writer in writers)
    refused = [(w.name, w.refused, w.unknown) for w in writers if w.refused or w.unknown]
    assert acknowledged == (count + 1) * len(writers), refused
    check(writers, nodes)
