"""Frames come in pieces of any size."""

from __future__ import annotations

import itertools
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.cluster import wire
from hostd.core.errors import ParseError


def sent(pieces: list[bytes]) -> wire.Message | None:
    """What is received of them, each sent by itself, before the end of the connection."""
    ours, theirs = socket.socketpair()

    def send() -> None:
        for piece in pieces:
            theirs.sendall(piece)
        theirs.close()

    with ours:
        ours.settimeout(10)
        sender = threading.Thread(target=send)
        sender.start()
        try:
            return wire.receive_answer(ours)
        finally:
            sender.join()


@given(size=st.integers(0, 40_000), cuts=st.lists(st.integers(1, 40_000), max_size=4))
def test_an_answer_comes_whole(size: int, cuts: list[int]) -> None:
    frame = wire.encode({"ok": bytes(size)})
    places = sorted({0, len(frame), *(cut for cut in cuts if cut < len(frame))})
    pieces = [frame[a:b] for a, b in itertools.pairwise(places)]
    assert sent(pieces) == {"ok": bytes(size)}
    assert sent([frame[:1], frame[1:]]) == {"ok": bytes(size)}


@pytest.mark.parametrize("length", [0, 1, 3, 4, 10])
def test_one_that_breaks_off_is_none(length: int) -> None:
    assert sent([wire.encode({"ok": bytes(100)})[:length]]) is None


def test_an_impossible_size_is_refused() -> None:
    with pytest.raises(ParseError, match="are allowed"):
        sent([b"\xff\xff\xff\xff"])
