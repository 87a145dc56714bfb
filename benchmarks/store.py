#!/usr/bin/env python3
"""How fast the mounted store is, as ratios against tmpfs measured in the same run.

    benchmarks/store.py DIR [--tmpfs DIR] [--seconds S]

DIR is a directory of the mount, for example /etc/pve; everything is done in a new directory below it, which is removed
at the end. Rounds on both file systems alternate, so that noise of the machine meets both. The store's writes are on
disk when they return; tmpfs never writes. Read the ratios, not the microseconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FILES = 1000
DATA = bytes(range(256)) * 4  # 1 KiB


@dataclass
class Place:
    """A directory under test with FILES small files, and an open descriptor of one."""

    directory: Path
    held: int = -1
    count: int = 0
    samples: dict[str, list[float]] = field(default_factory=dict)

    def prepare(self) -> None:
        self.directory.mkdir()
        for number in range(FILES):
            (self.directory / f"f{number:04}").write_bytes(DATA)
        self.held = os.open(self.directory / "f0000", os.O_RDONLY)

    def clean(self) -> None:
        if self.held >= 0:
            os.close(self.held)
        shutil.rmtree(self.directory, ignore_errors=True)

    def name(self) -> str:
        self.count += 1
        return f"{self.directory}/f{self.count * 7 % FILES:04}"


def create(place: Place) -> None:
    place.count += 1
    write(f"{place.directory}/new{place.count}", os.O_CREAT)


def overwrite(place: Place) -> None:
    write(place.name(), os.O_TRUNC)


def replace(place: Place) -> None:
    temporary = f"{place.directory}/tmp"
    write(temporary, os.O_CREAT)
    os.rename(temporary, place.name())


def write(name: str, flags: int) -> None:
    descriptor = os.open(name, os.O_WRONLY | flags, 0o640)
    os.write(descriptor, DATA)
    os.close(descriptor)


def pread(place: Place) -> None:
    os.pread(place.held, 4096, 0)


def read(place: Place) -> None:
    descriptor = os.open(place.name(), os.O_RDONLY)
    os.read(descriptor, 4096)
    os.close(descriptor)


def stat(place: Place) -> None:
    os.stat(place.name())


def readdir(place: Place) -> None:
    os.listdir(place.directory)


@dataclass(frozen=True)
class Operation:
    """``turns`` calls are timed one by one in each round."""

    name: str
    call: Callable[[Place], None]
    turns: int


OPERATIONS = (
    Operation("stat", stat, 500),
    Operation("pread, open file", pread, 500),
    Operation("open+read+close", read, 300),
    Operation(f"readdir ({FILES})", readdir, 5),
    Operation("overwrite", overwrite, 50),
    Operation("create", create, 50),
    Operation("temp+rename", replace, 30),
)


def measure(operation: Operation, place: Place) -> None:
    samples = place.samples.setdefault(operation.name, [])
    clock = time.perf_counter
    for _ in range(operation.turns):
        begin = clock()
        operation.call(place)
        samples.append(clock() - begin)


def quantile(samples: list[float], share: float) -> float:
    """In microseconds."""
    return sorted(samples)[min(int(len(samples) * share), len(samples) - 1)] * 1e6


def report(store: Place, other: Place) -> None:
    head = f"{'':18}{'store p50':>11}{'p99':>9}{'ops/s':>9}{'tmpfs p50':>11}{'ratio':>8}"
    print(head)
    for operation in OPERATIONS:
        mine, theirs = store.samples[operation.name], other.samples[operation.name]
        rate = len(mine) / sum(mine)
        p50, base = quantile(mine, 0.5), quantile(theirs, 0.5)
        row = f"{p50:8.1f} µs{quantile(mine, 0.99):9.0f}{rate:9.0f}{base:8.1f} µs{p50 / base:8.1f}"
        print(f"{operation.name:18}{row}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--tmpfs", type=Path, default=Path("/dev/shm"), help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=10, help="stop after this time (default: %(default)s)")
    options = parser.parse_args()
    name = f"benchmark-{os.getpid()}"
    places = [Place(options.directory / name), Place(options.tmpfs / name)]
    deadline = time.monotonic() + options.seconds
    try:
        for place in places:
            place.prepare()
        rounds = 0
        while rounds == 0 or time.monotonic() < deadline:
            for operation in OPERATIONS:
                for place in places:
                    measure(operation, place)
            rounds += 1
        report(*places)
        print(f"{rounds} rounds; warm caches; 1 KiB files", file=sys.stderr)
    finally:
        for place in places:
            place.clean()
    return 0


if __name__ == "__main__":
    sys.exit(main())
