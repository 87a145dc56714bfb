"""Consoles: a task per open console that bridges one connection to a screen, a serial line or a program's terminal.

The task listens on ``/run/hostd/console/<port>.sock`` for its one connection (hostd-stream, user ``hostd``, which has
verified the caller's log-in and console ticket by then). ``port`` is only a number between 5900 and 5999 that names
the console; no TCP port is opened.
"""

from __future__ import annotations

import contextlib
import grp
import os
import select
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from hostd.access import keys, tickets
from hostd.core.errors import HostError, NotAuthenticated, TimedOut
from hostd.core.terminal import Terminal
from hostd.guests import rfb
from hostd.guests.vncterm import session
from hostd.node.host import Host
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task

FOLDER = "/run/hostd/console"
PORTS = range(5900, 6000)
CONNECT_TIMEOUT_S = 10
PASSWORD_S = 60
STALE_S = 20
REOPEN_S = 0.02
CHUNK = 65536
HANDSHAKE_LIMIT = 4096
# In pixels; what knows the sequences of Linux' own console is what is drawn best.
USUAL_WIDTH, USUAL_HEIGHT, DRAWN = 800, 592, "linux"


def reserve_port(folder: str = FOLDER) -> int:
    """A free console number, reserved by a marker file that the task removes (an unused one is taken over later)."""
    for port in PORTS:
        marker = os.path.join(folder, f"{port}.reserved")
        with contextlib.suppress(FileNotFoundError):
            unused = not os.path.exists(socket_path(port, folder)) and time.time() - os.stat(marker).st_mtime > STALE_S
            if unused:
                os.unlink(marker)
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            continue
        return port
    raise HostError("all 100 consoles of this node are open; close one and try again")


def socket_path(port: int, folder: str = FOLDER) -> str:
    return os.path.join(folder, f"{port}.sock")


def _accept(port: int) -> socket.socket:
    """Wait for the one connection; only root and group hostd can reach the socket."""
    path = socket_path(port)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        os.chown(path, 0, grp.getgrnam("hostd").gr_gid)
        os.chmod(path, 0o660)
        listener.listen(1)
        listener.settimeout(CONNECT_TIMEOUT_S)
        try:
            connection, _ = listener.accept()
        except TimeoutError as err:
            raise TimedOut(f"nobody connected to the console within {CONNECT_TIMEOUT_S} s") from err
        finally:
            os.unlink(path)
    return connection


@contextlib.contextmanager
def _connection(port: int) -> Any:
    try:
        with _accept(port) as connection:
            yield connection
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(FOLDER, f"{port}.reserved"))


def bridge(left: socket.socket, right: socket.socket) -> None:
    """Copy bytes both ways until either side closes."""
    other = {left: right, right: left}
    while True:
        for ready in select.select([left, right], [], [])[0]:
            data = ready.recv(CHUNK)
            if not data:
                return
            other[ready].sendall(data)


@task("vncproxy")
def vncproxy(
    host: Host,
    log: TaskLog,
    *,
    port: int,
    target: str = "",
    password: str = "",
    argv: list[str] | None = None,
    screen: Mapping[str, Any] | None = None,
) -> None:
    """Bridge a console to a machine's VNC server (its unix socket ``target``), or draw the terminal of ``argv``.

    ``password``: what the viewer of a machine is asked for before; "" nothing. ``screen``: as the function tells.
    """
    if argv and screen:
        _draw(log, port, argv, screen)
        return
    with _connection(port) as connection, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as machine:
        machine.connect(target)
        log.info("console connected")
        if password:
            _ask_password(connection, machine, password)
        bridge(connection, machine)
    log.info("console closed")


def _ask_password(connection: socket.socket, screen: socket.socket, password: str) -> None:
    for end in (connection, screen):
        end.settimeout(PASSWORD_S)
    try:
        rfb.admit(connection, password)
        rfb.enter(screen)
    except TimeoutError as err:
        raise TimedOut(f"the viewer did not tell the password within {PASSWORD_S} s") from err
    for end in (connection, screen):
        end.settimeout(None)


@task("termproxy")
def termproxy(
    host: Host, log: TaskLog, *, port: int, user: str, path: str, target: str = "", argv: list[str] | None = None
) -> None:
    """Speak the terminal protocol of the API on one side; on the other a serial line (``target``) or a program."""
    with _connection(port) as connection:
        _handshake(connection, host.store.read(keys.VERIFYING).data, user, path, port)
        log.info("terminal connected")
        if argv:
            terminal = Terminal(argv)
            try:
                _terminal(connection, terminal.fd, terminal.resize, terminal.ended)
            finally:
                terminal.close()
        else:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as serial:
                serial.connect(target)
                _terminal(connection, serial.fileno(), lambda columns, rows: None, lambda: True)
    log.info("terminal closed")


