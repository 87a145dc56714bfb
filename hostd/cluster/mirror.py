"""A copy of the tree's files in memory, kept by the daemon's change feed. Reading it costs no system call."""

from __future__ import annotations

import bisect
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from socket import SHUT_RDWR
from socket import socket as Connection
from typing import Any, Final

from hostd.cluster import standing, wire
from hostd.cluster.client import RETRY_S, Change, File, Names, connect
from hostd.cluster.fs import paths
from hostd.cluster.standing import Standing
from hostd.core.errors import HostError, Unavailable

log = logging.getLogger(__name__)

Changes = list[Change]
Subscriber = Callable[[Change], None]
LONGEST_RETRY_S: Final = 1.0
CONNECT_S: Final = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """What a node tells under a key. ``seen_s``: when it came here (monotonic)."""

    data: bytes
    seen_s: float


class Mirror:
    """Follows the daemon in a thread of its own and survives its restarts: what was missed is seen on reconnection.

    Holds what the process may see: without private files unless it runs as root. While the daemon is away, the last
    state stays readable. With ``values`` it also holds what the nodes tell each other, and who belongs to the cluster.
    """

    def __init__(self, store_socket: str = wire.SOCKET, *, values: bool = False) -> None:
        self._socket, self._follows_values = store_socket, values
        self._values: dict[str, dict[str, Value]] = {}
        self._standing: Standing | None = None
        self._node = ""
        self._files: dict[str, File] = {}
        self._directories: set[str] = set()
        self._sorted: Names | None = None
        self._version = 0
        self._changed = threading.Condition()
        self._subscribers: list[Subscriber] = []
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._connection: Connection | None = None
        self._thread: threading.Thread | None = None

    # --- life

    def start(self) -> None:
        """Begin to follow the daemon (returns at once; ``wait_ready`` waits for the first snapshot)."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._follow, name="store-mirror", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread; the state stays readable."""
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(SHUT_RDWR)
        if self._thread is not None:
            self._thread.join()

    def wait_ready(self, timeout_s: float = 30) -> None:
        """Wait for the first snapshot. Raises Unavailable after ``timeout_s`` seconds."""
        if not self._ready.wait(timeout_s):
            raise Unavailable(f"no snapshot from the store at {self._socket} within {timeout_s:g} s")

    def wait_for(self, version: int, timeout_s: float = 5) -> None:
        """Wait until a change is visible here; ``version`` as in the File that a write returned. Raises Unavailable."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._version >= version, timeout_s):
                raise Unavailable(f"version {version} of the store was not seen within {timeout_s:g} s")

    # --- reading

    def get(self, path: str) -> File | None:
        """A file, or None where there is none (or a directory)."""
        return self._files.get(paths.resolve(path, self._node))

    def glob(self, prefix: str) -> list[File]:
        """All files whose path starts with ``prefix``, by path. Give directories with their final ``/``."""
        start = paths.resolve(prefix, self._node)
        with self._changed:
            names = self._sorted = sorted(self._files) if self._sorted is None else self._sorted
            first = bisect.bisect_left(names, start)
            last = bisect.bisect_left(names, start + "\U0010ffff", first)
            return [self._files[name] for name in names[first:last]]

    def list(self, path: str = "") -> Names:
        """Names in a directory, sorted; empty where there is none."""
        above = paths.resolve(path, self._node)
        start = f"{above}/" if above else ""
        with self._changed:
            below = [p for group in (self._files, self._directories) for p in group if p.startswith(start)]
        return sorted({p[len(start) :].partition("/")[0] for p in below})

    def shared(self, key: str) -> Mapping[str, Value]:
        """What the nodes that are there tell under ``key``, by node. Needs ``values``."""
        return self._values.get(key, {})

    def members(self) -> Standing | None:
        """Who belongs to the cluster; None on a host that belongs to none. Needs ``values``."""
        return self._standing

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call ``callback`` for each change, in order, from the mirror's thread; returns how to end that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    # --- following

    def _follow(self) -> None:
        pause_s, told = RETRY_S, ""
        while not self._stopping.is_set():
            try:
                self._follow_once()
                pause_s, told = RETRY_S, ""
            except (OSError, HostError) as err:
                if str(err) != told:  # once, however often it is tried
                    log.info("store feed interrupted: %s", err)
                told = str(err)
                pause_s = min(pause_s * 2, LONGEST_RETRY_S)
            self._stopping.wait(pause_s)

    def _follow_once(self) -> None:
        """One connection, until it ends. Raises OSError, HostError when it could not be made or broke."""
        connection, hello = connect(self._socket, CONNECT_S)
        self._connection = connection
        with contextlib.ExitStack() as opened:
            opened.enter_context(connection)
            connection.settimeout(None)
            connection.sendall(wire.encode({"op": "watch", "values": self._follows_values}))
            self._node = hello["node"]
            entries: list[wire.Entry] = []
            feed = opened.enter_context(connection.makefile("rb"))
            while not self._stopping.is_set() and (message := wire.read(feed)) is not None:
                if "snapshot" in message:
                    entries += message["snapshot"]
                    if message["last"]:
                        self._replace(entries, message["version"])
                        entries = []
                elif "values" in message:
                    self._hear(message["values"], all=message["all"])
                elif "members" in message:
                    self._standing = standing.from_wire(message["members"])
                else:
                    self._apply(message["changes"], message["version"])

    def _replace(self, entries: Iterable[wire.Entry], version: int) -> None:
        """Take a snapshot; what differs from the state before is told as changes."""
        files = {entry[0]: _file(entry, entry[1]) for entry in entries if entry[1] is not None}
        with self._changed:
            before, self._files, self._sorted = self._files, files, None
            self._directories = {entry[0] for entry in entries if entry[1] is None}
            self._version = version
            self._changed.notify_all()
        self._ready.set()
        if self._subscribers:  # a program that starts waits for the copy; what differs is for those who follow
            gone = [Change(path=path, file=None) for path in before if path not in files]
            news = [Change(path=path, file=file) for path, file in files.items() if before.get(path) != file]
            self._tell(gone + news)

    def _apply(self, changes: Iterable[wire.Entry | tuple[str]], version: int) -> None:
        """Take changes: an entry, or a path alone for "gone with everything below"."""
        told: Changes = []
        with self._changed:
            for change in changes:
                if len(change) == 1:
                    told += self._drop(change[0])
                elif change[1] is None:
                    self._directories.add(change[0])
                else:
                    file = _file(change, change[1])
                    self._sorted = self._sorted if file.path in self._files else None
                    self._files[file.path] = file
                    told.append(Change(path=file.path, file=file))
            self._version = version
            self._changed.notify_all()
        self._tell(told)

    def _hear(self, told: Iterable[Sequence[Any]], *, all: bool = False) -> None:
        """Take values; readers hold maps of the state before, which stay as they are."""
        values = {} if all else dict(self._values)
        now_s = time.monotonic()
        for node, key, data in told:
            others = {name: value for name, value in values.get(key, {}).items() if name != node}
            values[key] = others if data is None else others | {node: Value(data=data, seen_s=now_s)}
        self._values = values

    def _drop(self, path: str) -> Changes:
        if path in self._files:
            gone = [path]
        else:
            gone = [name for name in self._files if name.startswith(path + "/")]
            self._directories = {d for d in self._directories if d != path and not d.startswith(path + "/")}
        for name in gone:
            del self._files[name]
        self._sorted = None
        return [Change(path=name, file=None) for name in gone]

    def _tell(self, changes: Iterable[Change]) -> None:
        for change in changes:
            for subscriber in list(self._subscribers):
                try:
                    subscriber(change)
                except Exception:  # one subscriber's bug must not stop the copy of all others
                    log.exception("a subscriber failed on %s", change.path)


def _file(entry: wire.Entry, data: bytes) -> File:
    return File(entry[0], data, entry[2], entry[3] // 10**9)
