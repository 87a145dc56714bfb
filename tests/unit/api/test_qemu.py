"""The methods of virtual machines through the application: answers in the reference's shape, checks before tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster import locks
from hostd.guests.qemu import process
from tests.unit.api.conftest import Site

VM = b"""#two
#lines
boot: order=scsi0;ide2;net0
cores: 2
cpu: x86-64-v2-AES
future_key: kept
ide2: none,media=cdrom
memory: 1024
name: guest-0000
net0: virtio=BC:24:11:00:00:00,bridge=vmbr0,firewall=1
numa: 0
onboot: 1
ostype: l26
scsi0: local:100/vm-100-disk-0.qcow2,iothread=1,size=8G
scsihw: virtio-scsi-single
smbios1: uuid=00000000-0000-4000-8000-000000000000
sockets: 1
tags: a;b
vmgenid: 10000000-0000-4000-8000-000000000000

[PENDING]
cores: 4
delete: onboot

[snap]
cores: 1
"""
BASE = "/nodes/alpha/qemu"


@pytest.fixture
def machine(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site with VM 100, which does not run; locks lie in a temporary folder."""
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(process, "FOLDER", str(tmp_path / "pids"))
    site.store.mkdir("nodes/alpha/qemu-server", parents=True)
    site.store.write("nodes/alpha/qemu-server/100.conf", VM)
    site.store.write("storage.cfg", f"dir: local\n\tpath {tmp_path}\n\tcontent images,iso\n\n".encode())
    return site


def data(answer: Any) -> Any:
    assert answer.status_code == 200, answer.status
    return answer.json["data"]


def text(site: Site, vmid: int = 100) -> str:
    return site.store.read(f"nodes/alpha/qemu-server/{vmid}.conf").data.decode()


def example(shared: Path, path: str) -> Any:
    return json.loads((shared / "api/examples.json").read_text())[path]["data"]


def test_configuration(machine: Site, shared: Path) -> None:
    shown = data(machine.get(f"{BASE}/100/config?current=1"))
    for key, value in example(shared, "/nodes/{node}/qemu/{vmid}/config").items():
        if key != "digest":
            assert shown[key] == value, key
    assert len(shown["digest"]) == 40
    assert shown["description"] == "two\nlines"
    merged = data(machine.get(f"{BASE}/100/config"))
    assert merged["cores"] == 4
    assert "onboot" not in merged
    assert data(machine.get(f"{BASE}/100/config?snapshot=snap"))["cores"] == 1


def test_pending(machine: Site) -> None:
    rows = {row["key"]: row for row in data(machine.get(f"{BASE}/100/pending"))}
    assert rows["cores"] == {"key": "cores", "value": 2, "pending": 4}
    assert rows["onboot"] == {"key": "onboot", "value": 1, "delete": 1}
    assert rows["memory"] == {"key": "memory", "value": "1024"}


def test_status_of_a_stopped_machine(machine: Site, shared: Path) -> None:
    shown = data(machine.get(f"{BASE}/100/status/current"))
    expected = example(shared, "/nodes/{node}/qemu/{vmid}/status/current")
    assert shown == expected | {"diskread": 0, "diskwrite": 0}
    (row,) = data(machine.get(BASE))
    assert set(example(shared, "/nodes/{node}/qemu")[0]) <= set(row)


def test_status_of_a_running_machine(machine: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "is_running", lambda vmid: True)
    monkeypatch.setattr(process, "read_pid", lambda vmid: 78)
    shown = data(machine.get(f"{BASE}/100/status/current"))
    assert (shown["status"], shown["qmpstatus"], shown["pid"]) == ("running", "running", 78), "before the first sample"
    machine.samples.guest_values[100] = {"cpu": 0.5, "pid": 77, "qmpstatus": "paused"}
    earlier = data(machine.call("GET", f"{BASE}/100/status/current"))
    assert (earlier["qmpstatus"], earlier["pid"], earlier.get("cpu")) == ("running", 78, 0), "of another process"
    machine.samples.guest_values[100] = {"cpu": 0.25, "mem": 5, "pid": 78, "uptime": 3, "qmpstatus": "paused"}
    shown = data(machine.get(f"{BASE}/100/status/current"))
    assert (shown["status"], shown["qmpstatus"], shown["pid"], shown["cpu"]) == ("running", "paused", 78, 0.25)


@pytest.mark.parametrize("path", ["config", "pending", "status/current"])
def test_a_machine_that_is_not_there(machine: Site, path: str) -> None:
    answer = machine.get(f"{BASE}/999/{path}")
    assert answer.status_code == 500
    assert "Configuration file 'nodes/alpha/qemu-server/999.conf' does not exist" in answer.status


