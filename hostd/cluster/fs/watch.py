"""The store's socket, server side: requests, and the change feed for those who watch.

Every local process may connect; who it is decides what it sees (``access_of``), by the kernel's word (SO_PEERCRED and
SO_PEERGROUPS, unix(7) and socket(7)), never by what it says.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import socket
import stat
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator
from pathlib import Path
from typing import Final

import trio

from hostd.cluster import feed, wire
from hostd.cluster.fs.channel import Channel
from hostd.cluster.fs.engine import Engine, Refusal
from hostd.cluster.fs.mutations import Cause
from hostd.cluster.fs.replicate import Entry
from hostd.cluster.group import values
from hostd.cluster.requests import (
    READS,
    Access,
    BadRequest,
    answer_change,
    answer_read,
    answer_refusal,
    attribution,
    check_write_access,
    mutation_of,
    publication_of,
    wants_values,
)
from hostd.cluster.standing import Standing
from hostd.core.errors import ParseError

log = logging.getLogger(__name__)

SO_PEERGROUPS: Final = 59
MAX_BEHIND_BYTES: Final = 64 << 20
FINISH_S: Final = 5.0

LOOK_S: Final = 100e-6 if len(os.sched_getaffinity(0)) > 1 else 0.0
HEALTH: Final = "health"
NO_CHANGES: Final = READS | {"publish", HEALTH}

Settle = Callable[[], Awaitable[None]]
Health = Callable[[], wire.Message | None]


def access_of(uid: int, gids: Collection[int], *, readers_uid: int | None, readers_gid: int | None) -> Access | None:
    """What a process may do: root all; user ``hostd`` and members of www-data read what is public; others nothing."""
    if uid == 0:
        return Access.ALL
    reads = (readers_uid is not None and uid == readers_uid) or (readers_gid is not None and readers_gid in gids)
    return Access.PUBLIC if reads else None


def peer_of(stream: trio.SocketStream) -> tuple[int, set[int]]:
    """User id and group ids of the process at the other end, as they were when it connected.

    Of a process in more than 256 groups only the first one counts (Python's limit for an answer of getsockopt(2)).
    """
    _, uid, gid = struct.unpack("iII", stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        groups = stream.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 1024)
    except OSError as err:
        if err.errno != errno.ERANGE:
            raise
        groups = b""
    return uid, {gid, *(number for (number,) in struct.iter_unpack("I", groups))}


def listen(path: Path) -> trio.SocketListener:
    """A listening socket that every user may connect to; one left behind by an earlier daemon is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    listening.bind(str(path))
    os.chmod(path, 0o666)
    listening.listen(256)
    return trio.SocketListener(trio.socket.from_stdlib_socket(listening))


class _Watcher:
    """One connection's share of the feed: frames not yet sent. ``scope`` ends it when it falls too far behind.

    ``values``: it follows the values and the membership of the cluster, too.
    """

    def __init__(self, access: Access, *, values: bool) -> None:
        self.access, self.values = access, values
        self.scope = trio.CancelScope()
        self.frames: deque[bytes] = deque()
        self.waiting_bytes = 0
        self.wake = trio.Event()

    def add(self, frame: bytes) -> None:
        self.frames.append(frame)
        self.waiting_bytes += len(frame)
        self.wake.set()
        if self.waiting_bytes > MAX_BEHIND_BYTES:
            log.warning("a watcher of the store is %d bytes behind; it must start again", self.waiting_bytes)
            self.scope.cancel()

    async def pump(self, stream: trio.SocketStream) -> None:
        """Send frames as they come, until cancelled."""
        while True:
            while self.frames:
                frame = self.frames.popleft()
                await stream.send_all(frame)
                self.waiting_bytes -= len(frame)
            self.wake = trio.Event()
            await self.wake.wait()


class Server:
    """Answers on the socket. ``settle`` is awaited after a change, before its answer: the mount shows it by then."""

    settle: Settle

    def __init__(
        self,
        engine: Engine,
        channel: Channel,
        *,
        standing: Callable[[], Standing | None],
        readers_uid: int | None,
        readers_gid: int | None,
        health: Health = lambda: None,
    ) -> None:
        """``health``: how the cluster is, as Health.to_wire says it; None where there is none."""
        self._engine, self._channel, self._standing = engine, channel, standing
        self._health = health
        self.settle = trio.lowlevel.checkpoint
        self._readers_uid, self._readers_gid = readers_uid, readers_gid
        self._watchers: list[_Watcher] = []
        self._answering: set[trio.CancelScope] = set()
        self._finish_by = math.inf
        engine.listen(self._published)
        channel.listen(self._told)

    async def serve(self, listener: trio.SocketListener) -> None:
        """Serve until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._limit_the_end)
            await trio.serve_listeners(self._serve_one, [listener])

    async def _limit_the_end(self) -> None:
        """From the moment of the cancellation on, what was begun has FINISH_S to be answered.

        Not from its own beginning: when a node of the cluster dies, a change waits longer than that for its answer.
        """
        try:
            await trio.sleep_forever()
        finally:
            self._finish_by = trio.current_time() + FINISH_S
            for scope in self._answering:
                scope.deadline = self._finish_by

    async def _serve_one(self, stream: trio.SocketStream) -> None:
        try:
            uid, gids = peer_of(stream)
            access = access_of(uid, gids, readers_uid=self._readers_uid, readers_gid=self._readers_gid)
            if access is None:
                text = "the store's socket is for root, user hostd and members of group www-data"
                await stream.send_all(wire.encode(answer_refusal(Cause.DENIED, text)))
                return
            hello = {"protocol": wire.PROTOCOL, "node": self._engine.node, "access": access.value}
            await stream.send_all(wire.encode({"hello": hello}))
            await self._answer(stream, access, is_front=uid == self._readers_uid)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client went away; it resynchronises when it returns
        except ParseError as err:
            log.warning("closing a connection to the store: %s", err)
        except Exception:
            log.exception("a connection to the store ended by a bug")

    async def _answer(self, stream: trio.SocketStream, access: Access, *, is_front: bool) -> None:
        buffer = bytearray()
        while True:
            request = await _receive(stream, buffer)
            if request is None:
                return
            if request.get("op") == "watch":
                await self._watch(stream, _Watcher(access, values=wants_values(request)))
                return
            # What was begun is finished and answered also while the daemon is ending.
            with trio.CancelScope(shield=True, deadline=self._finish_by) as scope:
                self._answering.add(scope)
                try:
                    await stream.send_all(wire.encode(await self._handle(request, access, is_front=is_front)))
                finally:
                    self._answering.discard(scope)
            if request.get("op") not in NO_CHANGES:
                _look_for_more(stream, buffer)

    async def _handle(self, request: wire.Message, access: Access, *, is_front: bool) -> wire.Message:
        try:
            if request.get("op") in READS:
                return answer_read(request, self._engine.tree, self._engine.node, access)
            if request.get("op") == "publish":
                self._channel.publish(*publication_of(request, access, is_front=is_front))
                return answer_change(None, None)
            if request.get("op") == HEALTH:
                return {"ok": self._health()}
            check_write_access(access)
            mutation = mutation_of(request, self._engine.node)
            actor, task = attribution(request)
            node = await self._engine.submit(mutation, actor=actor, task=task)
        except BadRequest as err:
            return answer_refusal(err.refused.cause, err.refused.message)
        except Refusal as err:
            return answer_refusal(err.cause, str(err))
        except values.Refused as err:
            return answer_refusal(Cause.TOO_BIG, str(err))
        await self.settle()
        return answer_change(mutation, node)

    # --- feed

    def _published(self, entry: Entry, _from_mount: bool) -> None:
        frames: dict[Access, bytes] = {}
        for watcher in list(self._watchers):
            if watcher.access not in frames:
                told = feed.changes(entry.outcome, self._engine.tree, watcher.access)
                frames[watcher.access] = wire.encode({"changes": told, "version": entry.position.sequence})
            watcher.add(frames[watcher.access])

    def _told(self, told: list[values.Told]) -> None:
        self._to_followers(wire.encode(feed.values(told)))

    def tell_members(self) -> None:
        """The cluster's standing has changed."""
        self._to_followers(wire.encode(feed.members(self._standing())))

    def _to_followers(self, frame: bytes) -> None:
        for watcher in list(self._watchers):
            if watcher.values:
                watcher.add(frame)

    async def _watch(self, stream: trio.SocketStream, watcher: _Watcher) -> None:
        """Send the snapshot and then every change, until the client goes or falls too far behind."""
        # No await from here to the end of this block: the snapshot and the feed must meet.
        snapshot = feed.snapshot(self._engine.tree, watcher.access)
        first = []
        if watcher.values:  # before the tree: whoever waits for that knows the cluster, too
            first = [feed.members(self._standing()), feed.values((), all=True)]
            first += [feed.values((told,)) for told in self._channel.all()]
        version = self._engine.tree.version
        self._watchers.append(watcher)
        try:
            with watcher.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_end_with, stream, watcher.scope)
                    try:
                        for message in first:
                            await stream.send_all(wire.encode(message))
                        for frame in _snapshot_frames(snapshot, version):
                            await stream.send_all(frame)
                        await watcher.pump(stream)
                    except (trio.BrokenResourceError, trio.ClosedResourceError):
                        watcher.scope.cancel()
        finally:
            self._watchers.remove(watcher)


