"""What daemons tell systemd, and what it keeps for them, against a socket that plays systemd."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.core import notify


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_where_nobody_listens_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify.notify()
    assert not notify.store_fd("name", 0)
    assert notify.barrier(0), "a daemon started by hand needs no systemd"


def test_a_barrier_is_passed_when_the_message_was_taken_in(systemd: socket.socket) -> None:
    def take_in() -> None:
        data, fds, *_ = socket.recv_fds(systemd, 100, 1)
        assert data == b"BARRIER=1"
        os.close(fds[0])

    thread = threading.Thread(target=take_in)
    thread.start()
    assert notify.barrier(30)
    thread.join()


def test_a_barrier_that_nobody_lifts_is_not_passed(systemd: socket.socket) -> None:
    assert not notify.barrier(0.01)


def test_a_descriptor_is_kept_under_a_name(systemd: socket.socket) -> None:
    ours, theirs = os.pipe()
    assert notify.store_fd("handle", theirs)
    data, fds, *_ = socket.recv_fds(systemd, 100, 1)
    assert data == b"FDSTORE=1\nFDNAME=handle\nFDPOLL=0"
    os.write(fds[0], b"same pipe")
    assert os.read(ours, 100) == b"same pipe"
    for fd in (ours, theirs, *fds):
        os.close(fd)


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        ({"LISTEN_PID": "6", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "stdin"}, None),
        ({"LISTEN_PID": "5", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "other"}, None),
        ({"LISTEN_PID": "5", "LISTEN_FDS": "0", "LISTEN_FDNAMES": "stdin"}, None),
        ({"LISTEN_PID": "5", "LISTEN_FDS": "1"}, None),
    ],
)
def test_what_is_not_kept_for_this_process_is_not_taken(environ: dict[str, str], found: int | None) -> None:
    assert notify.take_stored_fd("stdin", environ, pid=5) is found


def test_what_was_kept_is_taken_out_of_systemds_hands(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, kept = os.pipe()
    os.set_inheritable(kept, True)
    monkeypatch.setattr(notify, "FIRST_FD", kept - 1)
    environ = {"LISTEN_PID": "5", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "other:handle"}
    assert notify.take_stored_fd("handle", environ, pid=5) == kept
    assert systemd.recv(100) == b"FDSTOREREMOVE=1\nFDNAME=handle"
    assert not os.get_inheritable(kept)
    os.close(ours)
    os.close(kept)
