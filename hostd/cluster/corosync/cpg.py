"""Closed process groups of Corosync (libcpg): ordered messages and who is in the group.

Source: cpg_model_initialize(3), cpg_mcast_joined(3), cpg_dispatch(3), cpg.h of Corosync 3.1.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from hostd.cluster.corosync.library import Code, Handle, Inbox, Library, RingId, array, failure
from hostd.cluster.group.transport import Member, Ring

MODEL_V1 = 1
DELIVER_INITIAL_RING = 1
AGREED = 2
NAME_BYTES = 128


class Reason(IntEnum):
    """Why a member joined or left (``cpg_reason_t``)."""

    NONE = 0
    JOIN = 1
    LEAVE = 2
    NODEDOWN = 3
    NODEUP = 4
    PROCDOWN = 5


@dataclass(frozen=True, slots=True)
class Message:
    """A message in the group's order."""

    sender: Member
    data: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """The group's members changed. A change by NODEDOWN or NODEUP is followed by the new ``RingChange``."""

    members: tuple[Member, ...]
    joined: tuple[Member, ...]
    left: tuple[Member, ...]
    by_node: bool


@dataclass(frozen=True, slots=True)
class RingChange:
    """The nodes form a new ring, or this is the ring at the time of joining."""

    ring: Ring
    nodes: tuple[int, ...]


Event = Message | Change | RingChange


class _Name(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint32), ("value", ctypes.c_char * NAME_BYTES)]


class _Address(ctypes.Structure):
    _fields_ = [("node_id", ctypes.c_uint32), ("pid", ctypes.c_uint32), ("reason", ctypes.c_uint32)]


class _Buffer(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("bytes", ctypes.c_size_t)]


_Addresses = ctypes.POINTER(_Address)
_Deliver = ctypes.CFUNCTYPE(
    None, Handle, ctypes.POINTER(_Name), ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t
)
_Confchg = ctypes.CFUNCTYPE(
    None, Handle, ctypes.POINTER(_Name),
    _Addresses, ctypes.c_size_t, _Addresses, ctypes.c_size_t, _Addresses, ctypes.c_size_t,
)  # fmt: skip
_TotemConfchg = ctypes.CFUNCTYPE(None, Handle, RingId, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32))


class _Model(ctypes.Structure):
    _fields_ = [
        ("model", ctypes.c_int),
        ("deliver", _Deliver),
        ("confchg", _Confchg),
        ("totem_confchg", _TotemConfchg),
        ("flags", ctypes.c_uint),
    ]


@dataclass(frozen=True)
class _Functions:
    """The library's functions; a value of an out-parameter is given by reference."""

    initialize: Callable[..., None]
    finalize: Callable[..., int]
    fd_get: Callable[..., None]
    join: Callable[..., None]
    leave: Callable[..., None]
    local_get: Callable[..., None]
    max_message: Callable[..., None]
    mcast: Callable[..., int]
    dispatch: Callable[..., int]


@functools.cache
def _functions() -> _Functions:
    library = Library("libcpg.so.4", "libcpg4")
    name = ctypes.POINTER(_Name)
    return _Functions(
        initialize=library.function(
            "cpg_model_initialize", ctypes.POINTER(Handle), ctypes.c_int, ctypes.POINTER(_Model), ctypes.c_void_p
        ),
        finalize=library.raw("cpg_finalize", Handle),
        fd_get=library.function("cpg_fd_get", Handle, ctypes.POINTER(ctypes.c_int)),
        join=library.function("cpg_join", Handle, name),
        leave=library.function("cpg_leave", Handle, name),
        local_get=library.function("cpg_local_get", Handle, ctypes.POINTER(ctypes.c_uint)),
        max_message=library.function("cpg_max_atomic_msgsize_get", Handle, ctypes.POINTER(ctypes.c_uint32)),
        mcast=library.raw("cpg_mcast_joined", Handle, ctypes.c_int, ctypes.POINTER(_Buffer), ctypes.c_uint),
        dispatch=library.raw("cpg_dispatch", Handle, ctypes.c_int),
    )


class Cpg:
    """One connection. Everything but ``dispatch`` and ``send`` may wait for the local daemon for milliseconds.

    Raises ``Gone`` where Corosync does not run, ``TryAgain`` from ``join`` while it changes its membership.
    """

    def __init__(self) -> None:
        self._call = _functions()
        self._inbox = Inbox[Event]("cpg_dispatch", self._call.dispatch)
        self._handle = Handle()
        self._model = _Model(  # held as long as the connection: C calls into it
            MODEL_V1,
            _Deliver(self._inbox.wrap(self._deliver)),
            _Confchg(self._inbox.wrap(self._confchg)),
            _TotemConfchg(self._inbox.wrap(self._totem_confchg)),
            DELIVER_INITIAL_RING,
        )
        self._call.initialize(self._handle, MODEL_V1, self._model, None)
        try:
            self._call.fd_get(self._handle, fd := ctypes.c_int())
            self._call.local_get(self._handle, node := ctypes.c_uint())
            self._call.max_message(self._handle, size := ctypes.c_uint32())
        except BaseException:
            self.close()
            raise
        self.fd, self.node_id, self.max_message_bytes = fd.value, node.value, size.value

    def close(self) -> None:
        """Leave the group and end the connection; the other members see this process go."""
        self._call.finalize(self._handle)

    def join(self, group: str) -> None:
        """Become a member; the group's next change names this process among the joined."""
        self._call.join(self._handle, _name(group))

    def leave(self, group: str) -> None:
        """End membership in order; the last change shows this process among those that left."""
        self._call.leave(self._handle, _name(group))

    def send(self, data: bytes) -> bool:
        """Send to all members. False: nothing was sent, Corosync is busy (flow control, change of membership)."""
        if len(data) > self.max_message_bytes:
            raise ValueError(f"a message of {len(data)} bytes is not delivered whole; at most {self.max_message_bytes}")
        result = self._call.mcast(self._handle, AGREED, _Buffer(data, len(data)), 1)
        if result == Code.TRY_AGAIN:
            return False
        if result != Code.OK:
            raise failure("cpg_mcast_joined", result)
        return True

    def dispatch(self, limit: int) -> list[Event]:
        """At least one and about ``limit`` events if there are any, without waiting; raises ``Gone``."""
        return self._inbox.take(self._handle, limit)

    def _deliver(self, _handle: int, _group: Any, node_id: int, pid: int, data: int | None, size: int) -> None:
        self._inbox.put(Message(Member(node_id, pid), ctypes.string_at(data, size) if data and size else b""))

    def _confchg(self, _handle: int, _group: Any, *lists: Any) -> None:
        members, left, joined = (array(lists[i], lists[i + 1]) for i in (0, 2, 4))
        by_node = any(a.reason in (Reason.NODEDOWN, Reason.NODEUP) for a in (*left, *joined))
        self._inbox.put(Change(_members(members), _members(joined), _members(left), by_node))

    def _totem_confchg(self, _handle: int, ring: RingId, count: int, nodes: Any) -> None:
        self._inbox.put(RingChange(Ring(ring.node_id, ring.seq), tuple(array(nodes, count))))


def _members(addresses: Any) -> tuple[Member, ...]:
    return tuple(sorted(Member(a.node_id, a.pid) for a in addresses))


def _name(group: str) -> _Name:
    data = group.encode()
    if not 0 < len(data) < NAME_BYTES:
        raise ValueError(f"name of a process group: 1 to {NAME_BYTES - 1} bytes, not {group!r}")
    return _Name(len(data), data)
