"""The password that is asked for before a machine's screen is shown, against a viewer and a server by the RFC."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from hostd.core.errors import HostError, NotAuthenticated
from hostd.guests import rfb

PASSWORD = "secret!`"
VERSIONS = {b"RFB 003.003\n": 3, b"RFB 003.007\n": 7, b"RFB 003.008\n": 8}


def side_by_side(ours: Callable[[socket.socket], None], theirs: Callable[[socket.socket], object]) -> object:
    """Our side in a thread, theirs here; what theirs returns. Raises what ours raises."""
    left, right = socket.socketpair()
    for end in (left, right):
        end.settimeout(60)
    with left, right, ThreadPoolExecutor(1) as pool:
        running: Future[None] = pool.submit(ours, left)
        try:
            told = theirs(right)
        finally:
            right.shutdown(socket.SHUT_WR)
        running.result(60)
        return told


def exactly(connection: socket.socket, size: int) -> bytes:
    return connection.recv(size, socket.MSG_WAITALL)


def viewer(version: bytes, password: str) -> Callable[[socket.socket], int]:
    """A viewer of this version; the security result it gets."""

    def view(server: socket.socket) -> int:
        assert exactly(server, 12) == b"RFB 003.008\n"
        server.sendall(version)
        if VERSIONS[version] == 3:
            assert exactly(server, 4) == struct.pack(">I", 2)
        else:
            assert exactly(server, 2) == b"\x01\x02"
            server.sendall(b"\x02")
        server.sendall(rfb.response(password.encode(), exactly(server, 16)))
        return int(struct.unpack(">I", exactly(server, 4))[0])

    return view


def test_the_answer_of_a_known_password() -> None:
    """What is known as the way vncpasswd(1) hides a password: encrypted by a fixed one."""
    fixed = bytes([23, 82, 107, 6, 35, 78, 88, 7])
    assert rfb.response(fixed, b"password").hex() == "dbd83cfd727a1458"


@pytest.mark.parametrize("version", VERSIONS)
def test_who_knows_the_password_is_let_in(version: bytes) -> None:
    assert side_by_side(lambda s: rfb.admit(s, PASSWORD), viewer(version, PASSWORD)) == 0


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("wrong", ["secret!a", "", "secret!"])
def test_who_does_not_is_refused(version: bytes, wrong: str) -> None:
    with pytest.raises(NotAuthenticated, match="wrong VNC password"):
        side_by_side(lambda s: rfb.admit(s, PASSWORD), viewer(version, wrong))


def test_a_viewer_cannot_choose_to_show_no_password() -> None:
    def view(server: socket.socket) -> None:
        exactly(server, 12)
        server.sendall(b"RFB 003.008\n")
        exactly(server, 2)
        server.sendall(b"\x01")

    with pytest.raises(NotAuthenticated, match="type 1"):
        side_by_side(lambda s: rfb.admit(s, PASSWORD), view)


@pytest.mark.parametrize("sent", [b"", b"RFB", b"RFB 003.008\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_who_leaves_early_is_not_let_in(sent: bytes) -> None:
    with pytest.raises((HostError, NotAuthenticated)):
        side_by_side(lambda s: rfb.admit(s, PASSWORD), lambda server: server.sendall(sent))


@pytest.mark.parametrize(
    ("offered", "result", "lets_in"),
    [(b"\x01", 0, True), (b"\x02\x01", 0, True), (b"\x02", 0, False), (b"", 0, False), (b"\x01", 1, False)],
)
def test_a_server_without_password(offered: bytes, result: int, lets_in: bool) -> None:
    def serve(client: socket.socket) -> None:
        client.sendall(b"RFB 003.008\n")
        assert exactly(client, 12) == b"RFB 003.008\n"
        client.sendall(bytes([len(offered)]) + offered)
        if 1 in offered:
            assert exactly(client, 1) == b"\x01"
            client.sendall(struct.pack(">I", result))

    if lets_in:
        side_by_side(rfb.enter, serve)
    else:
        with pytest.raises(HostError):
            side_by_side(rfb.enter, serve)


def test_passwords_are_of_the_references_kind() -> None:
    made = {rfb.make_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(word) == 8 and all("!" <= letter <= "`" for letter in word) for word in made)
