"""Whole programs' needs: a thousand configurations, memory, starting with five thousand, durable single writes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.storebench.daemon import NODE, Daemon, rss_mb
from benchmarks.storebench.peers import Etcd
from benchmarks.storebench.places import fresh_data
from hostd.cluster.mirror import Mirror

CONFIG_BYTES = 2048
GUESTS = f"nodes/{NODE}/qemu-server"
FIRST_VMID = 1000
ROUNDS = 15
WRITES = 50  # in a round
REST_S = 0.25  # before a round: etcd writes its database up to 0.1 s after a put, and the next one would wait for it


@dataclass(frozen=True, kw_only=True)
class Loads:
    """Seconds, fastest and usual, to have 1,000 configurations; the daemon's resident memory with them."""

    socket_s: list[float]
    mount_s: list[float]
    tmpfs_s: list[float]
    rss_mb: float


def config(number: int) -> bytes:
    """Something like a guest's configuration, CONFIG_BYTES long."""
    text = f"cores: 2\nmemory: 2048\nname: guest{number}\nnet0: virtio=BC:24:11:00:00:00,bridge=vmbr0\n"
    return text.encode().ljust(CONFIG_BYTES - 1, b"#") + b"\n"


def fill(daemon: Daemon, numbers: range) -> None:
    with daemon.client() as store:
        for number in numbers:
            store.write(f"{GUESTS}/{FIRST_VMID + number}.conf", config(number))


def loads(daemon: Daemon, tmpfs: Path, count: int) -> Loads:
    """Fill, start again, and load all configurations by each way in turn."""
    fill(daemon, range(count))
    daemon.stop()
    daemon.start()
    by_socket(daemon, count)
    memory = daemon.rss_mb()
    tmpfs.mkdir()
    for number in range(count):
        (tmpfs / f"{number}.conf").write_bytes(config(number))
    ways: tuple[Callable[[], float], ...] = (
        lambda: by_socket(daemon, count),
        lambda: by_files(daemon.mount / GUESTS, count),
        lambda: by_files(tmpfs, count),
    )
    found: list[list[float]] = [[] for _ in ways]
    for _ in range(ROUNDS):
        for way, times in zip(ways, found, strict=True):
            times.append(way())
    return Loads(socket_s=found[0], mount_s=found[1], tmpfs_s=found[2], rss_mb=memory)


def by_socket(daemon: Daemon, count: int) -> float:
    """A program's mirror from nothing to ready; thereafter each read is one of a dictionary."""
    begin = time.perf_counter()
    mirror = Mirror(str(daemon.socket))
    mirror.start()
    mirror.wait_ready()
    files = mirror.glob(f"{GUESTS}/")
    took = time.perf_counter() - begin
    mirror.stop()
    assert len(files) == count, f"{len(files)} of {count} configurations"
    return took


def by_files(directory: Path, count: int) -> float:
    begin = time.perf_counter()
    names = os.listdir(directory)
    for name in names:
        descriptor = os.open(f"{directory}/{name}", os.O_RDONLY)
        os.read(descriptor, 65536)
        os.close(descriptor)
    took = time.perf_counter() - begin
    assert len(names) == count
    return took


def start_with(daemon: Daemon, already: int, count: int) -> list[float]:
    """Seconds from the daemon's start to its first answer with ``count`` configurations in its database."""
    fill(daemon, range(already, count))
    times = []
    for _ in range(3):
        daemon.stop()
        times.append(daemon.start())
    return times


def single_writes(daemon: Daemon, etcd: Etcd | None, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds of each durable write of 1 KiB: by the socket, by the mount, and etcd's put, in turn."""
    found: dict[str, list[float]] = {"socket": [], "mount": [], "etcd": []}
    mount = str(daemon.mount)
    with daemon.client() as store:
        ways: dict[str, Callable[[str], object]] = {
            "socket": lambda name: store.write(name, fresh_data()),
            "mount": lambda name: overwrite(f"{mount}/by-mount-{name}"),
        }
        for number in range(WRITES):
            store.write(f"by-mount-write{number}", fresh_data())
        if etcd is not None:
            client = etcd
            ways["etcd"] = lambda name: client.put(name, fresh_data())
        for _ in range(rounds):
            for way, call in ways.items():
                time.sleep(REST_S)
                for number in range(WRITES):
                    begin = time.perf_counter()
                    call(f"write{number}")
                    found[way].append(time.perf_counter() - begin)
    return found


def overwrite(file: str) -> None:
    """Durable when the file is closed."""
    descriptor = os.open(file, os.O_WRONLY | os.O_TRUNC)
    os.write(descriptor, fresh_data())
    os.close(descriptor)


def memory_of(pid: int) -> float:
    """Resident memory of a process in MB."""
    return rss_mb(pid)
