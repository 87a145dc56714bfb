"""Directories under test, what is done in them, and how long each call takes."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FILES = 1000
FEW = 10
_COUNT = itertools.count()


def fresh_data() -> bytes:
    """1 KiB that nobody has written before: a store may notice that nothing changes."""
    return next(_COUNT).to_bytes(16) * 64


@dataclass
class Place:
    """A directory with FILES small files. ``synced``: each change is followed by fsync, of the directory too."""

    name: str
    directory: Path
    locks: Path  # where lock directories are made
    synced: bool = False
    held: int = -1
    count: int = 0
    samples: dict[str, list[float]] = field(default_factory=dict)

    def prepare(self) -> None:
        for directory, count in ((self.directory, FILES), (self.directory / "few", FEW)):
            directory.mkdir()
            for number in range(count):
                (directory / f"f{number:04}").write_bytes(fresh_data())
        self.locks.mkdir(parents=True, exist_ok=True)
        self.held = os.open(self.directory / "f0000", os.O_RDONLY)

    def clean(self) -> None:
        if self.held >= 0:
            os.close(self.held)
            self.held = -1
        shutil.rmtree(self.directory, ignore_errors=True)

    def some(self) -> str:
        """One of the files, another one each time."""
        self.count += 1
        return f"{self.directory}/f{self.count * 7 % FILES:04}"

    def new(self) -> str:
        self.count += 1
        return f"{self.directory}/new{self.count}"

    def settle(self) -> None:
        """Names are on disk."""
        if self.synced:
            descriptor = os.open(self.directory, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


def write(place: Place, name: str, flags: int) -> None:
    descriptor = os.open(name, os.O_WRONLY | flags, 0o640)
    os.write(descriptor, fresh_data())
    if place.synced:
        os.fsync(descriptor)
    os.close(descriptor)


def create(place: Place) -> None:
    write(place, place.new(), os.O_CREAT)
    place.settle()


def overwrite(place: Place) -> None:
    write(place, place.some(), os.O_TRUNC)


def replace(place: Place) -> None:
    temporary = f"{place.directory}/tmp"
    write(place, temporary, os.O_CREAT)
    os.rename(temporary, place.some())
    place.settle()


def pread(place: Place) -> None:
    os.pread(place.held, 4096, 0)


def read(place: Place) -> None:
    descriptor = os.open(place.some(), os.O_RDONLY)
    os.read(descriptor, 4096)
    os.close(descriptor)


def stat(place: Place) -> None:
    os.stat(place.some())


def list_few(place: Place) -> None:
    os.listdir(place.directory / "few")


def list_all(place: Place) -> None:
    os.listdir(place.directory)


def rename(place: Place) -> None:
    """To and fro, so that everything stays as it was; one sample is one rename."""
    place.count += 1
    here, there = f"{place.directory}/few/f0000", f"{place.directory}/few/moved"
    os.rename(*((here, there) if os.path.exists(here) else (there, here)))
    place.settle()


def make_directory(place: Place) -> None:
    os.mkdir(place.new())
    place.settle()


def remove(place: Place) -> None:
    os.unlink(f"{place.directory}/gone{place.count}")
    place.count += 1
    place.settle()


def before_remove(place: Place, turns: int) -> None:
    for number in range(turns):
        write(place, f"{place.directory}/gone{place.count + number}", os.O_CREAT)


def lock(place: Place) -> None:
    name = f"{place.locks}/benchmark"
    os.mkdir(name)
    os.rmdir(name)


def nothing(place: Place, turns: int) -> None:
    """An operation that needs no preparation."""


@dataclass(frozen=True)
class Operation:
    """``turns`` calls are timed one by one in each round, after ``before``, which is not timed."""

    name: str
    call: Callable[[Place], None]
    turns: int
    before: Callable[[Place, int], None] = nothing


OPERATIONS = (
    Operation("stat", stat, 500),
    Operation("pread, open file", pread, 500),
    Operation("open+read+close", read, 300),
    Operation(f"readdir ({FEW})", list_few, 50),
    Operation(f"readdir ({FILES})", list_all, 5),
    Operation("overwrite", overwrite, 30),
    Operation("create", create, 20),
    Operation("temp+rename", replace, 20),
    Operation("rename", rename, 20),
    Operation("mkdir", make_directory, 20),
    Operation("unlink", remove, 20, before_remove),
    Operation("lock cycle", lock, 20),
)


def measure(operation: Operation, place: Place) -> None:
    samples = place.samples.setdefault(operation.name, [])
    operation.before(place, operation.turns)
    clock = time.perf_counter
    for _ in range(operation.turns):
        begin = clock()
        operation.call(place)
        samples.append(clock() - begin)


def forget_new(place: Place) -> None:
    """Remove what the rounds have made, so that the lists stay as long as they were."""
    with os.scandir(place.directory) as entries:
        for entry in entries:
            if entry.name.startswith("new"):
                (os.rmdir if entry.is_dir() else os.unlink)(entry.path)


def quantile_us(samples: Sequence[float], share: float) -> float:
    """Of seconds, in microseconds."""
    return sorted(samples)[min(int(len(samples) * share), len(samples) - 1)] * 1e6


def median_us(place: Place, operation: str) -> float:
    return quantile_us(place.samples[operation], 0.5)
