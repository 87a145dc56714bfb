"""Uploads: names, places, checksums, and that a link in the folder of uploads is not followed."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import pytest

from hostd.core.errors import Conflict, HostError, Invalid
from hostd.storage.catalog import Catalog
from hostd.storage.upload import clean_filename, place, target_path
from tests.fakes.run import FakeRun


def catalog(tmp_path: Path) -> Catalog:
    text = f"dir: local\n\tpath {tmp_path}\n\tcontent iso,vztmpl\n\nlvm: l1\n\tvgname vg\n\tcontent images\n\n"
    return Catalog(text.encode(), node="pve1", run=FakeRun(), lock=lambda name, wait: contextlib.nullcontext())


@pytest.mark.parametrize(
    ("name", "clean"),
    [("a.iso", "a.iso"), ("C:\\x\\Ä b.iso", "__b.iso"), ("../../etc/x.iso", "x.iso"), (".hidden.iso", "hidden.iso")],
)
def test_names_are_cleaned(name: str, clean: str) -> None:
    assert clean_filename(name) == clean


def test_targets(tmp_path: Path) -> None:
    assert target_path(catalog(tmp_path), "local", "iso", "a.iso") == f"{tmp_path}/template/iso/a.iso"
    assert target_path(catalog(tmp_path), "local", "vztmpl", "a.tar.zst") == f"{tmp_path}/template/cache/a.tar.zst"
    with pytest.raises(Invalid):
        target_path(catalog(tmp_path), "local", "iso", "a.txt")
    with pytest.raises(Invalid):
        target_path(catalog(tmp_path), "local", "backup", "a.iso")
    with pytest.raises(Conflict):
        target_path(catalog(tmp_path), "local", "import", "a.ova")
    with pytest.raises(Conflict):
        target_path(catalog(tmp_path), "l1", "iso", "a.iso")


def test_a_file_is_moved_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "up", tmp_path / "store" / "a.iso"
    source.write_bytes(b"x" * 100_000)
    digest = hashlib.sha256(b"x" * 100_000).hexdigest()
    assert place(str(source), str(target), algorithm="sha256", checksum=digest.upper()) == 100_000
    assert target.read_bytes() == b"x" * 100_000
    assert not source.exists()
    assert [p.name for p in target.parent.iterdir()] == ["a.iso"]


def test_a_wrong_checksum_leaves_the_old_file(tmp_path: Path) -> None:
    source, target = tmp_path / "up", tmp_path / "a.iso"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    with pytest.raises(HostError, match="checksum mismatch"):
        place(str(source), str(target), algorithm="md5", checksum="00")
    assert target.read_bytes() == b"old"
    assert not source.exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    link, hard = tmp_path / "link", tmp_path / "hard"
    link.symlink_to(secret)
    hard.hardlink_to(secret)
    with pytest.raises(Conflict):
        place(str(link), str(tmp_path / "a.iso"))
    with pytest.raises(Conflict):
        place(str(hard), str(tmp_path / "a.iso"))
    assert not (tmp_path / "a.iso").exists()
    assert secret.read_bytes() == b"secret"
