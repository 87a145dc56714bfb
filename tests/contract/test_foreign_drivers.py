"""A driver of others, installed as such, in a process of its own: what it can do, and how its failures stay its own."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from hostd.core.errors import NotFound, ParseError, Unavailable, Unsupported
from hostd.core.run import run
from hostd.storage.catalog import Catalog
from hostd.storage.interface import Snapshots, VolumeSpec
from hostd.storage.plugins import driver as plugins
from hostd.storage.volume import VolumeId

CODE = '''
import os, time

class Files:
    """Volumes as plain files; the names of some guests make it fail in the ways that drivers fail."""

    def __init__(self, id, options):
        self.root = options["root"]

    def activate(self):
        print("noise that must not spoil the answer")
        os.makedirs(self.root, exist_ok=True)

    def usage(self):
        return [1000, 400, 600]

    def volumes(self):
        names = sorted(os.listdir(self.root))
        return [{"name": n, "size_bytes": os.path.getsize(f"{self.root}/{n}")} for n in names] + [{"name": "junk"}, 7]

    def create(self, name, size_bytes):
        if name.startswith("vm-666-"):
            os.abort()
        if name.startswith("vm-667-"):
            raise RuntimeError("no more disks")
        if name.startswith("vm-668-"):
            time.sleep(60)
        if name.startswith("vm-669-"):
            os._exit(0)
        with open(f"{self.root}/{name}", "wb") as file:
            file.truncate(size_bytes)

    def delete(self, name):
        os.unlink(f"{self.root}/{name}")

    def path(self, name):
        return f"{self.root}/{name}"

    def activate_volume(self, name):
        pass

    def deactivate_volume(self, name):
        pass

    def resize(self, name, size_bytes):
        os.truncate(f"{self.root}/{name}", size_bytes)
'''


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    site = tmp_path / "site"
    (site / "theirs-1.0.dist-info").mkdir(parents=True)
    (site / "theirs-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (site / "theirs-1.0.dist-info/entry_points.txt").write_text("[holdfast.storage]\nfiles = theirs:Files\n")
    (site / "theirs.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).resolve().parents[2]}:{site}")
    plugins.types.cache_clear()
    text = f"files: foreign\n\troot {tmp_path}/disks\n\tcontent images\n\n"
    yield Catalog(text.encode(), node="n", run=run, lock=lambda name, timeout_s: nullcontext())
    plugins.types.cache_clear()


def test_it_works_as_any_other(catalog: Catalog) -> None:
    assert [s.id for s in catalog.here()] == ["foreign", "local"]
    assert catalog.driver("foreign").usage().available_bytes == 600
    first = catalog.allocate("foreign", VolumeSpec(vmid=100, size_bytes=4096), "images")
    second = catalog.allocate("foreign", VolumeSpec(vmid=100, size_bytes=4096), "images")
    assert (str(first), str(second)) == ("foreign:vm-100-disk-0", "foreign:vm-100-disk-1")
    assert [str(v.id) for v in catalog.volumes("foreign", {"images"}, {})] == [str(first), str(second)]
    assert catalog.resize(first, 8192) == 8192
    catalog.activate([first])
    assert Path(catalog.path(first)).stat().st_size == 8192
    catalog.free(first)
    with pytest.raises(NotFound):
        catalog.free(first)
    with pytest.raises(ParseError):
        catalog.path(VolumeId("foreign", "../x"))
    with pytest.raises(Unsupported):
        catalog.snapshot(second, "s")
    assert isinstance(catalog.driver("foreign"), Snapshots)


@pytest.mark.parametrize(
    ("vmid", "text"), [(666, "failed in 'create'"), (667, "no more disks"), (669, "failed in 'create'")]
)
def test_its_failures_stay_its_own(catalog: Catalog, vmid: int, text: str) -> None:
    with pytest.raises(Unavailable, match=text):
        catalog.allocate("foreign", VolumeSpec(vmid=vmid, size_bytes=4096), "images")
    assert catalog.allocate("foreign", VolumeSpec(vmid=100, size_bytes=4096), "images")


def test_it_cannot_keep_anybody_waiting(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_CALL_S", 1.0)
    driver = catalog.driver("foreign")
    driver.activate()
    with pytest.raises(Unavailable, match="did not end within"):
        driver._ask("create", timeout_s=1.0, name="vm-668-disk-0", size_bytes=1)  # type: ignore[attr-defined]
