"""Asks the task daemon to start and stop tasks. One request, one answer: a line of JSON each way."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from typing import Any, Protocol

from hostd.core.errors import HostError, Unavailable

SOCKET = "/run/hostd/task.sock"
RETRY_S = 0.1


class TaskClient(Protocol):
    """What handlers see."""

    def spawn(self, type: str, *, id: str, user: str, args: Mapping[str, object]) -> str:
        """Start a task; returns its UPID as soon as its process exists."""

    def stop(self, upid: str) -> None:
        """End a running task."""


class DaemonTasks:
    """The real client; the socket is root's, so the unprivileged front cannot start tasks."""

    def __init__(self, path: str = SOCKET, *, patience_s: float = 8) -> None:
        self._path, self._patience_s = path, patience_s

    def spawn(self, type: str, *, id: str, user: str, args: Mapping[str, object]) -> str:
        return str(self._ask({"op": "spawn", "type": type, "id": id, "user": user, "args": dict(args)})["upid"])

    def stop(self, upid: str) -> None:
        self._ask({"op": "stop", "upid": upid})

    def _connect(self) -> socket.socket:
        """A daemon that is being restarted is waited for: nothing was asked yet, so nothing happens twice."""
        end_s = time.monotonic() + self._patience_s
        while True:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(20)
            try:
                sock.connect(self._path)
            except OSError:
                sock.close()
                if time.monotonic() >= end_s:
                    raise
                time.sleep(RETRY_S)
            else:
                return sock

    def _ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        try:
            with self._connect() as sock:
                sock.sendall(json.dumps(request).encode() + b"\n")
                sock.shutdown(socket.SHUT_WR)
                with sock.makefile("rb") as stream:
                    answer = json.loads(stream.readline() or b"{}")
        except (OSError, ValueError) as err:
            raise Unavailable(f"the task daemon does not answer ({err}); see 'systemctl status hostd-taskd'") from err
        if "error" in answer or not answer:
            raise HostError(str(answer.get("error", "the task daemon closed the connection")))
        return dict(answer)
