"""What is said comes back as it was, and a file of the largest size fits through Corosync's largest message."""

from __future__ import annotations

import pytest

from hostd.cluster.fs.mutations import Batch, Delete, Mkdir, Mutation, Rename, Rewrite, Touch, Write
from hostd.cluster.fs.paths import MAX_FILE_BYTES
from hostd.cluster.fs.replicate import Origin, Position, Proposal
from hostd.cluster.group.messages import (
    Adopted,
    Applied,
    Message,
    Part,
    Quorate,
    Seen,
    State,
    Synced,
    decode,
    decode_proposal,
    encode,
    encode_proposal,
    split,
)
from hostd.core.errors import ParseError

CPG_BYTES = 1_047_552
SESSION = b"12345678"
ORIGIN = Origin(node="a", time_ns=-5, actor="root@pam", task="UPID:x")


@pytest.mark.parametrize(
    "message",
    [
        State(3, Position(4, 5), 6, "origin", "mark", (1, 2), (1, 2, 3)),
        Quorate(SESSION, True, "fork"),
        Synced(SESSION),
        Adopted(SESSION),
        Seen(SESSION, 3),
        Applied(SESSION, 1 << 40),
        Part(SESSION, 7, 0, 2, b"\x00\xff"),
    ],
)
def test_messages_come_back(message: Message) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "mutation",
    [
        Write(path="ä", data=b"\xff", inode=1 << 62, if_version=0, mtime_ns=None),
        Rewrite(inode=5, data=b""),
        Touch(inode=5, mtime_ns=-1),
        Mkdir(path="d", inode=6, exist_ok=True),
        Delete(path="d", directory=True),
        Rename(source="a", target="b", replace=False),
        Batch(steps=(Mkdir(path="d", inode=6), Write(path="d/f", data=b"x", inode=7))),
    ],
)
def test_proposals_come_back(mutation: Mutation) -> None:
    proposal = Proposal(id=9, mutation=mutation, origin=ORIGIN)
    assert decode_proposal(encode_proposal(proposal)) == proposal


def test_the_largest_file_travels_in_pieces() -> None:
    write = Write(path="big", data=b"z" * MAX_FILE_BYTES, inode=1)
    pieces = split(SESSION, Proposal(id=1, mutation=write, origin=ORIGIN), CPG_BYTES)
    assert len(pieces) == 2
    assert all(len(piece) <= CPG_BYTES for piece in pieces)
    parts = [decode(piece) for piece in pieces]
    data = b"".join(part.data for part in parts if isinstance(part, Part))
    assert decode_proposal(data).mutation == write


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x01", b"\x90", b"\x91\x63", b"\x92\x02\x01", b"\x91\xa1x"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    if data == b"\x92\x02\x01":
        data = encode(Synced(SESSION))[:-1]
    with pytest.raises(ParseError):
        decode(data)
