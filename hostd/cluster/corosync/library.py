"""What the edges to Corosync's C libraries share: loading, result codes as exceptions, callbacks that cannot fail.

Source: corotypes.h and cpg_overview(3), votequorum_overview(3), cmap_overview(3) of Corosync 3.1.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, Generic, TypeVar

from hostd.core.errors import Unavailable

DISPATCH_ONE_NONBLOCKING = 4

Handle = ctypes.c_uint64


class Code(IntEnum):
    """``cs_error_t``."""

    OK = 1
    LIBRARY = 2
    VERSION = 3
    INIT = 4
    TIMEOUT = 5
    TRY_AGAIN = 6
    INVALID_PARAM = 7
    NO_MEMORY = 8
    BAD_HANDLE = 9
    BUSY = 10
    ACCESS = 11
    NOT_EXIST = 12
    NAME_TOO_LONG = 13
    EXIST = 14
    NO_SPACE = 15
    INTERRUPT = 16
    NAME_NOT_FOUND = 17
    NO_RESOURCES = 18
    NOT_SUPPORTED = 19
    BAD_OPERATION = 20
    FAILED_OPERATION = 21
    MESSAGE_ERROR = 22
    QUEUE_FULL = 23
    QUEUE_NOT_AVAILABLE = 24
    BAD_FLAGS = 25
    TOO_BIG = 26
    NO_SECTIONS = 27
    CONTEXT_NOT_FOUND = 28
    TOO_MANY_GROUPS = 30
    SECURITY = 100


MEANING = {
    Code.LIBRARY: "Corosync does not answer; is corosync.service running?",
    Code.TRY_AGAIN: "busy with a change of membership or with flow control; try again",
    Code.ACCESS: "Corosync refuses this user; only root and users named in uidgid.d may connect",
    Code.SECURITY: "Corosync refuses this user; only root and users named in uidgid.d may connect",
    Code.NOT_EXIST: "there is no such object",
    Code.BAD_HANDLE: "the connection is closed",
    Code.TOO_BIG: "the message is too large",
    Code.NOT_SUPPORTED: "the running Corosync cannot do this",
}


class EngineError(Unavailable):
    """A call into Corosync failed. ``call``: the C function; ``code``: its result (an int where it has no name)."""

    def __init__(self, call: str, result: int) -> None:
        self.call = call
        self.code: int = Code(result) if result in Code else result
        name = self.code.name if isinstance(self.code, Code) else str(result)
        meaning = MEANING.get(self.code) if isinstance(self.code, Code) else None
        super().__init__(f"{call}: CS_ERR_{name}" + (f" ({meaning})" if meaning else ""))


class TryAgain(EngineError):
    """Nothing was done; the same call may succeed later."""


class Gone(EngineError):
    """The connection to Corosync is dead: it ended, was killed, or never ran. Make a new one."""


class Missing(EngineError):
    """The object that was asked for does not exist."""


KINDS: dict[int, type[EngineError]] = {
    Code.TRY_AGAIN: TryAgain,
    Code.LIBRARY: Gone,
    Code.BAD_HANDLE: Gone,
    Code.NOT_EXIST: Missing,
}


def failure(call: str, result: int) -> EngineError:
    """The exception for a result other than OK."""
    return KINDS.get(result, EngineError)(call, result)


class Node(ctypes.Structure):
    """``votequorum_node_t``."""

    _fields_ = [("node_id", ctypes.c_uint32), ("state", ctypes.c_uint32)]


class RingId(ctypes.Structure):
    """``struct cpg_ring_id`` and ``votequorum_ring_id_t``: the same layout in both libraries."""

    _fields_ = [("node_id", ctypes.c_uint32), ("seq", ctypes.c_uint64)]


class Library:
    """A shared library whose functions return ``cs_error_t``."""

    def __init__(self, file: str, package: str) -> None:
        try:
            self._library = ctypes.CDLL(file)
        except OSError as err:
            raise Unavailable(f"cannot load {file}: {err}; install the package {package}") from err

    def function(self, name: str, *types: Any) -> Callable[..., None]:
        """The C function ``name`` with its argument types; raises EngineError where its result is not OK."""
        code = self.raw(name, *types)

        def call(*arguments: object) -> None:
            result = code(*arguments)
            if result != Code.OK:
                raise failure(name, result)

        return call

    def raw(self, name: str, *types: Any) -> Callable[..., int]:
        """The C function itself, which returns the code: for calls where a code other than OK is usual."""
        function = getattr(self._library, name)
        function.argtypes, function.restype = types, ctypes.c_int
        return function  # type: ignore[no-any-return]


E = TypeVar("E")


class Inbox(Generic[E]):
    """Events that callbacks put here while the C library dispatches.

    ``wrap`` callbacks: through C frames an exception would be printed and lost; ``take`` raises the first one.
    """

    def __init__(self, name: str, dispatch: Callable[..., int]) -> None:
        """``dispatch``: the C function ``name``, raw."""
        self._name, self._dispatch = name, dispatch
        self._events: list[E] = []
        self._error: BaseException | None = None

    def put(self, event: E) -> None:
        """An event, in the order in which they are taken."""
        self._events.append(event)

    def wrap(self, callback: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(callback)
        def guarded(*arguments: object) -> None:
            try:
                callback(*arguments)
            except BaseException as error:  # noqa: BLE001 - raised again by take()
                self._error = self._error or error

        return guarded

    def take(self, handle: Handle, limit: int) -> list[E]:
        """At least one and about ``limit`` events if there are any, without waiting; raises ``Gone``."""
        while len(self._events) < limit:
            result = self._dispatch(handle, DISPATCH_ONE_NONBLOCKING)
            error, self._error = self._error, None
            if error is not None:
                raise error
            if result == Code.TRY_AGAIN:
                break
            if result != Code.OK:
                if self._events:
                    break  # what came before the end is still valid; the next call meets the end again
                raise failure(self._name, result)
        events, self._events = self._events, []
        return events


def array(pointer: Any, count: int) -> Sequence[Any]:
    """The ``count`` elements at a pointer, which C may leave NULL for none."""
    return pointer[:count] if count else ()
