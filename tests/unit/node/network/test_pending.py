"""The file that counts and the one that waits."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.core.errors import Invalid
from hostd.node.network import pending
from hostd.node.network.links import Link
from hostd.node.network.model import Configuration, Interface, Kind

NOW = "auto lo\niface lo inet loopback\n\niface enp1s0 inet manual\n"


def ask() -> dict[str, Link]:
    return {"lo": Link(physical=False, up=True), "eth7": Link(physical=True, up=True, altnames=("enp1s0",))}


@pytest.fixture
def files(tmp_path: Path) -> pending.Files:
    (tmp_path / pending.NAME).write_text(NOW)
    return pending.Files(folder=str(tmp_path), ask=ask)


def started(config: Configuration) -> Configuration:
    card = replace(config.interfaces["enp1s0"], autostart=True)
    return replace(config, interfaces={**config.interfaces, "enp1s0": card})


def test_without_changes(files: pending.Files) -> None:
    found = files.load()
    assert found.changes == ""
    assert found.config.interfaces["enp1s0"].active
    assert "eth7" not in found.config.interfaces


def test_without_any_file(tmp_path: Path) -> None:
    assert set(pending.Files(folder=str(tmp_path), ask=ask).load().config.interfaces) == {"lo", "eth7"}


def test_a_change_waits_and_can_be_dropped(files: pending.Files) -> None:
    files.change(started)
    found = files.load()
    assert found.config.interfaces["enp1s0"].autostart
    assert "\n+auto enp1s0\n" in found.changes
    assert Path(files.folder, pending.NAME).read_text() == NOW
    files.revert()
    files.revert()
    assert os.listdir(files.folder) == [pending.NAME]


def test_what_contradicts_is_not_written(files: pending.Files) -> None:
    def lost(config: Configuration) -> Configuration:
        bridge = Interface(kind=Kind.BRIDGE, settings={"bridge_ports": "nothing"})
        return replace(config, interfaces={**config.interfaces, "vmbr0": bridge})

    with pytest.raises(Invalid):
        files.change(lost)
    assert os.listdir(files.folder) == [pending.NAME]
