"""What nodes say to each other beside the ordered messages, as bytes: a Fetch, and the Transfer that answers it. Pure.

Msgpack lists. Both ends run the same release or the group does not form (``messages.PROTOCOL``), so there is no version
here; anything unexpected is a ParseError.
"""

from __future__ import annotations

from typing import Any, Final

import msgpack

from hostd.cluster.fs import journal
from hostd.cluster.fs.journal import Record
from hostd.cluster.fs.replicate import Epoch, Fetch, Position
from hostd.cluster.fs.transfer import Snapshot, Transfer
from hostd.cluster.fs.tree import Node
from hostd.cluster.group.messages import decode_proposal, encode_proposal
from hostd.core.errors import ParseError

CHANGES: Final = 0
SNAPSHOT: Final = 1


def encode_fetch(fetch: Fetch) -> bytes:
    have = fetch.have
    return _pack([fetch.node_id, fetch.pid, fetch.session, have.epoch, have.sequence, fetch.mark])


def decode_fetch(data: bytes) -> Fetch:
    """Raises ParseError."""
    try:
        node_id, pid, session, epoch, sequence, mark = _unpack(data)
        return Fetch(int(node_id), int(pid), bytes(session), Position(int(epoch), int(sequence)), str(mark))
    except (ValueError, TypeError) as err:
        raise ParseError(f"not a request of another node: {err}") from err


def encode_transfer(transfer: Transfer) -> bytes:
    epochs = [(e.number, e.mark, e.base, e.nodes, e.forced) for e in transfer.epochs]
    position = transfer.position
    content: list[object]
    if isinstance(transfer.content, Snapshot):
        snapshot = transfer.content
        nodes = [(n.inode, n.parent, n.name, n.data, n.digest, n.version, n.mtime_ns) for n in snapshot.nodes]
        records = [(*journal.row_of(item), link) for item, link in snapshot.records]
        content = [SNAPSHOT, nodes, records, snapshot.anchor]
    else:
        content = [CHANGES, [(at.epoch, at.sequence, encode_proposal(p)) for at, p in transfer.content]]
    return _pack([transfer.origin, position.epoch, position.sequence, epochs, content])


def decode_transfer(data: bytes) -> Transfer:
    """Raises ParseError."""
    try:
        origin, epoch, sequence, epochs, content = _unpack(data)
        return Transfer(
            origin=origin,
            position=Position(epoch, sequence),
            epochs=tuple(
                Epoch(number, mark, base, tuple(nodes), forced) for number, mark, base, nodes, forced in epochs
            ),
            content=_content(content),
        )
    except (ValueError, TypeError, IndexError) as err:
        raise ParseError(f"not another node's state: {err}") from err


def _content(values: list[Any]) -> Any:
    if values[0] == CHANGES:
        return tuple((Position(epoch, sequence), decode_proposal(data)) for epoch, sequence, data in values[1])
    _, nodes, records, anchor = values
    return Snapshot(
        nodes=tuple(Node(*row) for row in nodes),
        records=tuple((Record(*row[:-1]), row[-1]) for row in records),
        anchor=anchor,
    )


def _pack(values: list[object]) -> bytes:
    return bytes(msgpack.packb(values, use_bin_type=True))


def _unpack(data: bytes) -> list[Any]:
    try:
        found = msgpack.unpackb(data, raw=False)
    except (ValueError, msgpack.UnpackException) as err:
        raise ParseError(f"not msgpack: {err}") from err
    if not isinstance(found, list):
        raise ParseError("not a list")
    return found
