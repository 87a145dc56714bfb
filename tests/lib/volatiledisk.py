"""A disk that forgets at a power cut what was not flushed, as disks with a write cache do; served to QEMU over NBD.

Killing QEMU alone proves little about flushes: this machine's page cache keeps every write that the guest has made.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

BLOCK: Final = 4096  # what a cut keeps or loses as a whole; more than that a disk does not promise
CACHE_BYTES: Final = 256 << 20  # a real cache is finite: what is more than that reaches the medium unasked


class PowerLost(Exception):
    """The disk has no power."""


class VolatileDisk:
    """An image file with a write cache in memory. Offsets and sizes are bytes."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR)
        self.size = os.fstat(self._file).st_size
        self._cache: dict[int, bytes] = {}  # block number → content, oldest first
        self._lock = threading.Lock()
        self._powered = True
        self.flushes = 0

    @property
    def unflushed(self) -> int:
        """How many bytes a power cut may take."""
        return len(self._cache) * BLOCK

    def read(self, offset: int, length: int) -> bytes:
        with self._power():
            return self._read(offset, length)

    def write(self, offset: int, data: bytes) -> None:
        """Into the cache; a block that is written in part is completed from what is there."""
        with self._power():
            start, end = offset // BLOCK * BLOCK, -(-(offset + len(data)) // BLOCK) * BLOCK
            if (start, end) != (offset, offset + len(data)):
                old = self._read(start, end - start)
                data = old[: offset - start] + data + old[offset - start + len(data) :]
            for place in range(0, len(data), BLOCK):
                number = (start + place) // BLOCK
                self._cache.pop(number, None)
                self._cache[number] = data[place : place + BLOCK]
            while self.unflushed > CACHE_BYTES:
                self._store(next(iter(self._cache)))

    def flush(self) -> None:
        """When this returns, all that was written before is safe. (This machine itself keeps its power.)"""
        with self._power():
            self.flushes += 1
            for number in list(self._cache):
                self._store(number)

    def cut(self, kept: float, chance: random.Random) -> int:
        """Power off: each block of the cache reaches the medium with probability ``kept``; the bytes that are lost."""
        with self._lock:
            self._powered = False
            for number in [n for n in self._cache if chance.random() < kept]:
                self._store(number)
            lost = self.unflushed
            self._cache.clear()
            os.close(self._file)
            return lost

    @contextlib.contextmanager
    def _power(self) -> Iterator[None]:
        with self._lock:
            if not self._powered:
                raise PowerLost
            yield

    def _read(self, offset: int, length: int) -> bytes:
        data = os.pread(self._file, length, offset)
        data += bytes(length - len(data))  # a last block that is not a whole one
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        if not any(number in self._cache for number in range(first, last + 1)):
            return data
        whole = bytearray(data)
        for number in range(first, last + 1):
            if (block := self._cache.get(number)) is None:
                continue
            begin, end = max(offset, number * BLOCK), min(offset + length, (number + 1) * BLOCK)
            whole[begin - offset : end - offset] = block[begin - number * BLOCK : end - number * BLOCK]
        return bytes(whole)

    def _store(self, number: int) -> None:
        os.pwrite(self._file, self._cache.pop(number), number * BLOCK)


# The NBD protocol, https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md: fixed newstyle negotiation, one
# export whatever its name, simple replies, one client at a time.
_GREETING: Final = b"NBDMAGICIHAVEOPT" + struct.pack(">H", 0b11)
_OPTION, _OPTION_REPLY, _REQUEST, _REPLY = 0x49484156454F5054, 0x3E889045565A9, 0x25609513, 0x67446698
_ABORT, _INFO, _GO = 2, 6, 7
_ACK, _TELLS, _UNSUPPORTED = 1, 3, 0x80000001
_FLAGS: Final = 1 | 1 << 2 | 1 << 3  # it has flags; flush; forced unit access
_READ, _WRITE, _LEAVE, _FLUSH = 0, 1, 2, 3
_FUA: Final = 1
_EINVAL: Final = 22


class DiskServer:
    """Serves a `VolatileDisk` at a unix socket until it is ended."""

    def __init__(self, disk: VolatileDisk, place: Path) -> None:
        self.disk = disk
        place.unlink(missing_ok=True)
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(place))
        self._door.listen(1)
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Hang up; a request that is under way is not answered."""
        for link in (self._door, self._client):
            if link is not None:
                with contextlib.suppress(OSError):
                    link.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        self._door.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            try:
                self._client, _ = self._door.accept()
            except OSError:
                return
            with self._client as link, contextlib.suppress(EOFError, ConnectionError, PowerLost):
                if self._negotiate(link):
                    self._answer(link)

    def _negotiate(self, link: socket.socket) -> bool:
        link.sendall(_GREETING)
        _take(link, 4)
        while True:
            _, option, length = struct.unpack(">QII", _take(link, 16))
            _take(link, length)

            def reply(kind: int, data: bytes = b"", option: int = option) -> None:
                link.sendall(struct.pack(">QIII", _OPTION_REPLY, option, kind, len(data)) + data)

            if option in (_INFO, _GO):
                reply(_TELLS, struct.pack(">HQH", 0, self.disk.size, _FLAGS))
                reply(_ACK)
                if option == _GO:
                    return True
            elif option == _ABORT:
                reply(_ACK)
                return False
            else:
                reply(_UNSUPPORTED)

    def _answer(self, link: socket.socket) -> None:
        while True:
            magic, flags, kind, cookie, offset, length = struct.unpack(">IHHQQI", _take(link, 28))
            assert magic == _REQUEST, "a client that does not speak NBD"
            error, data = 0, b""
            if kind == _READ:
                data = self.disk.read(offset, length)
            elif kind == _WRITE:
                self.disk.write(offset, _take(link, length))
                if flags & _FUA:
                    self.disk.flush()
            elif kind == _FLUSH:
                self.disk.flush()
            elif kind == _LEAVE:
                return
            else:
                error = _EINVAL
            link.sendall(struct.pack(">IIQ", _REPLY, error, cookie) + data)


def _take(link: socket.socket, length: int) -> bytes:
    """Exactly ``length`` bytes. Raises EOFError where the client hung up."""
    data = bytearray(length)
    view, have = memoryview(data), 0
    while have < length:
        got = link.recv_into(view[have:])
        if not got:
            raise EOFError
        have += got
    return bytes(data)
