"""Forks the workers of tasks. Single-threaded, holds no libvirt or LXC handle, imports everything up front."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from hostd.core.errors import HostError, NotFound
from hostd.tasks.archive import Archive, process_start
from hostd.tasks.eventlog import Event
from hostd.tasks.log import UNEXPECTED, FileLog, exit_status
from hostd.tasks.registry import Task
from hostd.tasks.scopes import Scopes
from hostd.tasks.upid import Upid

log = logging.getLogger(__name__)
REQUEST_LIMIT = 1 << 20
STOP_TIMEOUT_S = 10


class Spawner:
    """Starts tasks and records their end; also of tasks that an earlier daemon started.

    ``make_host`` is called in the worker, after the fork, so that it has connections of its own.
    """

    def __init__(
        self,
        node: str,
        tasks: Mapping[str, Task],
        archive: Archive,
        scopes: Scopes,
        make_host: Callable[[], Any],
        tell: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self._node, self._tasks, self._archive, self._scopes = node, tasks, archive, scopes
        self._make_host, self._tell = make_host, tell
        self.watched: dict[int, Upid] = {}  # pidfd -> task
        self._deadlines: dict[Upid, float] = {}  # asked to end; killed at this time (monotonic seconds)

    def adopt(self) -> None:
        """Take over what an earlier daemon left: watch what runs, record what ended meanwhile."""
        os.makedirs(self._archive.running_folder, exist_ok=True)
        for name in sorted(os.listdir(self._archive.running_folder)):
            with contextlib.suppress(HostError):
                upid = Upid.parse(name)
                if process_start(upid.pid) == upid.pstart:
                    self._watch(upid)
                else:
                    self._record_end(upid)

    def _watch(self, upid: Upid) -> None:
        try:
            self.watched[os.pidfd_open(upid.pid)] = upid
        except ProcessLookupError:
            self._record_end(upid)

    def _record_end(self, upid: Upid) -> None:
        self._archive.record_end(upid, now_s=time.time())
        status = exit_status(self._archive.log_path(upid))
        if status == UNEXPECTED:
            self._end_programs(upid)
        self._event(upid, f"end task {upid}: {status}", failed=status != "OK" and not status.startswith("WARNINGS"))

    def _end_programs(self, upid: Upid) -> None:
        """A worker that was killed leaves the programs that it had started, which still write to disks."""
        try:
            self._scopes.end(_scope(upid))
        except HostError as err:
            log.warning("task %s: what it had started may go on: %s", upid, err)

    def _event(self, upid: Upid, text: str, *, failed: bool = False) -> None:
        """Into the cluster's log, and into the journal by the daemon's own one."""
        log.info("%s", text)
        pri, now = 3 if failed else 6, int(time.time())
        self._tell(Event(time=now, node=self._node, pid=os.getpid(), pri=pri, tag="taskd", user=upid.user, msg=text))

    def spawn(self, type: str, id: str, user: str, args: Mapping[str, object]) -> Upid:
        """Fork a worker that waits until its scope, log and status file exist, then let it go."""
        if type not in self._tasks:
            raise NotFound(f"no task of type '{type}' exists on this host")
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._work(theirs, type, id, args)
        theirs.close()
        ours.settimeout(10)
        ours.recv(1)  # its own session and signal handler are in place: from here on it can be stopped
        upid = Upid(
            node=self._node,
            pid=pid,
            pstart=process_start(pid),
            starttime=int(time.time()),
            type=type,
            id=id,
            user=user,
        )
        try:
            self._scopes.open(_scope(upid), pid, f"Holdfast task {type} {id}".strip())
            self._write_files(upid)
            ours.sendall(str(upid).encode())
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise
        finally:
            ours.close()
        self._watch(upid)
        self._event(upid, f"starting task {upid}")
        return upid

    def _write_files(self, upid: Upid) -> None:
        path = self._archive.log_path(upid)
        os.makedirs(os.path.dirname(path), mode=0o750, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o640))
        status = self._archive.status_path(upid)
        os.close(os.open(status, os.O_WRONLY | os.O_CREAT, 0o644))

    def _work(self, parent: socket.socket, type: str, id: str, args: Mapping[str, object]) -> None:
        """In the child: run the task function, write how it ended, and leave without the parent's clean-up."""
        code = 1
        try:
            os.setsid()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until the log is there to say so
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            for fd in self.watched:
                os.close(fd)
            parent.sendall(b"r")
            if text := parent.recv(4096).decode():
                parent.close()
                code = self._run(Upid.parse(text), args)
        except BaseException:
            log.exception("task %s %s: worker failed", type, id)
        finally:
            os._exit(code)

    def _run(self, upid: Upid, args: Mapping[str, object]) -> int:
        fd = os.open(self._archive.log_path(upid), os.O_WRONLY | os.O_APPEND)
        lines = FileLog(fd)
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            self._tasks[upid.type](self._make_host(), lines, **args)
        except KeyboardInterrupt:
            lines.finish("interrupted by signal")
            return 1
        except HostError as err:
            lines.finish(str(err))
            return 1
        except Exception as err:  # noqa: BLE001 - the worker's own loop: a bug ends as an error of this task
            log.error("task %s: %s", upid, traceback.format_exc())
            lines.finish(f"internal error: {type(err).__name__}: {err} (the journal has the details)")
            return 1
        lines.finish()
        return 0

    def reap(self, pidfd: int) -> None:
        """A watched worker has ended (its pidfd became readable): record it."""
        upid = self.watched.pop(pidfd)
        os.close(pidfd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(upid.pid, os.WNOHANG)
        self._deadlines.pop(upid, None)
        self._record_end(upid)
        self._archive.prune()

    def stop(self, text: str) -> None:
        """Ask a running task to end (SIGTERM to its process group); ``expire`` kills it where it does not."""
        upid = Upid.parse(text)
        if process_start(upid.pid) != upid.pstart or upid not in self.watched.values():
            raise NotFound("no such task")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(upid.pid, signal.SIGTERM)
        self._deadlines.setdefault(upid, time.monotonic() + STOP_TIMEOUT_S)

    def expire(self, now_s: float) -> None:
        """Kill tasks that were asked to end and did not; ``now_s`` is monotonic."""
        for upid in [u for u, deadline in self._deadlines.items() if deadline <= now_s]:
            del self._deadlines[upid]
            if process_start(upid.pid) == upid.pstart:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(upid.pid, signal.SIGKILL)


def _scope(upid: Upid) -> str:
    return f"hostd-task-{upid.pid}-{upid.pstart:x}.scope"


def answer(spawner: Spawner, request: Mapping[str, Any]) -> dict[str, object]:
    """One request of the socket to its answer; expected errors become ``{"error": text}``."""
    try:
        if request.get("op") == "spawn":
            upid = spawner.spawn(request["type"], request["id"], request["user"], request["args"])
            return {"upid": str(upid)}
        if request.get("op") == "stop":
            spawner.stop(request["upid"])
            return {"stopped": True}
    except HostError as err:
        return {"error": str(err)}
    return {"error": f"unknown request {request.get('op')!r}"}


def serve(spawner: Spawner, listener: socket.socket, stopped: Callable[[], bool]) -> None:
    """Answer requests and reap workers until ``stopped``; one request at a time, as forking is all it does."""
    while not stopped():
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        for fd in spawner.watched:
            poll.register(fd, select.POLLIN)
        for fd, _event in poll.poll(1000):
            if fd == listener.fileno():
                _serve_one(spawner, listener)
            else:
                spawner.reap(fd)
        spawner.expire(time.monotonic())


def _serve_one(spawner: Spawner, listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(5)
        try:
            with connection.makefile("rb") as stream:
                request = json.loads(stream.readline(REQUEST_LIMIT))
            reply = answer(spawner, request)
            connection.sendall(json.dumps(reply).encode() + b"\n")
        except (OSError, ValueError) as err:
            log.warning("task socket: bad request: %s", err)
