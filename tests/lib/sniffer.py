"""What goes over an interface of this machine to one TCP port: a packet socket, and a search for given words."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import Final

_ALL: Final = 0x0003  # ETH_P_ALL
_TCP: Final = 6
_BUFFER: Final = 64 << 20


class Sniffer:
    """``seen``: the payload had the word in it; ``bytes``: how much went by; ``firsts``: first byte of each stream."""

    def __init__(self, interface: str, port: int, word: bytes) -> None:
        self._port, self._word = port, word
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, 33, _BUFFER)  # SO_RCVBUFFORCE
        self._socket.bind((interface, 0))
        self._socket.settimeout(0.5)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self.seen, self.bytes = False, 0
        self.firsts: dict[int, int] = {}
        self.started_s = self.last_s = time.monotonic()

    def __enter__(self) -> Sniffer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                self._look(self._socket.recv(1 << 17))

    def _look(self, frame: bytes) -> None:
        """An IPv4 frame without tags (RFC 791, RFC 9293); others are none of ours."""
        if frame[12:14] != b"\x08\x00" or frame[23] != _TCP:
            return
        segment = frame[14 + (frame[14] & 15) * 4 : 14 + struct.unpack_from("!H", frame, 16)[0]]
        source, target = struct.unpack_from("!HH", segment)
        payload = segment[(segment[12] >> 4) * 4 :]
        if target != self._port or not payload:
            return
        if not self.bytes:
            self.started_s = time.monotonic()
        self.last_s = time.monotonic()
        self.bytes += len(payload)
        self.firsts.setdefault(source, payload[0])
        self.seen = self.seen or self._word in payload
