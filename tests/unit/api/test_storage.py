"""The methods of storages through the application."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hostd.api.nodes import guest_params
from hostd.core.errors import HostError, TimedOut
from hostd.storage import retention
from hostd.tasks.archive import Archive
from hostd.tasks.upid import Upid
from tests.unit.api.conftest import Site

BASE = "/nodes/alpha/storage"
VM = b"scsi0: local:100/vm-100-disk-0.raw,size=1G\n"


@pytest.fixture
def stores(site: Site, tmp_path: Path) -> Site:
    """A site with a folder storage, one that is disabled and one that has no driver here."""
    config = f"dir: local\n\tpath {tmp_path}/vz\n\tcontent images,iso,vztmpl\n\n"
    config += f"dir: off\n\tdisable\n\tpath {tmp_path}/off\n\nnfs: far\n\tpath /mnt/far\n\tserver 10.0.0.1\n"
    config += "\texport /data\n\tcontent iso\n\tnodes beta\n\n"
    site.store.write("storage.cfg", config.encode())
    site.store.mkdir("nodes/alpha/qemu-server", parents=True)
    site.store.write("nodes/alpha/qemu-server/100.conf", VM)
    for name in ("images/100/vm-100-disk-0.raw", "images/101/vm-101-disk-0.raw", "template/iso/a.iso"):
        path = tmp_path / "vz" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(4096))
    site.samples.storage_values["local"] = {"total": 1000, "used": 250, "avail": 700, "active": 1}
    return site


def data(answer: Any) -> Any:
    assert answer.status_code == 200, answer.status
    return answer.json["data"]


def test_configuration(stores: Site, shared: Path) -> None:
    rows = {row["storage"]: row for row in data(stores.get("/storage"))}
    assert set(rows) == {"local", "off", "far"}
    examples = json.loads((shared / "api/examples.json").read_text())
    assert set(examples["/storage"]["data"][0]) - {"prune-backups"} <= set(rows["local"])
    assert data(stores.get("/storage/local"))["content"] == "images,iso,vztmpl"
    assert [row["storage"] for row in data(stores.get("/storage?type=nfs"))] == ["far"]
    assert "storage 'nope' does not exist" in stores.get("/storage/nope").status


def test_status_comes_from_the_sample(stores: Site, shared: Path) -> None:
    rows = {row["storage"]: row for row in data(stores.get(BASE))}
    example = json.loads((shared / "api/examples.json").read_text())["/nodes/{node}/storage"]["data"][0]
    assert set(example) <= set(rows["local"])
    assert (rows["local"]["used_fraction"], rows["local"]["active"], rows["off"]["enabled"]) == (0.25, 1, 0)
    assert {"off"} == set(rows) - {row["storage"] for row in data(stores.get(f"{BASE}?enabled=1"))}
    assert [row["storage"] for row in data(stores.get(f"{BASE}?content=images"))] == ["local", "off"]
    assert data(stores.get(f"{BASE}?storage=local&format=1"))[0]["formats"]["default"] == "raw"
    assert data(stores.get(f"{BASE}/local/status"))["total"] == 1000
    assert {"subdir": "content"} in data(stores.get(f"{BASE}/local"))


def test_content(stores: Site) -> None:
    rows = {row["volid"]: row for row in data(stores.get(f"{BASE}/local/content"))}
    assert set(rows) == {"local:100/vm-100-disk-0.raw", "local:101/vm-101-disk-0.raw", "local:iso/a.iso"}
    assert rows["local:iso/a.iso"]["format"] == "iso"
    assert rows["local:100/vm-100-disk-0.raw"] | {"ctime": 0, "used": 0} == {
        "volid": "local:100/vm-100-disk-0.raw", "content": "images", "format": "raw", "size": 4096, "vmid": 100,
        "ctime": 0, "used": 0,
    }  # fmt: skip
    assert [row["volid"] for row in data(stores.get(f"{BASE}/local/content?content=iso"))] == ["local:iso/a.iso"]
    assert len(data(stores.get(f"{BASE}/local/content?vmid=101"))) == 1


@pytest.mark.parametrize("name", ["local:iso/a.iso", "iso/a.iso"])
def test_one_volume(stores: Site, tmp_path: Path, name: str) -> None:
    shown = data(stores.get(f"{BASE}/local/content/{name}"))
    assert shown["path"] == f"{tmp_path}/vz/template/iso/a.iso"
    assert shown["size"] == 4096


@pytest.mark.parametrize("name", ["off:iso/a.iso", "local:../../etc/passwd", "iso/..%2f..%2fx.iso"])
def test_volumes_that_cannot_be_named(stores: Site, name: str) -> None:
    assert stores.get(f"{BASE}/local/content/{name}").status_code == 400
    assert stores.call("DELETE", f"{BASE}/local/content/{name}").status_code == 400


def test_removal_asks_who_uses_it(stores: Site) -> None:
    answer = stores.call("DELETE", f"{BASE}/local/content/local:100/vm-100-disk-0.raw")
    assert answer.status_code == 500
    assert "used by VM 100" in answer.status
    assert data(stores.call("DELETE", f"{BASE}/local/content/local:101/vm-101-disk-0.raw")).startswith("UPID:")
    assert stores.tasks.spawned[0]["args"] == {"volume": "local:101/vm-101-disk-0.raw"}


def test_uploads_are_taken_over_and_checked(stores: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hostd.guests import images

    monkeypatch.setattr(images, "take_over", lambda path: f"taken {path}")
    form = {"content": "iso", "filename": "x y.iso", "tmpfilename": "/var/lib/hostd/uploads/pveupload-0a"}
    assert data(stores.call("POST", f"{BASE}/local/upload", data=form)).startswith("UPID:")
    assert stores.tasks.spawned[0]["args"]["source"] == "taken /var/lib/hostd/uploads/pveupload-0a"
    for wrong in ({"filename": "x.txt"}, {"tmpfilename": "/etc/shadow"}, {"checksum": "00"}, {"tmpfilename": ""}):
        assert stores.call("POST", f"{BASE}/local/upload", data=form | wrong).status_code == 400, wrong
    assert len(stores.tasks.spawned) == 1


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"vmid": "100", "filename": "vm-101-disk-0", "size": "1G"}, "filename"),
        ({"vmid": "100", "filename": "vm-100-disk-0.raw", "size": "1G", "format": "qcow2"}, "format"),
        ({"vmid": "100", "filename": "vm-100-disk-0", "size": "lots"}, "size"),
    ],
)
def test_disks_that_cannot_be_made(stores: Site, form: dict[str, str], field: str) -> None:
    answer = stores.call("POST", f"{BASE}/local/content", data=form)
    assert answer.status_code == 400
    assert set(answer.json["errors"]) == {field}


def test_storages_are_added_changed_and_forgotten(stores: Site, tmp_path: Path) -> None:
    form = {"storage": "more", "type": "dir", "path": f"{tmp_path}/more", "content": "iso,images", "nodes": "alpha"}
    assert data(stores.call("POST", "/storage", data=form)) == {"storage": "more", "type": "dir"}
    assert "already defined" in stores.call("POST", "/storage", data=form).status
    digest = data(stores.get("/storage/more"))["digest"]
    changed = {"content": "iso", "delete": "nodes", "digest": digest}
    assert data(stores.call("PUT", "/storage/more", data=changed)) == {"storage": "more", "type": "dir"}
    assert "file changed by other user" in stores.call("PUT", "/storage/more", data=changed).status
    section = stores.store.read("storage.cfg").data.decode().split("dir: more\n")[1].split("\n\n")[0]
    assert section == f"\tpath {tmp_path}/more\n\tcontent iso"
    assert data(stores.call("DELETE", "/storage/more")) is None
    assert "used by guests 100" in stores.call("DELETE", "/storage/local").status
    written = stores.store.read("storage.cfg").data.decode()
    assert "nfs: far\n\texport /data\n\tpath /mnt/far\n\tserver 10.0.0.1\n" in written


def test_storages_that_cannot_be_added(stores: Site) -> None:
    answer = stores.call("POST", "/storage", data={"storage": "new", "type": "dir", "path": "relative"})
    assert (answer.status_code, set(answer.json["errors"])) == (400, {"path"})
    answer = stores.call("POST", "/storage", data={"storage": "new", "type": "lvm", "path": "/a"})
    assert set(answer.json["errors"]) == {"path", "vgname"}
    assert "not supported yet" in stores.call("POST", "/storage", data={"storage": "new", "type": "rbd"}).status


def test_others_may_nothing(stores: Site) -> None:
    user = "joe@pve"
    assert data(stores.get("/storage", user=user)) == []
    assert data(stores.get(BASE, user=user)) == []
    for method, path in (("GET", "/local/status"), ("GET", "/local/content"), ("POST", "/local/upload")):
        assert stores.call(method, BASE + path, user=user).status_code == 403
    assert stores.get(f"{BASE}/local/content/iso/a.iso", user=user).status_code == 403
    assert stores.call("DELETE", f"{BASE}/local/content/iso/a.iso", user=user).status_code == 403


def test_waiting_for_a_task(tmp_path: Path) -> None:
    archive = Archive(str(tmp_path / "logs"), str(tmp_path / "running"))
    upid = "UPID:alpha:00000001:00000001:6B000000:imgalloc:local:root@pam:"
    with pytest.raises(TimedOut):
        guest_params.wait_for(upid, 0.01, archive)
    log = Path(archive.log_path(Upid.parse(upid)))
    log.parent.mkdir(parents=True)
    log.write_text("made\nTASK OK\n")
    guest_params.wait_for(upid, 1, archive)
    log.write_text("TASK ERROR: no space left\n")
    with pytest.raises(HostError, match="no space left"):
        guest_params.wait_for(upid, 1, archive)


def test_backups_have_notes_and_protection(stores: Site, tmp_path: Path) -> None:
    config = stores.store.read("storage.cfg").data.replace(b"images,iso,vztmpl", b"backup,images,iso,vztmpl", 1)
    stores.store.write("storage.cfg", config)
    name = "vzdump-qemu-100-2024_01_01-00_00_00.vma.zst"
    (tmp_path / "vz/dump").mkdir()
    (tmp_path / "vz/dump" / name).write_bytes(b"x")
    volume = f"{BASE}/local/content/backup/{name}"
    assert data(stores.call("PUT", volume, data={"notes": "first\nsecond", "protected": "1"})) is None
    found = data(stores.get(volume))
    assert (found["notes"], found["protected"]) == ("first\nsecond", 1)
    (row,) = data(stores.get(f"{BASE}/local/content?content=backup"))
    assert (row["notes"], row["protected"], row["subtype"], row["vmid"]) == ("first", 1, "qemu", 100)
    (kept,) = data(stores.get(f"{BASE}/local/prunebackups?prune-backups=keep-last%3D1"))
    assert (kept["mark"], kept["type"], kept["vmid"]) == ("protected", "qemu", 100)
    assert data(stores.call("DELETE", f"{BASE}/local/prunebackups?vmid=100")).startswith("UPID:")
    assert stores.tasks.spawned[-1]["args"] == {"storage": "local", "rule": "", "vmid": 100, "kind": ""}
    assert "is no backup" in stores.call("PUT", f"{BASE}/local/content/iso/a.iso", data={"notes": "x"}).status
    for call in (("PUT", volume), ("DELETE", f"{BASE}/local/prunebackups")):
        assert stores.call(*call, user="joe@pve").status_code == 403


def test_a_storage_allows_so_many_protected_backups(stores: Site, tmp_path: Path) -> None:
    config = stores.store.read("storage.cfg").data
    config = config.replace(b"images,iso,vztmpl", b"backup,images,iso,vztmpl\n\tmax-protected-backups 1", 1)
    stores.store.write("storage.cfg", config)
    (tmp_path / "vz/dump").mkdir()
    names = [f"vzdump-{guest}-2024_01_0{day}-00_00_00.tar.zst" for day in (1, 2) for guest in ("lxc-100", "lxc-101")]
    for name in names:
        (tmp_path / "vz/dump" / name).write_bytes(b"x")
    first, other, second, _ = (f"{BASE}/local/content/backup/{name}" for name in names)
    for volume in (first, first, other):
        assert data(stores.call("PUT", volume, data={"protected": "1"})) is None
    assert "has 1 protected backups on storage 'local', which allows 1" in (
        stores.call("PUT", second, data={"protected": "1", "notes": "x"}).status
    )
    assert not data(stores.get(second))["notes"], "nothing of it was done"
    assert data(stores.call("PUT", first, data={"protected": "0"})) is None
    assert data(stores.call("PUT", second, data={"protected": "1"})) is None


def test_who_manages_a_storage_protects_any_number_unless_it_says_otherwise() -> None:
    assert retention.most_protected("", manager=True) is None
    assert retention.most_protected("", manager=False) == 5
    assert retention.most_protected("-1", manager=False) is None
    assert retention.most_protected("0", manager=True) == 0


def test_downloads_and_copies_become_tasks(stores: Site) -> None:
    form = {"url": "https://example.org/a.iso", "content": "iso", "filename": "b.iso"}
    assert data(stores.call("POST", f"{BASE}/local/download-url", data=form)).startswith("UPID:")
    assert stores.tasks.spawned[-1]["args"]["url"] == form["url"]
    for wrong in ({"url": "file:///x"}, {"filename": "b.txt"}, {"checksum": "00"}, {"compression": "rar"}):
        assert stores.call("POST", f"{BASE}/local/download-url", data=form | wrong).status_code == 400, wrong
    assert stores.call("POST", f"{BASE}/local/download-url", data=form, user="joe@pve").status_code == 403
    copy = {"target": "101/vm-101-disk-7.raw"}
    assert data(stores.call("POST", f"{BASE}/local/content/100/vm-100-disk-0.raw", data=copy)).startswith("UPID:")
    assert stores.tasks.spawned[-1]["args"]["target"] == "local:101/vm-101-disk-7.raw"
    away = copy | {"target_node": "beta"}
    assert "not supported" in stores.call("POST", f"{BASE}/local/content/100/vm-100-disk-0.raw", data=away).status


def test_snippets_are_scripts_for_root(stores: Site) -> None:
    config = stores.store.read("storage.cfg").data.replace(b"images,iso,vztmpl", b"images,iso,snippets", 1)
    stores.store.write("storage.cfg", config)
    users = stores.store.read("user.cfg").data + b"acl:1:/storage:joe@pve:PVEDatastoreAdmin:\n"
    stores.store.write("user.cfg", users)
    form = {"content": "snippets", "filename": "hook.sh", "tmpfilename": "/var/lib/hostd/uploads/pveupload-0a"}
    answer = stores.call("POST", f"{BASE}/local/upload", data=form, user="joe@pve")
    assert "Host.GuestArguments" in answer.status


def test_places_have_an_identity(stores: Site) -> None:
    first = data(stores.get(f"{BASE}/local/identity"))
    assert first["type"] == "dir"
    assert first["id"] != data(stores.get(f"{BASE}/off/identity"))["id"]
    assert stores.get(f"{BASE}/local/identity", user="joe@pve").status_code == 403


@pytest.mark.parametrize("option", ["saferemove", "tagged_only", "snapshot-as-volume-chain"])
def test_what_would_have_no_effect_is_refused(stores: Site, option: str) -> None:
    answer = stores.call("POST", "/storage", data={"storage": "more", "type": "lvm", "vgname": "vg", option: "1"})
    assert answer.status_code == 400
    assert set(answer.json["errors"]) == {option}
    harmless = {"storage": "more", "type": "lvm", "vgname": "vg", option: "0"}
    assert stores.call("POST", "/storage", data=harmless).status_code == 200