def test_indexes(machine: Site) -> None:
    assert {"subdir": "config"} in data(machine.get(f"{BASE}/100"))
    assert {"subdir": "current"} in data(machine.get(f"{BASE}/100/status"))


# --- create


def test_creation_is_a_task(machine: Site) -> None:
    form = {
        "vmid": "101", "name": "web", "memory": "512", "scsi0": "local:8,ssd=1", "net0": "virtio,bridge=vmbr0",
        "tags": "a,b", "onboot": "1", "description": "x\ny", "start": "1",
    }  # fmt: skip
    assert data(machine.call("POST", BASE, data=form)).startswith("UPID:")
    (started,) = machine.tasks.spawned
    assert (started["type"], started["id"], started["user"]) == ("qmcreate", "101", "root@pam")
    assert started["args"] == {
        "vmid": 101,
        "start": True,
        "pool": "",
        "limit_kib": 0,
        "values": {
            "name": "web", "memory": "512", "scsi0": "local:8,ssd=1", "net0": "virtio,bridge=vmbr0", "tags": "a;b",
            "onboot": "1", "description": "x\ny",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ({}, {"vmid"}),
        ({"vmid": "9", "memory": "64"}, {"vmid"}),
        ({"vmid": "101", "net0": "nonsense=1", "cores": "0", "bogus": "1"}, {"net0", "cores", "bogus"}),
        ({"vmid": "101", "scsi0": "local:0"}, {"scsi0"}),
        ({"vmid": "101", "scsi31": "local:1"}, {"scsi31"}),
        ({"vmid": "101", "name": "a b"}, {"name"}),
        ({"vmid": "101", "ide0": "/etc/shadow"}, {"ide0"}),
        ({"vmid": "101", "machine": "pc\nargs: -x"}, {"machine"}),
    ],
)
def test_every_wrong_parameter_is_named(machine: Site, form: dict[str, str], fields: set[str]) -> None:
    answer = machine.call("POST", BASE, data=form)
    assert answer.status_code == 400
    assert set(answer.json["errors"]) == fields
    assert machine.tasks.spawned == []


def test_an_id_in_use(machine: Site) -> None:
    answer = machine.call("POST", BASE, data={"vmid": "100"})
    assert answer.status_code == 500
    assert "unable to create VM 100 - VM 100 already exists on node 'alpha'" in answer.status


# --- change


def test_text_is_changed_at_once(machine: Site) -> None:
    digest = data(machine.get(f"{BASE}/100/config"))["digest"]
    answer = machine.call(
        "PUT", f"{BASE}/100/config", data={"memory": "2048", "delete": "tags,description", "digest": digest}
    )
    assert data(answer) is None
    assert "memory: 2048\n" in text(machine)
    assert "tags" not in text(machine)
    assert not text(machine).startswith("#")
    assert "future_key: kept" in text(machine)
    assert machine.tasks.spawned == []
    old = machine.call("PUT", f"{BASE}/100/config", data={"memory": "512", "digest": digest})
    assert old.status_code == 500
    assert "checksum mismatch (file change by other user?)" in old.status


def test_a_running_machine_keeps_what_it_runs_with(machine: Site, tmp_path: Path) -> None:
    (tmp_path / "pids").mkdir()
    (tmp_path / "pids" / "vm-100.pid").write_text("1")
    assert data(machine.call("PUT", f"{BASE}/100/config", data={"machine": "q35", "name": "new"})) is None
    assert "name: new" in text(machine).split("[PENDING]")[0]
    assert "machine: q35" in text(machine).split("[PENDING]")[1]
    assert data(machine.call("PUT", f"{BASE}/100/config", data={"revert": "machine"})) is None
    assert "q35" not in text(machine)


def test_changes_in_the_background(machine: Site) -> None:
    assert data(machine.call("POST", f"{BASE}/100/config", data={"scsi1": "local:4"})).startswith("UPID:")
    assert machine.tasks.spawned[0]["type"] == "qmconfig"
    assert machine.tasks.spawned[0]["args"]["values"] == {"scsi1": "local:4"}


