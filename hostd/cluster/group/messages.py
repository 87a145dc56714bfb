"""What the members of the store's group say to each other, as bytes: msgpack lists that begin with a kind. Pure.

``session`` names one attempt to become (or, later, one time of being) a working membership: a digest over the first
word of every member. A message of another session is never acted upon, so nothing that was sent before a change of
membership can have an effect after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import msgpack

from hostd.cluster.fs.mutations import Batch, Delete, Mkdir, Mutation, Rename, Rewrite, Touch, Write
from hostd.cluster.fs.replicate import Origin, Position, Proposal
from hostd.core.errors import ParseError

PROTOCOL: Final = 1
SESSION_BYTES: Final = 8
PART_OVERHEAD_BYTES: Final = 64  # kind, session, three numbers, and the length of the piece, with room to spare


@dataclass(frozen=True, slots=True)
class State:
    """A member's first word in a view: what its disk holds. ``turn`` counts its first words."""

    turn: int
    position: Position
    promised: int
    origin: str
    mark: str
    nodes: tuple[int, ...]  # of its last epoch
    configured: tuple[int, ...]  # nodes that hold data, by its configuration


@dataclass(frozen=True, slots=True)
class Quorate:
    """Votequorum told the sender that this ring is quorate.

    ``continuing``: it comes straight from a working membership, and never heard that this ring is not quorate.
    ``fork``: an administrator told it to go on without the others, under this mark.
    """

    session: bytes
    continuing: bool
    fork: str


@dataclass(frozen=True, slots=True)
class Synced:
    """The sender's disk holds the winner's state and the promise."""

    session: bytes


@dataclass(frozen=True, slots=True)
class Adopted:
    """The sender's disk holds the new epoch."""

    session: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """The sender has received the first ``count`` changes of this session, all in the one order."""

    session: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Applied:
    """The sender's disk holds everything up to ``sequence``."""

    session: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class Part:
    """Piece ``index`` of ``count`` of a proposal; all but large ones have one piece."""

    session: bytes
    id: int
    index: int
    count: int
    data: bytes


Message = State | Quorate | Synced | Adopted | Seen | Applied | Part
_KINDS: Final[tuple[type[Message], ...]] = (State, Quorate, Synced, Adopted, Seen, Applied, Part)
_MUTATIONS: Final[tuple[type[Mutation], ...]] = (Write, Rewrite, Touch, Mkdir, Delete, Rename, Batch)
_FIELDS: Final = {kind: tuple(f.name for f in fields(kind)) for kind in _MUTATIONS}


def encode(message: Message) -> bytes:
    values: list[object] = [getattr(message, f.name) for f in fields(message)]
    if isinstance(message, State):
        values[1] = (message.position.epoch, message.position.sequence)
        values.append(PROTOCOL)
    return bytes(msgpack.packb([_KINDS.index(type(message)), *values], use_bin_type=True))


def decode(data: bytes) -> Message:
    """Raises ParseError on anything that ``encode`` does not make."""
    kind, *values = _unpack(data)
    try:
        if kind == 0:
            turn, (epoch, sequence), promised, origin, mark, nodes, configured, protocol = values
            if protocol != PROTOCOL:
                raise ParseError(f"a member speaks protocol {protocol} of the store, this one {PROTOCOL}: update both")
            return State(turn, Position(epoch, sequence), promised, origin, mark, tuple(nodes), tuple(configured))
        message: Message = _KINDS[kind](*values)
        return message
    except (ValueError, TypeError, IndexError) as err:
        raise ParseError(f"not a message of the store's group: {err}") from err


def session_of(states: Iterable[tuple[int, int, State]]) -> bytes:
    """Names a set of first words: digest over (node id, pid, state), in the order of the members."""
    total = hashlib.sha256()
    for node_id, pid, state in sorted(states, key=lambda item: item[:2]):
        total.update(f"{node_id} {pid} ".encode() + encode(state))
    return total.digest()[:SESSION_BYTES]


def encode_proposal(proposal: Proposal) -> bytes:
    origin = proposal.origin
    values = (proposal.id, origin.node, origin.time_ns, origin.actor, origin.task, _pack(proposal.mutation))
    return bytes(msgpack.packb(values, use_bin_type=True))


def decode_proposal(data: bytes) -> Proposal:
    """Raises ParseError."""
    try:
        number, node, time_ns, actor, task, mutation = _unpack(data)
        origin = Origin(node=node, time_ns=time_ns, actor=actor, task=task)
        return Proposal(id=number, mutation=_unpack_mutation(mutation), origin=origin)
    except (ValueError, TypeError, IndexError) as err:
        raise ParseError(f"not a proposal: {err}") from err


def split(session: bytes, proposal: Proposal, max_bytes: int) -> list[bytes]:
    """The messages that carry a proposal, none larger than ``max_bytes``."""
    data, size = encode_proposal(proposal), max_bytes - PART_OVERHEAD_BYTES
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [encode(Part(session, proposal.id, i, len(pieces), piece)) for i, piece in enumerate(pieces)]


def _pack(mutation: Mutation) -> list[object]:
    kind = type(mutation)
    if isinstance(mutation, Batch):
        return [_MUTATIONS.index(kind), [_pack(step) for step in mutation.steps]]
    return [_MUTATIONS.index(kind), *(getattr(mutation, name) for name in _FIELDS[kind])]


def _unpack_mutation(values: Sequence[Any]) -> Mutation:
    kind = _MUTATIONS[values[0]]
    if kind is Batch:
        return Batch(steps=tuple(_unpack_mutation(step) for step in values[1]))  # type: ignore[misc]
    mutation: Mutation = kind(**dict(zip(_FIELDS[kind], values[1:], strict=True)))
    return mutation


def _unpack(data: bytes) -> list[Any]:
    try:
        found = msgpack.unpackb(data, raw=False)
    except (ValueError, msgpack.UnpackException) as err:
        raise ParseError(f"not msgpack: {err}") from err
    if not isinstance(found, list) or not found:
        raise ParseError("not a list")
    return found