@task("vncshell")
def shell(
    host: Host,
    log: TaskLog,
    *,
    port: int,
    argv: list[str],
    user: str = "",
    path: str = "",
    screen: Mapping[str, Any] | None = None,
) -> None:
    """A program of the node itself: drawn for a VNC viewer on ``screen``, else spoken to as a terminal."""
    if screen:
        _draw(log, port, argv, screen)
    else:
        termproxy(host, log, port=port, user=user, path=path, argv=argv)


def screen(title: str, width: int, height: int) -> dict[str, object]:
    """What a viewer of a program's terminal gets: at most so many pixels, 0 for the usual."""
    return {"title": title, "width": width or USUAL_WIDTH, "height": height or USUAL_HEIGHT}


def _draw(log: TaskLog, port: int, argv: list[str], screen: Mapping[str, Any]) -> None:
    with _connection(port) as connection, contextlib.closing(Terminal(argv, DRAWN)) as terminal:
        log.info("console connected")
        try:
            session.show(connection, terminal, **screen)
        except TimeoutError as err:
            raise TimedOut(f"the viewer said nothing for {session.GREET_S} s") from err
    log.info("console closed")


def _handshake(connection: socket.socket, public: bytes, user: str, path: str, port: int) -> None:
    """The client's first line is ``<user>:<ticket>``; the answer is ``OK``."""
    line = b""
    connection.settimeout(CONNECT_TIMEOUT_S)
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte or len(line) > HANDSHAKE_LIMIT:
            raise NotAuthenticated("the terminal's client sent no ticket")
        line += byte
    name, _, ticket = line.decode(errors="replace").strip().partition(":")
    if name != user:
        raise NotAuthenticated("permission denied - invalid PVEVNC ticket")
    tickets.verify_console(public, ticket, user, path, port, now_s=int(time.time()))
    connection.sendall(b"OK")
    connection.settimeout(None)


class Frames:
    """Decodes client messages: ``0:<bytes>:<data>``, ``1:<columns>:<rows>:`` and ``2`` (keep-alive)."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[tuple[str, bytes, int, int]]:
        """(``data``, bytes, 0, 0) and (``resize``, b"", columns, rows) for what is complete; HostError on nonsense."""
        self._buffer += data
        found: list[tuple[str, bytes, int, int]] = []
        while frame := self._next():
            if frame[0] != "alive":
                found.append(frame)
        return found

    def _next(self) -> tuple[str, bytes, int, int] | None:
        kind = self._buffer[:1]
        if kind == b"2":
            self._buffer = self._buffer[1:]
            return ("alive", b"", 0, 0)
        head = self._buffer[:32].split(b":")
        if kind == b"0" and len(head) > 2:
            start = len(head[1]) + 3
            size = self._number(head[1])
            if len(self._buffer) < start + size:
                return None
            data = self._buffer[start : start + size]
            self._buffer = self._buffer[start + size :]
            return ("data", data, 0, 0)
        if kind == b"1" and len(head) > 3:
            self._buffer = self._buffer[len(head[1]) + len(head[2]) + 4 :]
            return ("resize", b"", self._number(head[1]), self._number(head[2]))
        if kind not in (b"", b"0", b"1") or len(self._buffer) > 32:
            raise HostError("the terminal's client sent no valid message")
        return None

    @staticmethod
    def _number(text: bytes) -> int:
        if not text.isdigit() or len(text) > 6:
            raise HostError("the terminal's client sent no valid message")
        return int(text)


def _terminal(
    connection: socket.socket, fd: int, resize: Callable[[int, int], None], ended: Callable[[], bool]
) -> None:
    """Until the client leaves, or ``fd`` has nothing more to say and the program behind it has ``ended``.

    A terminal that nobody has open reads as EIO (pty(7)). That is not yet the end: login(1) hangs up what it was
    started on (vhangup(2)) before it opens it again.
    """
    frames = Frames()
    while True:
        for ready in select.select([connection, fd], [], [])[0]:
            if ready is connection:
                data = connection.recv(CHUNK)
                if not data:
                    return
                for kind, content, columns, rows in frames.feed(data):
                    if kind == "data":
                        _write_all(fd, content)
                    else:
                        resize(min(columns, 1000), min(rows, 1000))
            else:
                try:
                    output = os.read(fd, CHUNK)
                except BlockingIOError:
                    continue
                except OSError:
                    if ended():
                        return
                    time.sleep(REOPEN_S)
                    continue
                if not output:
                    return
                connection.sendall(output)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        select.select([], [fd], [])
        with contextlib.suppress(BlockingIOError):
            data = data[os.write(fd, data) :]