@pytest.mark.parametrize(("path", "type"), [("", "qmcreate"), ("/100/config", "qmconfig")])
def test_where_archives_are_extracted(machine: Site, path: str, type: str) -> None:
    more = b"lvm: block\n\tvgname x\n\tcontent images\n\ndir: isos\n\tpath /srv\n\tcontent iso\n\n"
    machine.store.write("storage.cfg", machine.store.read("storage.cfg").data + more)
    form = {"memory": "512"} | ({} if path else {"vmid": "101"})

    def call(storage: str, user: str = "root@pam") -> Any:
        return machine.call("POST", f"{BASE}{path}", user, data=form | {"import-working-storage": storage})

    for wrong in ("block", "isos", "none"):
        assert wrong in call(wrong).status
    assert machine.tasks.spawned == []
    data(call("local"))
    assert (machine.tasks.spawned[0]["type"], machine.tasks.spawned[0]["args"]["working"]) == (type, "local")
    machine.store.write("user.cfg", b"user:joe@pve:1:\nacl:1:/vms:joe@pve:PVEVMAdmin:\n")
    assert "/storage/local, Datastore.AllocateSpace" in call("local", "joe@pve").status


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({}, 500, "no options specified"),
        ({"delete": "frob"}, 400, "delete"),
        ({"delete": "memory", "memory": "512"}, 400, "delete"),
        ({"cores": "many"}, 400, "cores"),
    ],
)
def test_changes_that_cannot_be(machine: Site, form: dict[str, str], status: int, words: str) -> None:
    answer = machine.call("PUT", f"{BASE}/100/config", data=form)
    assert answer.status_code == status
    assert words in answer.status + json.dumps(answer.json.get("errors", {}))
    assert text(machine) == VM.decode()


# --- power and removal


@pytest.mark.parametrize(
    ("action", "form", "type", "args"),
    [
        ("start", {}, "qmstart", {"vmid": 100, "skip_lock": False}),
        ("stop", {"skiplock": "1"}, "qmstop", {"vmid": 100, "skip_lock": True}),
        ("reset", {}, "qmreset", {"vmid": 100, "skip_lock": False}),
        (
            "shutdown",
            {"timeout": "3", "forceStop": "1"},
            "qmshutdown",
            {"vmid": 100, "timeout_s": 3, "force_stop": True, "skip_lock": False},
        ),
    ],
)
def test_power(machine: Site, action: str, form: dict[str, str], type: str, args: dict[str, object]) -> None:
    assert data(machine.call("POST", f"{BASE}/100/status/{action}", data=form)).startswith("UPID:")
    assert machine.tasks.spawned == [{"type": type, "id": "100", "user": "root@pam", "args": args}]
    assert machine.call("POST", f"{BASE}/999/status/{action}").status_code == 500


def test_removal(machine: Site) -> None:
    assert data(machine.call("DELETE", f"{BASE}/100?purge=1&destroy-unreferenced-disks=1")).startswith("UPID:")
    assert machine.tasks.spawned[0]["args"] == {"vmid": 100, "unreferenced": True, "purge": True, "skip_lock": False}
    machine.call("PUT", f"{BASE}/100/config", data={"protection": "1"})
    answer = machine.call("DELETE", f"{BASE}/100")
    assert answer.status_code == 500
    assert "protection" in answer.status


def test_others_may_nothing(machine: Site) -> None:
    user = "joe@pve"
    assert data(machine.get(BASE, user=user)) == []
    for method, path in (
        ("GET", "/100/config"),
        ("GET", "/100/status/current"),
        ("PUT", "/100/config"),
        ("POST", "/100/status/start"),
        ("DELETE", "/100"),
    ):
        assert machine.call(method, f"{BASE}{path}", user=user).status_code == 403, path
    assert machine.call("POST", BASE, user=user, data={"vmid": "101"}).status_code == 403
    assert machine.tasks.spawned == []


def test_a_machines_disk_is_its_own(machine: Site) -> None:
    """Space on a storage does not open the disks of others that lie there, nor copies of them."""
    users = b"user:joe@pve:1:\nrole:space:Datastore.AllocateSpace Datastore.Audit:\n"
    rights = b"acl:1:/storage/local:joe@pve:space:\nacl:1:/vms/100:joe@pve:PVEVMAdmin:\n"
    machine.store.write("user.cfg", users + rights)
    for values in (
        {"scsi1": "local:200/vm-200-disk-0.qcow2"},
        {"scsi1": "local:0,import-from=local:200/vm-200-disk-0.qcow2"},
        {"unused0": "local:200/vm-200-disk-0.qcow2"},
        {"efidisk0": "local:200/vm-200-disk-0.raw,size=4M"},
    ):
        answer = machine.call("PUT", f"{BASE}/100/config", "joe@pve", data=values)
        assert answer.status_code == 403, (values, answer.status)
        assert "missing privileges to access 'local:vm-200-disk-0" in answer.status
    assert not machine.tasks.spawned
