"""The catalog: which storage may be used for what, and lists that know whose volumes they show."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster.store import MemoryStore
from hostd.core.errors import Conflict, NotFound, Unavailable, Unsupported
from hostd.storage.catalog import Catalog
from hostd.storage.interface import VolumeSpec
from hostd.storage.sampling import StorageSampler
from hostd.storage.volume import VolumeId
from tests.fakes.run import FakeRun

CONFIG = """dir: local
\tpath {0}
\tcontent images,iso,rootdir

dir: off
\tdisable
\tpath {0}

dir: elsewhere
\tpath {0}
\tnodes pve2

cephfs: later
	path /mnt/pve/later
\tcontent iso

lvm: gone
\tvgname gone

"""


class Locks:
    def __init__(self) -> None:
        self.held: list[str] = []

    @contextlib.contextmanager
    def __call__(self, name: str, wait_s: float) -> Iterator[None]:
        self.held.append(name)
        yield


def make(tmp_path: Path, locks: Locks | None = None) -> Catalog:
    return Catalog(CONFIG.format(tmp_path).encode(), node="pve1", run=FakeRun({"vgs": 5}), lock=locks or Locks())


@pytest.mark.parametrize(
    ("id", "error"), [("nope", NotFound), ("off", Unavailable), ("elsewhere", Unavailable), ("later", Unsupported)]
)
def test_storages_that_cannot_be_used(tmp_path: Path, id: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=id):
        make(tmp_path).driver(id)


def test_contents_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="does not support content type 'vztmpl'"):
        make(tmp_path).require("local", "vztmpl")


def test_folders_of_files(tmp_path: Path) -> None:
    assert make(tmp_path).folder("local", "images") == f"{tmp_path}/images"
    assert (tmp_path / "images").is_dir()
    with pytest.raises(Unsupported, match="keeps no files"):
        make(tmp_path).folder("gone", "images")
    with pytest.raises(Conflict, match="content type"):
        make(tmp_path).folder("local", "backup")


def test_allocation_holds_the_storage(tmp_path: Path) -> None:
    locks = Locks()
    volume = make(tmp_path, locks).allocate("local", VolumeSpec(vmid=100, size_bytes=0, format="subvol"), "rootdir")
    assert str(volume) == "local:100/subvol-100-disk-0.subvol"
    assert locks.held == ["storage-local"]
    make(tmp_path, locks).free(volume)
    assert locks.held == ["storage-local", "storage-local"]
    with pytest.raises(NotFound):
        make(tmp_path).free(volume)


def test_volumes_of_containers_are_root_directories(tmp_path: Path) -> None:
    images = tmp_path / "images"
    for vmid in (100, 101):
        (images / str(vmid)).mkdir(parents=True)
        (images / str(vmid) / f"vm-{vmid}-disk-0.raw").write_bytes(b"x")
    found = make(tmp_path).volumes("local", {"images", "rootdir"}, {100: "qemu", 101: "lxc"})
    assert [(str(v.id), v.volume.content.value) for v in found] == [
        ("local:100/vm-100-disk-0.raw", "images"),
        ("local:101/vm-101-disk-0.raw", "rootdir"),
    ]
    assert [v.volume.vmid for v in make(tmp_path).volumes("local", {"rootdir"}, {101: "lxc"})] == [101]


def test_activation_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="local:100/vm-100-disk-9.raw"):
        make(tmp_path).activate([VolumeId.parse("local:100/vm-100-disk-9.raw")])


def test_sampling_survives_a_storage_that_is_away(tmp_path: Path) -> None:
    store = MemoryStore("pve1")
    store.write("storage.cfg", CONFIG.format(tmp_path).encode())
    sample = StorageSampler(store.mirror(), FakeRun({"vgs": 5}), node="pve1").sample()
    assert set(sample) == {"local", "gone"}
    assert sample["gone"]["active"] == 0
    assert sample["local"]["active"] == 1
    assert int(str(sample["local"]["total"])) > 0


def test_a_server_that_is_gone_keeps_nobody_waiting(tmp_path: Path) -> None:
    """A program that never comes back, as one does that asks a dead NFS server."""
    ends = threading.Event()
    asked: list[str] = []

    class Hanging(FakeRun):
        def __call__(self, argv: Any, **options: Any) -> Any:
            asked.append(str(argv[0]))
            ends.wait(30)
            return super().__call__(argv, **options)

    store = MemoryStore("pve1")
    store.write("storage.cfg", CONFIG.format(tmp_path).encode())
    sampler = StorageSampler(store.mirror(), Hanging({"vgs": 5}), node="pve1", patience_s=0.05)
    for _round in range(3):
        sample = sampler.sample()
        assert (sample["local"]["active"], sample["gone"]["active"]) == (1, 0)
    assert asked == ["vgs"]  # not once more while the first one hangs
    ends.set()
