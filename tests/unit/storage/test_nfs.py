"""NFS: what is mounted where, and that nothing is asked of a server but by another process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hostd.core.errors import CommandFailed, Unavailable
from hostd.storage import mounts
from hostd.storage.config import parse_storage_cfg, section_of
from hostd.storage.drivers import nfs
from hostd.storage.drivers.nfs import Nfs
from tests.fakes.run import FakeRun

TABLE = r"""36 35 98:0 / / rw - ext4 /dev/sda1 rw
41 36 0:40 / /mnt/pve/nas rw,relatime shared:1 - nfs4 nas:/export rw,vers=4.2
42 36 0:41 / /mnt/with\040blank rw - nfs4 [2001:db8::1]:/a\040b rw
"""


def driver(path: Path, run: FakeRun) -> Nfs:
    text = f"nfs: nas\n\tpath {path}\n\tserver 2001:db8::1\n\texport /srv\n\toptions vers=4.2\n\tcontent images\n\n"
    return Nfs(parse_storage_cfg(text.encode()).get("nas"), run)


def test_the_table_of_mounts(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(TABLE)
    found = mounts.mounted_at("/mnt/pve/nas/", str(table))
    assert found == mounts.Mount(point="/mnt/pve/nas", type="nfs4", source="nas:/export")
    assert mounts.mounted_at("/mnt/pve", str(table)) is None
    blank = mounts.mounted_at("/mnt/with blank", str(table))
    assert blank is not None
    assert blank.source == "[2001:db8::1]:/a b"


def test_it_is_mounted_when_it_is_needed(tmp_path: Path) -> None:
    run = FakeRun({"stat": "4096 100 40 30\n"})
    nas = driver(tmp_path / "nas", run)
    nas.activate()
    assert run.calls[0] == ["mount", "-t", "nfs", "-o", "vers=4.2", "--", "[2001:db8::1]:/srv", str(tmp_path / "nas")]
    usage = nas.usage()
    assert (usage.total_bytes, usage.used_bytes, usage.available_bytes) == (409600, 245760, 122880)
    assert os.path.isdir(tmp_path / "nas/images")


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    away = CommandFailed(["stat"], -9, "", "command 'stat' did not end within 5 s")
    with pytest.raises(Unavailable, match="server '2001:db8::1' does not answer"):
        driver(tmp_path, FakeRun({"stat": away})).activate()
    with pytest.raises(Unavailable, match="cannot mount"):
        driver(tmp_path, FakeRun({"mount": 32})).activate()


def test_something_else_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = mounts.Mount(point=str(tmp_path), type="tmpfs", source="none")
    monkeypatch.setattr(nfs, "mounted_at", lambda path: other)
    with pytest.raises(Unavailable, match="tmpfs"):
        driver(tmp_path, FakeRun()).activate()


def test_a_new_one_has_its_place() -> None:
    section = section_of("nas", "nfs", {"server": "nas", "export": "/srv"})
    assert section.values["path"] == "/mnt/pve/nas"
