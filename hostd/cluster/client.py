"""Client of the store's daemon: one question, one answer, over its unix socket. Blocking, from any thread."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from socket import AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM
from socket import socket as Connection
from typing import Any, Final, NamedTuple, Self

from hostd.cluster import wire
from hostd.cluster.fs.mutations import Cause
from hostd.cluster.health import Health
from hostd.core.errors import Conflict, Denied, HostError, Invalid, NotFound, ParseError, Unavailable

RETRY_S: Final = 0.05
HEALTH_S: Final = 1.0  # nobody waits longer for what is only shown
Names = list[str]


class File(NamedTuple):
    """A file of the tree. ``version`` is what ``if_version`` compares; ``mtime_s`` seconds since 1970.

    A tuple, as every program makes one of each file when it starts: half of the time of a frozen dataclass (measured).
    """

    path: str
    data: bytes
    version: int
    mtime_s: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A file that was written (``file``) or is gone (None)."""

    path: str
    file: File | None


ERRORS: Final[dict[Cause, Callable[[str], HostError]]] = {
    Cause.MISSING: NotFound,
    Cause.EXISTS: Conflict,
    Cause.CHANGED: Conflict,
    Cause.GUEST_EXISTS: Conflict,
    Cause.IS_DIRECTORY: Conflict,
    Cause.NOT_DIRECTORY: Conflict,
    Cause.NOT_EMPTY: Conflict,
    Cause.FULL: Conflict,
    Cause.RESERVED: Denied,
    Cause.DENIED: Denied,
    Cause.INVALID: lambda text: Invalid({"path": text}, text),
    Cause.NAME_TOO_LONG: lambda text: Invalid({"path": text}, text),
    Cause.TOO_BIG: lambda text: Invalid({"data": text}, text),
    Cause.CLOSED: Unavailable,
    Cause.UNKNOWN: Unavailable,
}


def error_of(answer: wire.Message) -> HostError:
    """The exception for an ``error`` answer."""
    error = answer["error"]
    try:
        cause = Cause(error["cause"])
    except ValueError:  # a newer daemon
        return HostError(error["message"])
    return ERRORS[cause](error["message"])


