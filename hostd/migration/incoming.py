"""The target's side of a move: it makes volumes, takes their contents, and goes on with the guest once it owns it.

One connection controls a move; its process holds the node's lock on the guest. Whenever that connection ends,
``leave`` looks whose the guest is now and ends everything accordingly. Machines are here, containers in
``incoming_containers``.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import pwd
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from hostd.core import files as durable
from hostd.core.errors import Conflict, HostError, NotFound, TimedOut
from hostd.core.formats.keyvalue import GuestFile
from hostd.guests import config as files
from hostd.guests import handover
from hostd.guests.config import GuestKind, GuestPath, StoredGuest
from hostd.guests.qemu import agent, lifecycle, sockets, tpm
from hostd.guests.qemu import config as keys
from hostd.guests.qemu.handover import settle
from hostd.guests.qemu.machines import Machines
from hostd.guests.qemu.refusals import refuse
from hostd.guests.volumes import catalog_of
from hostd.migration import leftovers
from hostd.migration.leftovers import Side
from hostd.migration.receiving import Receiving
from hostd.migration.wire import Stream
from hostd.node.addresses import own_addresses
from hostd.node.host import Host
from hostd.storage.catalog import Catalog
from hostd.storage.interface import Driver, VolumeSpec
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

_ARRIVAL_S: Final = 20.0
_CLOSE_S: Final = 120.0
_POLL_S: Final = 0.1
_MOST_NAMES: Final = 100
_TRIES: Final = 5
_TRY_S: Final = 2.0
LIBVIRT_SOCKET: Final = "/run/libvirt/libvirt-sock"

Answer = dict[str, Any]


def session_path(vmid: int) -> str:
    """What streams of a move are checked against: root's alone, beside the folder of its sockets."""
    return f"{handover.folder(vmid)}.json"


def socket_of(stream: Stream, vmid: int) -> str:
    """Where a stream goes on this node."""
    return LIBVIRT_SOCKET if stream is Stream.LIBVIRT else f"{handover.folder(vmid)}/{stream}"


def require_session(vmid: int, token: str | None) -> None:
    """NotFound unless a move of that machine to this node is under way; ``token`` None: it need not be shown."""
    try:
        with open(session_path(vmid), encoding="utf-8") as file:
            known = json.load(file)["token"]
    except FileNotFoundError as err:
        raise NotFound(f"guest {vmid} is not being moved to this node") from err
    if token is not None and not secrets.compare_digest(token, known):
        raise NotFound(f"guest {vmid} is not being moved to this node")


def nbd_argv(path: str, format: str, socket: str, pid_file: str) -> list[str]:
    """``qemu-nbd`` for one client, then it ends; it returns once it listens. Zeroes are not stored."""
    cache = ["--cache", "none"] if path.startswith("/dev/") else []
    zeroes = ["--discard", "unmap", "--detect-zeroes", "unmap"]
    return ["qemu-nbd", "--fork", "--pid-file", pid_file, "--socket", socket, "--format", format, *cache, *zeroes, path]


def free_stem(wished: str, vmid: int, taken: set[str], format: str = "raw") -> str:
    """The volume's own name where it is free, the guest's and of the format's kind, else the next free one."""
    prefix = f"{'subvol' if format == 'subvol' else 'vm'}-{vmid}-"
    if wished.startswith(prefix) and wished not in taken:
        return wished
    name = next((n for i in range(_MOST_NAMES) if (n := f"{prefix}disk-{i}") not in taken), "")
    if not name:
        raise Conflict(f"no free disk name left for guest {vmid}")
    return name


