"""Carrying bytes between sockets: whole, both ways, at a rate, until either side ends."""

from __future__ import annotations

import os
import socket
import threading

from hostd.core.pace import Pace
from hostd.migration.pump import join


def read_all(peer: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count and (data := peer.recv(1 << 16)):
        found += data
    return bytes(found)


def joined(pace: Pace) -> tuple[socket.socket, socket.socket, threading.Thread]:
    (left, near), (far, right) = socket.socketpair(), socket.socketpair()
    for side in (left, right):
        side.settimeout(20)
    thread = threading.Thread(target=join, args=(near, far, pace))
    thread.start()
    return left, right, thread


def test_everything_arrives_both_ways_at_once() -> None:
    pace, data = Pace(), os.urandom(3 << 20)
    left, right, thread = joined(pace)
    writers = [threading.Thread(target=side.sendall, args=(data,)) for side in (left, right)]
    for writer in writers:
        writer.start()
    got: list[bytes] = []
    other = threading.Thread(target=lambda: got.append(read_all(right, len(data))))
    other.start()
    assert read_all(left, len(data)) == data
    other.join()
    assert got == [data]
    assert pace.sent == len(data)
    left.close()
    assert right.recv(1) == b""
    thread.join(20)
    assert not thread.is_alive()
    right.close()


def test_what_was_sent_before_the_end_arrives() -> None:
    left, right, thread = joined(Pace())
    left.sendall(b"the last words")
    left.close()
    assert read_all(right, 1 << 10) == b"the last words"
    thread.join(20)
    right.close()


def test_a_rate_is_kept_by_all_streams_together() -> None:
    now, waited = [100.0], []

    def sleep(time_s: float) -> None:
        waited.append(time_s)
        now[0] += time_s

    pace = Pace(1000, now=lambda: now[0], sleep=sleep)
    for _ in range(10):
        pace.took(500)
    assert round(sum(waited), 6) == 5.0, "5000 bytes at 1000 a second"
    now[0] += 60
    pace.took(1000)
    assert round(waited[-1], 6) == 1.0, "a pause before is no credit"
    assert Pace(1000).chunk == 4096
    assert Pace(1 << 20).chunk == (1 << 20) // 10
