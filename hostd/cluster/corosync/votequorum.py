"""Votes and quorum of Corosync (libvotequorum).

Source: votequorum_overview(3), votequorum.h of Corosync 3.1.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any

from hostd.cluster.corosync.library import Handle, Inbox, Library, Node, RingId, array
from hostd.cluster.group.transport import Ring

TRACK_CURRENT = 1
TRACK_CHANGES = 2
QDEVICE = 0
"""Number under which ``votes`` tells of the quorum device."""


class State(IntEnum):
    """Of a node, as votequorum knows it."""

    MEMBER = 1
    DEAD = 2
    LEAVING = 3


class Flag(IntFlag):
    """Of ``Votes.flags``."""

    TWO_NODE = 1
    QUORATE = 2
    WAIT_FOR_ALL = 4
    LAST_MAN_STANDING = 8
    AUTO_TIE_BREAKER = 16
    ALLOW_DOWNSCALE = 32
    QDEVICE_REGISTERED = 64
    QDEVICE_ALIVE = 128
    QDEVICE_CAST_VOTE = 256
    QDEVICE_MASTER_WINS = 512


@dataclass(frozen=True, slots=True)
class Nodes:
    """A new ring; whether it is quorate is told by the next ``Verdict``."""

    ring: Ring
    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether there is quorum; ``states`` of all nodes that were ever seen, by number."""

    quorate: bool
    states: dict[int, State]


@dataclass(frozen=True, slots=True)
class Expected:
    """The number of expected votes changed."""

    votes: int


Event = Nodes | Verdict | Expected


@dataclass(frozen=True, kw_only=True, slots=True)
class Votes:
    """What votequorum knows of one node, and of the cluster as that node sees it."""

    node_id: int
    state: State
    votes: int
    expected: int
    highest_expected: int
    total: int
    quorum: int
    flags: Flag
    qdevice_votes: int
    qdevice: str


class _Info(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint) for name in (
            "node_id", "state", "votes", "expected", "highest_expected", "total", "quorum", "flags", "qdevice_votes",
        )),
        ("qdevice", ctypes.c_char * 255),
    ]  # fmt: skip


_Quorum = ctypes.CFUNCTYPE(
    None, Handle, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint32, ctypes.POINTER(Node)
)  # fmt: skip
_Expected = ctypes.CFUNCTYPE(None, Handle, ctypes.c_uint64, ctypes.c_uint32)
_Nodelist = ctypes.CFUNCTYPE(
    None, Handle, ctypes.c_uint64, RingId, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)
)  # fmt: skip


class _Callbacks(ctypes.Structure):
    _fields_ = [("quorum", _Quorum), ("expected", _Expected), ("nodelist", _Nodelist)]


@dataclass(frozen=True)
class _Functions:
    initialize: Callable[..., None]
    finalize: Callable[..., int]
    fd_get: Callable[..., None]
    trackstart: Callable[..., None]
    getinfo: Callable[..., None]
    setexpected: Callable[..., None]
    dispatch: Callable[..., int]


@functools.cache
def _functions() -> _Functions:
    library = Library("libvotequorum.so.8", "libvotequorum8")
    return _Functions(
        initialize=library.function("votequorum_initialize", ctypes.POINTER(Handle), ctypes.POINTER(_Callbacks)),
        finalize=library.raw("votequorum_finalize", Handle),
        fd_get=library.function("votequorum_fd_get", Handle, ctypes.POINTER(ctypes.c_int)),
        trackstart=library.function("votequorum_trackstart", Handle, ctypes.c_uint64, ctypes.c_uint),
        getinfo=library.function("votequorum_getinfo", Handle, ctypes.c_uint, ctypes.POINTER(_Info)),
        setexpected=library.function("votequorum_setexpected", Handle, ctypes.c_uint),
        dispatch=library.raw("votequorum_dispatch", Handle, ctypes.c_int),
    )


class VoteQuorum:
    """One connection. Raises ``Gone`` where Corosync does not run, ``EngineError`` where it runs without votequorum."""

    def __init__(self) -> None:
        self._call = _functions()
        self._inbox = Inbox[Event]("votequorum_dispatch", self._call.dispatch)
        self._handle = Handle()
        self._callbacks = _Callbacks(  # held as long as the connection: C calls into it
            _Quorum(self._inbox.wrap(self._quorum)),
            _Expected(self._inbox.wrap(self._expected)),
            _Nodelist(self._inbox.wrap(self._nodelist)),
        )
        self._call.initialize(self._handle, self._callbacks)
        try:
            self._call.fd_get(self._handle, fd := ctypes.c_int())
        except BaseException:
            self.close()
            raise
        self.fd = fd.value

    def close(self) -> None:
        """End the connection."""
        self._call.finalize(self._handle)

    def track(self) -> None:
        """From now on ``dispatch`` tells of the present state and of every change."""
        self._call.trackstart(self._handle, 0, TRACK_CURRENT | TRACK_CHANGES)

    def votes(self, node_id: int) -> Votes:
        """Votes of a node; raises ``Missing`` for one that votequorum does not know."""
        info = _Info()
        self._call.getinfo(self._handle, node_id, info)
        return Votes(
            node_id=info.node_id,
            state=State(info.state),
            votes=info.votes,
            expected=info.expected,
            highest_expected=info.highest_expected,
            total=info.total,
            quorum=info.quorum,
            flags=Flag(info.flags),
            qdevice_votes=info.qdevice_votes,
            qdevice=info.qdevice.decode(errors="replace"),
        )

    def set_expected(self, votes: int) -> None:
        """Tell the whole cluster to expect this many votes (until the next change of membership may raise it)."""
        self._call.setexpected(self._handle, votes)

    def dispatch(self, limit: int) -> list[Event]:
        """Events that wait, about ``limit`` at most, without waiting; raises ``Gone``."""
        return self._inbox.take(self._handle, limit)

    def _quorum(self, _handle: int, _context: int, quorate: int, count: int, nodes: Any) -> None:
        # number 0 is the quorum device, which is no node
        states = {n.node_id: State(n.state) for n in array(nodes, count) if n.node_id != QDEVICE}
        self._inbox.put(Verdict(bool(quorate), states))

    def _expected(self, _handle: int, _context: int, votes: int) -> None:
        self._inbox.put(Expected(votes))

    def _nodelist(self, _handle: int, _context: int, ring: RingId, count: int, nodes: Any) -> None:
        self._inbox.put(Nodes(Ring(ring.node_id, ring.seq), tuple(array(nodes, count))))
