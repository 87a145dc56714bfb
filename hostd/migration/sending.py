"""Volumes that go along, as the source sends them: made anew on the target, then filled."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import Conflict, Unavailable
from hostd.core.pace import Pace, taken
from hostd.core.units import MIB
from hostd.guests.lxc import trees
from hostd.guests.lxc.volumes import source_of
from hostd.guests.volumes import catalog_of
from hostd.migration.outgoing import Target
from hostd.migration.wire import Stream
from hostd.node.host import Host
from hostd.storage.copying import Source, convert_argv
from hostd.storage.interface import VolumeSpec
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

_LONG_S: Final = 7 * 24 * 3600.0
_TICK_S: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Made:
    """A volume on the target; its id and its format there."""

    volume: str
    format: str


def make(target: Target, volume: VolumeId, storage: str, wanted: VolumeSpec, *, exact: bool = False) -> Made:
    """Have the target make a volume like ``volume``, empty; Conflict where it is too small, or not ``exact``."""
    size = wanted.size_bytes
    made = target.ask("make", storage=storage, name=wanted.name, size=size, format=wanted.format)
    if made["size"] < size or (exact and made["size"] != size):
        raise Conflict(
            f"storage '{storage}' on node '{target.node}' makes {made['size']} bytes of {size} for "
            f"'{volume}'; resize the disk to that, or choose another storage"
        )
    return Made(volume=str(made["volume"]), format=str(made.get("format", "")))


def send_image(host: Host, log: TaskLog, target: Target, volume: VolumeId, made: Made, pace: Pace) -> None:
    """An image's contents, block by block."""
    catalog = catalog_of(host)
    target.ask("open", volume=made.volume)
    source = Source(path=catalog.path(volume), format=catalog.format(volume))
    argv = convert_argv(source, f"nbd+unix:///?socket={target.place(Stream.COPY)}", "raw")
    with _told(log, target, volume, made, pace, f" of at most {mib(catalog.volume(volume).size_bytes)}"):
        host.run(argv, timeout_s=_LONG_S)
    target.ask("close")


def send_tree(
    host: Host, log: TaskLog, target: Target, volume: VolumeId, made: Made, pace: Pace, *, unprivileged: bool
) -> None:
    """A container's files, one by one: between a folder and an image, and between folders."""
    target.ask("open", volume=made.volume, tree=True, unprivileged=unprivileged)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream, _told(log, target, volume, made, pace):
        stream.connect(target.place(Stream.COPY))
        trees.send(host.run, source_of(catalog_of(host), volume), stream.fileno())
    target.ask("close")


def send_states(host: Host, log: TaskLog, target: Target, volume: VolumeId, made: Made, kind: str) -> None:
    """A volume with all of its states, as a stream of a kind that both storages know, into one of the same form."""
    catalog, counted = catalog_of(host), Pace()
    if made.format != (own := catalog.format(volume)):
        raise Conflict(f"'{volume}' with its snapshots is {own}, '{made.volume}' there is {made.format}")
    sender = catalog.streams(volume, kind)
    log.info(f"copying '{volume}' with its snapshots to '{made.volume}' on node '{target.node}'")
    target.ask("receive", volume=made.volume, kind=kind)
    try:
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream,
            _ticking(lambda: log.info(f"copied {mib(counted.sent)}")),
        ):
            stream.connect(target.place(Stream.COPY))
            with taken(stream.fileno(), counted) as pipe:
                sender.send(volume.name, pipe)
    except OSError as err:
        raise Unavailable(f"the stream to node '{target.node}' broke: {err}") from err
    target.ask("close", count=counted.sent)


@contextmanager
def _told(log: TaskLog, target: Target, volume: VolumeId, made: Made, pace: Pace, of: str = "") -> Iterator[None]:
    log.info(f"copying '{volume}' to '{made.volume}' on node '{target.node}'")
    before = pace.sent
    with _ticking(lambda: log.info(f"copied {mib(pace.sent - before)}{of}")):
        yield


def mib(count: float) -> str:
    return f"{count / MIB:.1f} MiB"


@contextmanager
def _ticking(tell: Callable[[], None]) -> Iterator[None]:
    """Say something each second meanwhile."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(_TICK_S):
            tell()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
