"""What stands in the way of moving a machine, and moving one whose volumes are everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import NotFound
from hostd.core.formats.keyvalue import QEMU_PENDING, parse_guest
from hostd.migration import leftovers, preconditions
from hostd.migration.machines import move
from hostd.migration.outgoing import Road
from hostd.migration.plan import Wish
from hostd.node.host import Host
from hostd.storage.config import parse_storage_cfg
from hostd.tasks.log import ListLog
from tests.fakes.machines import FakeMachines
from tests.fakes.run import FakeRun

STORAGES = b"""dir: local
\tpath /var/lib/vz
\tcontent images,iso

dir: both
\tpath /mnt/both
\tcontent images,iso
\tshared 1

dir: only-b
\tpath /mnt/b
\tcontent images
\tshared 1
\tnodes a,b

"""


def report(text: str) -> preconditions.Report:
    return preconditions.report(parse_guest(text, pending=QEMU_PENDING), parse_storage_cfg(STORAGES), ["b", "c"])


def test_a_report() -> None:
    found = report(
        "scsi0: both:100/vm-100-disk-0.raw\nide2: local:iso/x.iso,media=cdrom\nunused0: local:100/vm-100-disk-1.raw\n"
        "usb0: host=1-1\nusb1: spice\nhostpci0: mapping=x\nserial0: socket\nserial1: /dev/ttyS0\n"
        "[snap]\nscsi1: only-b:100/vm-100-disk-2.raw\n"
    )
    assert [str(v.id) for v in found.local] == ["local:100/vm-100-disk-1.raw", "local:iso/x.iso"]
    assert [(v.cdrom, v.unused) for v in found.local] == [(False, True), (True, False)]
    assert (found.resources, found.mapped) == (("serial1", "usb0"), ("hostpci0",))
    assert found.unavailable == {"b": (), "c": ("only-b",)}
    assert found.allowed == ("b",)


def test_the_file_changes_hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path))
    monkeypatch.setattr(leftovers, "FOLDER", str(tmp_path / "notes"))
    store = MemoryStore("a")
    store.mkdir("nodes/b/qemu-server", parents=True)
    store.write("storage.cfg", STORAGES)
    store.write("nodes/a/qemu-server/100.conf", b"cores: 2\nscsi0: both:100/vm-100-disk-0.raw\n")
    host = Host(node="a", store=store, mirror=store.mirror(), run=FakeRun({}))
    move(host, ListLog(), 100, Wish(target="b"), Road(addresses=()), ["b"], machines=FakeMachines())
    assert b"cores: 2" in store.read("nodes/b/qemu-server/100.conf").data
    with pytest.raises(NotFound):
        store.read("nodes/a/qemu-server/100.conf")
