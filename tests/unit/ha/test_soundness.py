"""Whether the node is fit to be fed for: its disk is read past the cache, systemd has to answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostd.ha.host import soundness
from hostd.ha.host.soundness import BLOCK, LATE_S, DirectFile, Disk


class Site:
    def __init__(self) -> None:
        self.now_s, self.error = 0.0, False
        self.disk = Disk(self.read, lambda: self.now_s)

    def read(self) -> None:
        if self.error:
            raise OSError("input/output error")


def test_a_disk_that_does_not_answer_is_late() -> None:
    site = Site()
    assert site.disk.answers(), "it has just begun"
    site.now_s = LATE_S
    assert not site.disk.answers()
    site.disk.ask()
    assert site.disk.answers()


def test_an_error_is_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    site.now_s, site.error = LATE_S, True
    site.disk.ask()
    assert not site.disk.answers()
    assert "input/output error" in caplog.text


def test_a_file_is_read_past_the_cache(tmp_path: Path) -> None:
    path = tmp_path / "probe"
    try:
        file = DirectFile(path)
    except OSError as err:  # a file system in memory has no disk
        pytest.skip(f"{tmp_path} does not take O_DIRECT: {err}")
    assert path.stat().st_size == BLOCK
    file.read()
    path.write_bytes(b"x")
    DirectFile(path).read()
    assert path.stat().st_size == BLOCK


def test_a_file_system_that_cannot_be_asked_counts_as_sound(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert soundness.disk(tmp_path)(), "a folder is no file"
    assert "does not notice a disk that hangs" in caplog.text


@pytest.mark.parametrize(
    ("disk", "systemd", "told"), [(True, True, ""), (False, True, "disk has not"), (True, False, "systemd has not")]
)
def test_both_have_to_answer(disk: bool, systemd: bool, told: str, caplog: pytest.LogCaptureFixture) -> None:
    assert soundness.is_sound(lambda: disk, lambda limit_s: systemd) == (not told)
    assert told in caplog.text
