"""The last sample, pushed by the statistics daemon to whoever listens: one line of JSON per sample."""

from __future__ import annotations

import contextlib
import grp
import logging
import os
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

import orjson

log = logging.getLogger(__name__)
SOCKET = "/run/hostd/stat.sock"
# A sample this old is no longer told as live.
STALE_S = 60


class Publisher:
    """Accepts listeners on a unix socket and sends each of them every sample; a slow one is dropped.

    Only root and ``group`` may listen.
    """

    def __init__(self, path: str = SOCKET, *, group: str = "") -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        if group:
            os.chown(path, -1, grp.getgrnam(group).gr_gid)
        os.chmod(path, 0o660)
        self._listener.listen(16)
        self._lock = threading.Lock()
        self._clients: list[socket.socket] = []
        self._last = b""
        threading.Thread(target=self._accept, name="feed", daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            client.settimeout(2)
            with self._lock:
                self._clients.append(client)
                self._send(client, self._last)

    def publish(self, sample: Mapping[str, object]) -> None:
        """Send a sample to all listeners."""
        with self._lock:
            self._last = orjson.dumps(sample, option=orjson.OPT_NON_STR_KEYS) + b"\n"
            for client in list(self._clients):
                self._send(client, self._last)

    def _send(self, client: socket.socket, line: bytes) -> None:
        try:
            client.sendall(line)
        except OSError:
            self._clients.remove(client)
            client.close()


class Subscriber:
    """Keeps the last sample in memory; ``node``, ``guests`` and ``storages`` answer at once, empty when it is stale."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._sample: dict[str, Any] = {}
        self._guests: dict[int, dict[str, Any]] = {}
        self._at = 0.0

    def start(self) -> None:
        threading.Thread(target=self._follow, name="samples", daemon=True).start()

    def _follow(self) -> None:
        while True:
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                    sock.connect(self._path)
                    with sock.makefile("rb") as stream:
                        for line in stream:
                            self.take(orjson.loads(line) if line.strip() else {})
            except (OSError, orjson.JSONDecodeError) as err:
                log.debug("statistics: %s; trying again", err)
            time.sleep(1)

    def take(self, sample: dict[str, Any]) -> None:
        """Use ``sample`` from now on."""
        guests = {int(vmid): values for vmid, values in sample.get("guests", {}).items()}
        self._sample, self._guests, self._at = sample, guests, time.monotonic()

    def fresh(self) -> bool:
        """Whether there is a sample that may be told as live."""
        return time.monotonic() - self._at < STALE_S

    def node(self) -> Mapping[str, Any]:
        return self._sample.get("node", {}) if self.fresh() else {}

    def guests(self) -> Mapping[int, Mapping[str, Any]]:
        return self._guests if self.fresh() else {}

    def storages(self) -> Mapping[str, Mapping[str, Any]]:
        return self._sample.get("storages", {}) if self.fresh() else {}
