"""What a daemon tells systemd (sd_notify(3)): one datagram to the socket it names. What systemd keeps for it."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Mapping, Sequence
from typing import Final

FIRST_FD: Final = 3  # sd_listen_fds(3)


def notify(state: str = "READY=1", fds: Sequence[int] = ()) -> bool:
    """Send ``state``, with file descriptors, to the service manager; False where none listens (by hand, in tests)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.connect(address)
        socket.send_fds(sock, [state.encode()], list(fds))
    return True


def barrier(timeout_s: float) -> bool:
    """Whether the service manager has taken in what it was told, which says that it works; True where none listens."""
    ours, theirs = os.pipe()
    try:
        listens = notify("BARRIER=1", [theirs])
        os.close(theirs)
        theirs = -1
        if not listens:
            return True
        poll = select.poll()
        poll.register(ours, select.POLLHUP)
        return bool(poll.poll(timeout_s * 1000))
    finally:
        for fd in (ours, theirs):
            if fd >= 0:
                os.close(fd)


def store_fd(name: str, fd: int) -> bool:
    """Have a file descriptor kept for the process that follows this one; False where nobody listens."""
    return notify(f"FDSTORE=1\nFDNAME={name}\nFDPOLL=0", [fd])


def take_stored_fd(name: str, environ: Mapping[str, str] = os.environ, pid: int | None = None) -> int | None:
    """The descriptor that a process before this one had kept under that name, from now on kept by this one alone."""
    if environ.get("LISTEN_PID") != str(os.getpid() if pid is None else pid):
        return None
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    if name not in names[: int(environ.get("LISTEN_FDS", "0"))]:
        return None
    notify(f"FDSTOREREMOVE=1\nFDNAME={name}")
    fd = FIRST_FD + names.index(name)
    os.set_inheritable(fd, False)
    return fd