def _snapshot_frames(entries: list[wire.Entry], version: int) -> Iterator[bytes]:
    """The snapshot in frames of about wire.CHUNK_BYTES; the last one says so."""
    chunk: list[wire.Entry] = []
    size = 0
    for entry in entries:
        chunk.append(entry)
        size += 64 + len(entry[1] or b"")
        if size >= wire.CHUNK_BYTES:
            yield wire.encode({"snapshot": chunk, "last": False, "version": version})
            chunk, size = [], 0
    yield wire.encode({"snapshot": chunk, "last": True, "version": version})


async def _end_with(stream: trio.SocketStream, scope: trio.CancelScope) -> None:
    """Cancel ``scope`` when the client closes its end (or says anything: watchers only listen)."""
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await stream.receive_some(1)
    scope.cancel()


def _look_for_more(stream: trio.SocketStream, buffer: bytearray) -> None:
    """Look for the next request for LOOK_S, after a change: whoever makes one after the other asks again within that
    time, and being woken would take as long. The loop does nothing else meanwhile, so reads are not followed by it.
    """
    connection = stream.socket.fileno()
    end_s = time.monotonic() + LOOK_S
    while time.monotonic() < end_s:
        try:
            buffer += os.read(connection, 65536)
        except BlockingIOError:
            continue
        except OSError:
            pass  # ``_receive`` meets it as well
        return


async def _receive(stream: trio.SocketStream, buffer: bytearray) -> wire.Message | None:
    """The next request; None when the client has closed. Raises ParseError."""
    size: int | None = None
    while True:
        if size is None and len(buffer) >= wire.HEADER_BYTES:
            size = wire.decode_length(bytes(buffer[: wire.HEADER_BYTES]), wire.MAX_REQUEST_BYTES)
            del buffer[: wire.HEADER_BYTES]
        if size is not None and len(buffer) >= size:
            body = bytes(buffer[:size])
            del buffer[:size]
            return wire.decode(body)
        more = await stream.receive_some(65536)
        if not more:
            return None
        buffer += more
