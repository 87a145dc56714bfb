"""Lists of guests from memory: rows as clients know them, broken files, free ids, users of volumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostd.cluster.store import MemoryStore, Mirror
from hostd.core.errors import Conflict, NotFound
from hostd.guests import config as files
from hostd.guests import images, index
from hostd.guests.config import GuestKind, GuestPath
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import ListLog
from tests.fakes.run import FakeRun

VM = b"""cores: 2
memory: 1024
name: web
scsi0: local:100/vm-100-disk-0.raw,size=8G
sockets: 2
tags: a;b

[PENDING]
scsi1: local:100/vm-100-disk-1.raw,size=1G

[old]
scsi2: local:100/vm-100-disk-2.raw
"""


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore("pve1")
    for node in ("pve1", "pve2"):
        for folder in ("qemu-server", "lxc"):
            made.mkdir(f"nodes/{node}/{folder}", parents=True)
    made.write("nodes/pve1/qemu-server/100.conf", VM)
    made.write("nodes/pve1/lxc/101.conf", b"cpulimit: 1.5\ncores: 4\nmemory: 256\nrootfs: local:101/x.raw,size=4G\n")
    made.write("nodes/pve2/qemu-server/105.conf", b"cores: many\nlock: backup\ntemplate: 1\n")
    return made


@pytest.fixture
def mirror(store: MemoryStore) -> Mirror:
    return store.mirror()


def test_rows(mirror: Mirror) -> None:
    sample = {100: {"cpu": 0.5, "mem": 7, "uptime": 3}, 105: {"cpu": 1.0}}
    rows = {row["vmid"]: row for row in index.list_guests(mirror, {"pve1": sample}.get)}
    assert rows[100] == {
        "id": "qemu/100", "type": "qemu", "vmid": 100, "node": "pve1", "name": "web", "status": "running",
        "template": 0, "maxcpu": 4, "maxmem": 1024**3, "maxdisk": 8 * 1024**3, "tags": "a;b", "cpu": 0.5, "mem": 7,
        "memhost": 0, "disk": 0, "diskread": 0, "diskwrite": 0, "netin": 0, "netout": 0, "uptime": 3,
    }  # fmt: skip
    assert (rows[101]["name"], rows[101]["status"], rows[101]["maxcpu"]) == ("CT101", "stopped", 1.5)
    assert (rows[101]["maxmem"], rows[101]["maxdisk"]) == (256 * 1024**2, 4 * 1024**3)


def test_a_broken_file_is_still_listed(mirror: Mirror) -> None:
    row = next(r for r in index.list_guests(mirror, {"pve1": {105: {"cpu": 1.0}}}.get) if r["vmid"] == 105)
    assert (row["name"], row["lock"], row["template"]) == ("VM105", "backup", 1)
    assert (row["status"], row["cpu"]) == ("unknown", 0)  # another node's guest, which we did not sample


def test_ids(mirror: Mirror) -> None:
    assert index.used_ids(mirror) == {100, 101, 105}
    assert index.free_id(index.used_ids(mirror)) == 102
    assert index.kinds(mirror) == {100: "qemu", 101: "lxc", 105: "qemu"}
    with pytest.raises(Conflict, match="unable to create VM 105 - VM 105 already exists on node 'pve2'"):
        files.require_free(mirror, GuestKind.QEMU, 105)
    files.require_free(mirror, GuestKind.LXC, 102)


def test_other_files_are_no_guests(store: MemoryStore) -> None:
    for path in ("nodes/pve1/qemu-server/99.conf", "nodes/pve1/qemu-server/0100.conf", "nodes/pve1/100.conf"):
        assert files.parse_path(path) is None


@pytest.mark.parametrize("number", [0, 1, 2])
def test_volumes_in_use_are_found_in_every_section(mirror: Mirror, number: int) -> None:
    with pytest.raises(Conflict, match="it is used by VM 100"):
        images.require_unused(mirror, VolumeId.parse(f"local:100/vm-100-disk-{number}.raw"))
    images.require_unused(mirror, VolumeId.parse("local:100/vm-100-disk-7.raw"))
    images.require_unused(mirror, VolumeId.parse("local:100/vm-100-disk-0.ra"))


def test_a_guest_is_saved_only_as_it_was_read(store: MemoryStore) -> None:
    where = GuestPath(node="pve1", kind=GuestKind.QEMU, vmid=100)
    guest = files.load(store, where)
    store.write(where.path, b"cores: 1\n")
    with pytest.raises(Conflict):
        files.save(store, guest, guest.file)
    with pytest.raises(NotFound, match=r"Configuration file 'nodes/pve1/qemu-server/999\.conf' does not exist"):
        files.load(store, GuestPath(node="pve1", kind=GuestKind.QEMU, vmid=999))


def test_uploads_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    upload = tmp_path / "uploads" / "pveupload-00"
    upload.write_bytes(b"iso")
    taken = images.take_over(str(upload))
    assert not upload.exists()
    assert Path(taken).read_bytes() == b"iso"
    assert Path(taken).parent == tmp_path / "taken"
    with pytest.raises(NotFound):
        images.take_over(str(upload))


def test_a_refused_upload_is_removed(store: MemoryStore, tmp_path: Path) -> None:

    source = tmp_path / "x"
    source.write_bytes(b"iso")
    host = Host(node="pve1", store=store, mirror=store.mirror(), run=FakeRun())
    with pytest.raises(NotFound):
        images.copy_upload(host, ListLog(), storage="nope", content="iso", filename="a.iso", source=str(source))
    assert not source.exists()