class Incoming:
    """A machine that may come. The lock on it is held from ``begin`` to ``leave``."""

    kind = GuestKind.QEMU
    content = "images"

    def __init__(self, host: Host, log: TaskLog, vmid: int, machines: Machines) -> None:
        self._host, self._log, self._vmid, self._machines = host, log, vmid, machines
        self._label = f"{self.kind.label} {vmid}"
        self._stack = contextlib.ExitStack()
        self._source = ""
        self._begun = False  # the lock is held, and something may be here that has to go
        self._volumes: list[VolumeId] = []  # by stems, as they are noted
        self._made: list[VolumeId] = []
        self._open: tuple[str, str] | None = None  # path and pid file of what takes contents
        self._receiving: Receiving | None = None

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """One request of the source. Raises HostError with the reason that the source is told."""
        calls: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "begin": self._begin,
            "make": self._make,
            "open": self._take,
            "receive": self._receive,
            "close": self._taken,
            "prepare": self._prepare,
            "finish": self._finish,
            "trim": self._trim,
        }
        name = str(message.get("op"))
        if name not in calls:
            raise HostError(f"'{name}' is not understood; this node has another version")
        return calls[name](message)

    def _begin(self, message: Mapping[str, Any]) -> Answer:
        self._source = str(message["source"])
        self._file()  # it is a guest that is marked as coming here
        self._stack.enter_context(files.lock(self._vmid))
        self._begun = True
        self._clear_leftovers()
        if self._runs():
            raise Conflict(f"a guest of id {self._vmid} runs on node '{self._host.node}'")
        leftovers.note(Side.INCOMING, self._vmid, [])
        token = secrets.token_hex(32)
        _make_folder(handover.folder(self._vmid))
        durable.replace(session_path(self._vmid), json.dumps({"token": token}).encode(), mode=0o600)
        return {"token": token, "addresses": own_addresses(self._host.run)}

    def _runs(self) -> bool:
        return self._machines.state(self._vmid) is not None

    def _clear_leftovers(self) -> None:
        leftovers.clear(self._host, self._log, self._vmid, self._machines)

    def _file(self) -> GuestFile:
        """The guest's file where its owner has it. Conflict unless it says that it comes here."""
        place = GuestPath(node=self._source, kind=self.kind, vmid=self._vmid)
        file = files.load(self._host.store, place).file
        move = handover.told(file)
        if self._source == self._host.node or move is None or move.target != self._host.node:
            raise Conflict(f"{self._label} is not marked as moving to node '{self._host.node}'")
        return file

    def _catalog(self) -> Catalog:
        return catalog_of(self._host)

    def _make(self, message: Mapping[str, Any]) -> Answer:
        """An empty volume. It is noted before it is made: nothing that was made can be lost."""
        catalog, storage = self._catalog(), str(message["storage"])
        driver = catalog.require(storage, self.content)
        driver.activate()
        size, format = int(message["size"]), self._format(driver, str(message["format"]), int(message["size"]))
        taken = {leftovers.stem(volume.name) for volume in driver.volumes({"images", "rootdir"}, self._vmid)}
        name = free_stem(leftovers.stem(str(message["name"])), self._vmid, taken, format)
        self._volumes.append(VolumeId(storage, name))
        leftovers.note(Side.INCOMING, self._vmid, self._volumes)
        spec = VolumeSpec(vmid=self._vmid, size_bytes=size, format=format, name=name)
        made = catalog.allocate(storage, spec, self.content)
        self._made.append(made)
        catalog.activate([made])
        self._log.info(f"made volume '{made}'")
        return {"volume": str(made), "size": catalog.volume(made).size_bytes, "format": catalog.format(made)}

    def _format(self, driver: Driver, wanted: str, size_bytes: int) -> str:
        """How a volume of a size, which has the format ``wanted`` at the source, is stored here."""
        return wanted if wanted in driver.info.formats else driver.info.formats[0]

    def _own_volume(self, name: str) -> VolumeId:
        """A volume that was made for this move; Conflict for any other."""
        volume = VolumeId.parse(name)
        if volume not in self._made:
            raise Conflict(f"'{volume}' was not made for this move")
        return volume

    def _take(self, message: Mapping[str, Any]) -> Answer:
        """Open a volume for its contents, which come as a stream of their own."""
        volume, catalog = self._own_volume(str(message["volume"])), self._catalog()
        path, pid_file = catalog.path(volume), f"{session_path(self._vmid)}.pid"
        _forget(pid_file)
        argv = nbd_argv(path, catalog.format(volume), socket_of(Stream.COPY, self._vmid), pid_file)
        self._host.run(argv, timeout_s=60)
        self._open = (path, pid_file)
        return {}

    def _receive(self, message: Mapping[str, Any]) -> Answer:
        """Open a volume for one with all of its states, which comes as a stream of its own and takes its place."""
        volume = self._own_volume(str(message["volume"]))
        taker = self._catalog().streams(volume, str(message["kind"]))
        read = functools.partial(taker.receive, volume.name)
        self._receiving = Receiving(str(volume), read, socket_of(Stream.COPY, self._vmid))
        return {}

    def _taken(self, message: Mapping[str, Any]) -> Answer:
        """Wait until the contents are written, durably."""
        if self._receiving is not None:
            receiving, self._receiving = self._receiving, None
            receiving.wait(message.get("count"))
            return {}
        if self._open is None:
            raise Conflict("no volume is open")
        path, pid_file = self._open
        end_s = time.monotonic() + _CLOSE_S
        while _alive(pid_file):
            if time.monotonic() >= end_s:
                raise TimedOut(f"what writes to '{path}' does not end")
            time.sleep(_POLL_S)
        self._open = None
        _forget(pid_file)
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        return {}

    def _prepare(self, message: Mapping[str, Any]) -> Answer:
        """Make ready for the running machine; the answer is how this node would define it."""
        moved = {str(old): str(new) for old, new in message["moved"].items()}
        config = keys.with_old_names(handover.with_volumes(self._file(), moved).current)
        refuse(config, os.uname().machine)
        xml = lifecycle.definition(self._host, self._log, self._vmid, config, self._machines)
        sockets.prepare(self._vmid)
        tpm.begin(self._host, self._vmid, config)
        return {"xml": xml}

    def _finish(self, message: Mapping[str, Any]) -> Answer:
        """The file came to this node: complete the move, and let the machine go on."""
        guest = self._arrived()
        running = self._machines.state(self._vmid) is not None
        settle(self._host, self._log, guest, self._machines)
        if running:
            return {"downtime_ms": self._machines.downtime_ms(self._vmid)}
        self._catalog().deactivate(self._made)
        return {}

    def _arrived(self) -> StoredGuest:
        """The guest's file, here. The other node goes on once a majority has it, of which this node need not be."""
        here = GuestPath(node=self._host.node, kind=self.kind, vmid=self._vmid)
        end_s = time.monotonic() + _ARRIVAL_S
        while True:
            try:
                return files.load(self._host.store, here)
            except NotFound as err:
                if time.monotonic() >= end_s:
                    raise Conflict(f"{self._label} has not come to this node") from err
                time.sleep(_POLL_S)

    def _trim(self, message: Mapping[str, Any]) -> Answer:
        """It runs here, and its disks were copied whole."""
        config = self._arrived().file.current
        agent.trim_copied(self._machines, self._log, self._vmid, config)
        return {}

    def leave(self) -> None:
        """End this side of the move: the guest is this node's now, or nothing of it stays.

        Raises HostError where that cannot be done now; the note stays, for whoever clears up next.
        """
        with self._stack:
            if self._receiving is not None:
                self._receiving.drop()
            if self._open is not None:
                _end(self._open[1])
            if self._begun:
                _forget(session_path(self._vmid))
                self._clear()

    def _clear(self) -> None:
        """libvirt may be starting again just now: what was cut off may be just that."""
        for _ in range(_TRIES):
            try:
                self._clear_leftovers()
                return
            except HostError as err:
                self._log.warn(f"{self._label}: {err}")
                time.sleep(_TRY_S)
        self._clear_leftovers()


def _make_folder(path: str) -> None:
    """A folder in which QEMU may make sockets, and nobody else looks."""
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path, mode=0o755)
    os.chmod(path, 0o700)
    with contextlib.suppress(KeyError):  # QEMU runs as root where the user does not exist
        user = pwd.getpwnam(sockets.QEMU_USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def _forget(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _pid(pid_file: str) -> int:
    with contextlib.suppress(OSError, ValueError), open(pid_file, encoding="ascii") as file:
        return int(file.read())
    return 0


def _alive(pid_file: str) -> bool:
    pid = _pid(pid_file)
    return pid > 0 and os.path.exists(f"/proc/{pid}")


def _end(pid_file: str) -> None:
    if pid := _pid(pid_file):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    _forget(pid_file)
