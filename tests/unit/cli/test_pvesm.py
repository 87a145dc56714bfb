"""pvesm: what it asks of the API, and volumes as streams."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from hostd.cli import manual, pvesm
from hostd.cli.methods import Methods
from hostd.core.errors import Conflict, ParseError, Unsupported
from hostd.core.run import run
from tests.unit.cli.conftest import Shell


@pytest.fixture
def folder(shell: Shell, tmp_path: Path) -> Path:
    shell.site.store.write("storage.cfg", f"dir: disks\n\tpath {tmp_path}\n\tcontent images,iso\n\n".encode())
    image = tmp_path / "images/100/vm-100-disk-0.raw"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"contents" * 512)
    return tmp_path


def printed(shell: Shell, *args: str, stdin: bytes = b"") -> tuple[str, bytes]:
    """What was printed as text, and what was streamed."""
    around, target = shell.around(), io.BytesIO()
    suite = pvesm.suite(run, lambda: shell.site.store, lambda: io.BytesIO(stdin), lambda: target)
    assert suite.run(around, list(args)) == 0
    assert isinstance(around.out, io.StringIO)
    return around.out.getvalue(), target.getvalue()


def test_reading(shell: Shell, folder: Path) -> None:
    assert "disks" in printed(shell, "status")[0]
    assert "disks:100/vm-100-disk-0.raw" in printed(shell, "list", "disks", "--vmid", "100")[0]
    assert printed(shell, "path", "disks:100/vm-100-disk-0.raw")[0] == f"{folder}/images/100/vm-100-disk-0.raw\n"
    assert printed(shell, "apiinfo")[0].startswith("APIVER ")


def test_storages_come_and_go(shell: Shell, tmp_path: Path) -> None:
    printed(shell, "add", "dir", "more", "--path", str(tmp_path / "more"))
    printed(shell, "set", "more", "--content", "iso")
    assert b"dir: more" in shell.site.store.read("storage.cfg").data
    printed(shell, "remove", "more")
    assert b"dir: more" not in shell.site.store.read("storage.cfg").data


def test_volumes_travel(shell: Shell, folder: Path) -> None:
    _, stream = printed(shell, "export", "disks:100/vm-100-disk-0.raw", "raw+size", "-")
    assert stream[:8] == (4096).to_bytes(8, "little")
    args = ("import", "disks:101/vm-101-disk-0.raw", "raw+size", "-")
    assert printed(shell, *args, stdin=stream)[0] == "successfully imported 'disks:101/vm-101-disk-0.raw'\n"
    assert (folder / "images/101/vm-101-disk-0.raw").read_bytes() == b"contents" * 512
    with pytest.raises(Conflict):
        printed(shell, *args, stdin=stream)
    assert "vm-101-disk-1.raw" in printed(shell, *args, "--allow-rename", "1", stdin=stream)[0]
    for broken in (b"", stream[:100], bytes(8)):
        with pytest.raises(ParseError):
            printed(shell, *args, "--allow-rename", "1", stdin=broken)
    assert len(list((folder / "images/101").iterdir())) == 2
    with pytest.raises(Unsupported):
        printed(shell, "export", "disks:100/vm-100-disk-0.raw", "qcow2+size", "-")


def test_the_manual_names_every_command(shell: Shell) -> None:
    page = manual.suite_page(pvesm.SUITE, Methods([]))
    assert "export" in page
