"""The disk of the power cut tests, written and read by QEMU's own client."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lib.volatiledisk import CACHE_BYTES, DiskServer, VolatileDisk

SIZE = 8 << 20
OLD, NEW = b"o", b"n"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(OLD * SIZE)
    return path


@pytest.fixture
def disk(image: Path) -> VolatileDisk:
    return VolatileDisk(image)


Ask = Callable[..., str]


@pytest.fixture
def ask(disk: VolatileDisk, tmp_path: Path) -> Iterator[Ask]:
    """``ask(*commands)`` of qemu-io(1), which flushes at its end; with ``crash`` it dies before, and says nothing."""
    server = DiskServer(disk, tmp_path / "disk.sock")

    def run(*commands: str, crash: bool = False) -> str:
        argv = ["qemu-io", "-f", "raw", "-t", "none"]
        argv += [word for command in (*commands, *["abort"] * crash) for word in ("-c", command)]
        argv += [f"nbd+unix:///?socket={tmp_path / 'disk.sock'}"]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60).stdout

    yield run
    server.end()


def test_what_was_flushed_stays_and_the_rest_is_lost(disk: VolatileDisk, image: Path, ask: Ask) -> None:
    ask("write -P 0x6e 4096 8192", "flush", "write -P 0x6e 1048576 65536", crash=True)
    assert disk.read(1048576, 65536) == NEW * 65536
    assert disk.cut(0.0, random.Random(1)) == 65536
    data = image.read_bytes()
    assert data[4096:12288] == NEW * 8192
    assert data.count(NEW) == 8192


def test_a_write_that_asks_for_it_is_safe_at_once(disk: VolatileDisk, image: Path, ask: Ask) -> None:
    ask("write -f -P 0x6e 0 4096", crash=True)
    assert disk.cut(0.0, random.Random(1)) == 0
    assert image.read_bytes().count(NEW) == 4096


def test_a_cut_may_keep_any_part_of_what_was_not_flushed(disk: VolatileDisk, image: Path) -> None:
    disk.write(0, NEW * SIZE)
    lost = disk.cut(0.5, random.Random(1))
    assert 0 < lost < SIZE
    assert image.read_bytes().count(NEW) == SIZE - lost


def test_parts_of_blocks_are_read_back(disk: VolatileDisk, image: Path, ask: Ask) -> None:
    told = ask("write -P 0x6e 1024 512", "read -P 0x6e 1024 512", "read -P 0x6f 0 1024", "read -P 0x6f 1536 8192")
    assert told.count("read ") == 3
    assert "verification failed" not in told
    disk.write(4000, NEW * 200)
    assert disk.read(3999, 202) == OLD + NEW * 200 + OLD
    disk.flush()
    assert image.read_bytes().count(NEW) == 712


def test_the_cache_is_finite(tmp_path: Path) -> None:
    path = tmp_path / "large.img"
    with path.open("wb") as file:
        file.truncate(CACHE_BYTES + SIZE)
    disk = VolatileDisk(path)
    for place in range(0, disk.size, SIZE):
        disk.write(place, NEW * SIZE)
    assert disk.unflushed == CACHE_BYTES
    disk.cut(0.0, random.Random(1))
    with path.open("rb") as file:
        assert file.read(SIZE) == NEW * SIZE
        assert file.read(SIZE) == bytes(SIZE)
