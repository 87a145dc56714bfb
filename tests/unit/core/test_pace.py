"""A file's bytes at a limited rate: all of them, and whoever stops reading holds nobody up."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from hostd.core import pace
from hostd.core.pace import Pace, brought, paced, taken

FAST_BPS = 1 << 40


def read_all(source: int) -> bytes:
    parts = []
    while part := os.read(source, 1 << 16):
        parts.append(part)
    return b"".join(parts)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "file"
    made.write_bytes(os.urandom(1 << 20))
    return made


def test_without_a_limit_it_is_the_file_itself(file: Path) -> None:
    with file.open("rb", buffering=0) as opened, paced(opened.fileno(), 0) as source:
        assert source == opened.fileno()


def test_all_of_the_rest_comes_through(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    monkeypatch.setattr(pace.Pace, "took", lambda self, count: waits.append(count))
    with file.open("rb", buffering=0) as opened:
        opened.seek(1000)
        with paced(opened.fileno(), FAST_BPS) as source:
            assert read_all(source) == file.read_bytes()[1000:]
    assert sum(waits) == (1 << 20) - 1000


def test_who_reads_may_stop(file: Path) -> None:
    before = threading.active_count()
    with file.open("rb", buffering=0) as opened, paced(opened.fileno(), FAST_BPS) as source:
        assert os.read(source, 10) == file.read_bytes()[:10]
    assert threading.active_count() == before


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(IsADirectoryError), paced(folder, FAST_BPS) as source:
            assert read_all(source) == b""
    finally:
        os.close(folder)


def test_what_is_written_goes_to_the_target_and_is_counted(file: Path, tmp_path: Path) -> None:
    counted, data = Pace(), file.read_bytes()
    with (tmp_path / "target").open("wb", buffering=0) as target, taken(target.fileno(), counted) as pipe:
        assert os.write(pipe, data[:1000]) == 1000
    assert (tmp_path / "target").read_bytes() == data[:1000]
    assert counted.sent == 1000


def test_a_target_that_takes_nothing_ends_who_writes() -> None:
    near, far = os.pipe()
    os.close(near)
    try:
        with pytest.raises(BrokenPipeError), taken(far, Pace()) as pipe:  # the writer's own error, or that of the end
            while True:
                os.write(pipe, bytes(1 << 16))
    finally:
        os.close(far)


def test_what_is_brought_is_counted(file: Path) -> None:
    counted = Pace()
    with file.open("rb", buffering=0) as opened, brought(opened.fileno(), counted) as source:
        assert read_all(source) == file.read_bytes()
    assert counted.sent == 1 << 20
