"""Folders of a node that tests of moves must not share with this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostd.cluster import locks
from hostd.guests import handover
from hostd.guests.qemu import sockets
from hostd.migration import leftovers


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Locks, notes and sockets below the test's folder, which is returned."""
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(leftovers, "FOLDER", str(tmp_path / "notes"))
    monkeypatch.setattr(sockets, "FOLDER", str(tmp_path / "sockets"))
    monkeypatch.setattr(handover, "FOLDER", str(tmp_path / "moves"))
    return tmp_path