def connect(path: str, timeout_s: float | None) -> tuple[Connection, wire.Message]:
    """A connection to the daemon and its greeting. Raises OSError, ParseError, and Denied for a peer it refuses."""
    connection = Connection(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
    try:
        connection.settimeout(timeout_s)
        connection.connect(path)
        greeting = wire.receive(connection)
        if greeting is None:
            raise ConnectionResetError("the store closed the connection")
        if "error" in greeting:
            raise error_of(greeting)
        hello: wire.Message = greeting["hello"]
        if hello["protocol"] != wire.PROTOCOL:
            raise ParseError(f"the store speaks protocol {hello['protocol']}, this program {wire.PROTOCOL}")
    except BaseException:
        connection.close()
        raise
    return connection, hello


def write_step(path: str, data: bytes, *, if_version: int | None = None) -> wire.Message:
    """A step of a batch: as ``Store.write``."""
    return {"op": "write", "path": path, "data": data, "if_version": if_version}


def rename_step(source: str, target: str, *, if_version: int | None = None) -> wire.Message:
    """A step of a batch: as ``Store.rename``."""
    return {"op": "rename", "source": source, "target": target, "if_version": if_version}


def mkdir_step(path: str) -> wire.Message:
    """A step of a batch: as ``Store.mkdir`` with ``parents``."""
    return {"op": "mkdir", "path": path, "parents": True}


class Store:
    """Reads and changes the tree. Waits up to ``timeout_s`` for a daemon that is restarting.

    Every change raises Denied unless the caller is root, Unavailable when the store takes no writes, and Unavailable
    with "outcome unknown" when the daemon ended between taking the change and answering.
    """

    def __init__(self, socket: str = wire.SOCKET, *, timeout_s: float = 10) -> None:
        self._socket = socket
        self._timeout_s = timeout_s
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: str) -> File:
        """A file. Raises NotFound; Denied for a private one unless root."""
        name, data, version, mtime_ns = self._ask({"op": "read", "path": path})
        return File(path=name, data=data, version=version, mtime_s=mtime_ns // 10**9)

    def list(self, path: str = "") -> Names:
        """Names in a directory, sorted. Raises NotFound."""
        names: Names = self._ask({"op": "list", "path": path})
        return names

    def version(self) -> int:
        """How far the tree is: every change that was answered before has this number or a lower one."""
        number: int = self._ask({"op": "version"})
        return number

    def write(self, path: str, data: bytes, *, if_version: int | None = None, actor: str = "", task: str = "") -> File:
        """Create or replace a file, atomic and durable; its directory must exist.

        ``if_version``: the version that was read, 0 for "must not exist"; raises Conflict when it is another one.
        """
        request = {"op": "write", "path": path, "data": data, "if_version": if_version, "actor": actor, "task": task}
        name, _, version, mtime_ns = self._ask(request)
        return File(path=name, data=data, version=version, mtime_s=mtime_ns // 10**9)

    def delete(self, path: str, *, if_version: int | None = None, actor: str = "", task: str = "") -> None:
        """Remove a file or an empty directory. Raises NotFound, Conflict."""
        self._ask({"op": "delete", "path": path, "if_version": if_version, "actor": actor, "task": task})

    def rename(
        self, source: str, target: str, *, if_version: int | None = None, actor: str = "", task: str = ""
    ) -> None:
        """Move a file or directory; a file at ``target`` is replaced. ``if_version`` compares the source's version."""
        request = {"op": "rename", "source": source, "target": target, "if_version": if_version}
        self._ask({**request, "actor": actor, "task": task})

    def mkdir(self, path: str, *, parents: bool = False, actor: str = "", task: str = "") -> None:
        """Make a directory; with ``parents`` also those above, and an existing one is fine. Raises Conflict."""
        self._ask({"op": "mkdir", "path": path, "parents": parents, "actor": actor, "task": task})

    def batch(self, steps: Sequence[wire.Message], *, actor: str = "", task: str = "") -> int:
        """Several changes that happen together or not at all; returns the version that all of them have then.

        ``steps``: as ``write_step`` and its like make them. The last one must leave an entry (no deletion).
        """
        version: int = self._ask({"op": "batch", "steps": list(steps), "actor": actor, "task": task}) or 0
        return version

    def publish(self, key: str, data: bytes | None) -> None:
        """Tell all nodes this node's value of ``key``; None removes it. In memory only: publish it again from time to
        time, as it is forgotten when the daemon ends. Raises Denied, and Invalid for a value that is too large.
        """
        self._ask({"op": "publish", "key": key, "data": data})

    def health(self) -> Health | None:
        """How the cluster is, as this node feels it; None where nobody can tell (no cluster, no daemon now)."""
        try:
            answer = self._exchange({"op": "health"}, timeout_s=min(self._timeout_s, HEALTH_S))
        except Unavailable:
            return None
        if "error" in answer:
            raise error_of(answer)
        return None if answer["ok"] is None else Health.from_wire(answer["ok"])

    def close(self) -> None:
        """Drop idle connections; later calls open new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _ask(self, request: wire.Message) -> Any:
        answer = self._exchange(request)
        if "error" in answer:
            raise error_of(answer)
        return answer["ok"]

    def _exchange(self, request: wire.Message, *, timeout_s: float | None = None) -> wire.Message:
        """``timeout_s`` None: the store's own."""
        frame = wire.encode(request)
        is_read = request["op"] in ("read", "list", "health", "publish")  # may be repeated
        deadline_s = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        while True:
            connection = self._connection(deadline_s)
            try:
                answer = _talk(connection, frame, is_read=is_read, deadline_s=deadline_s)
            except _Resend as again:
                connection.close()
                if time.monotonic() >= deadline_s:
                    raise Unavailable(f"the store at {self._socket} does not answer: {again}") from again
            except BaseException:
                connection.close()
                raise
            else:
                with self._lock:
                    self._idle.append(connection)
                return answer

    def _connection(self, deadline_s: float) -> Connection:
        while True:
            with self._lock:
                idle = self._idle.pop() if self._idle else None
            if idle is None:
                break
            if not select.select([idle], [], [], 0)[0]:
                return idle
            idle.close()  # readable though nothing was asked: the daemon has ended
        while True:
            try:
                return connect(self._socket, max(deadline_s - time.monotonic(), 0.01))[0]
            except OSError as err:
                if time.monotonic() >= deadline_s:
                    raise Unavailable(f"the store at {self._socket} does not answer: {err}") from err
                time.sleep(RETRY_S)


class _Resend(Exception):
    """The daemon cannot have taken the request."""


def _talk(connection: Connection, frame: bytes, *, is_read: bool, deadline_s: float) -> wire.Message:
    """Send and receive. A request that was not sent whole, or not read whole, has not been acted on.

    The kernel answers ECONNRESET instead of an end of file when the peer of a unix stream closes with data unread
    (unix(7)), so that this can be told from a daemon that ended after it read the request.
    """
    connection.settimeout(max(deadline_s - time.monotonic(), 0.01))
    try:
        connection.sendall(frame)
    except OSError as err:
        raise _Resend(str(err)) from err
    try:
        answer = wire.receive_answer(connection)
    except ConnectionResetError as err:
        raise _Resend(str(err)) from err
    except (OSError, ParseError) as err:
        answer, problem = None, str(err)
    else:
        problem = "the store closed the connection"
    if answer is not None:
        return answer
    if is_read:
        raise _Resend(problem)
    raise Unavailable(f"outcome unknown: {problem} after the change was sent; read the file again")
