"""Snapshots, copies, disks and cloud-init of machines as methods: what is spawned, what is refused, what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hostd.cluster import locks
from hostd.cluster.standing import Member, Standing
from tests.unit.api.conftest import Site

VM = b"""cores: 2
ide2: local:100/vm-100-cloudinit.raw,media=cdrom
ciuser: ann
cipassword: $6$secret
memory: 512
name: web
net0: virtio=52:54:00:00:00:01,bridge=vmbr0
parent: second
scsi0: local:100/vm-100-disk-0.qcow2,size=1G
unused0: local:100/vm-100-disk-1.qcow2

[special:cloudinit]
ciuser: bob
cipassword: $6$other
name: web

[first]
#the first
memory: 256
snaptime: 1000
scsi0: local:100/vm-100-disk-0.qcow2,size=1G

[second]
memory: 256
parent: first
snaptime: 2000
vmstate: local:100/vm-100-state-second.raw
"""
TEMPLATE = b"name: base\nscsi0: local:200/base-200-disk-0.qcow2,size=1G\ntemplate: 1\n"
PLACE = "/nodes/alpha/qemu"
STORAGE = b"dir: local\n\tpath /srv/none\n\tcontent images,iso,snippets\n\n"
STORAGE += b"dir: other\n\tpath /srv/other\n\tcontent images\n\n"


@pytest.fixture
def machine(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path))
    site.store.write("storage.cfg", STORAGE)
    site.store.write("nodes/alpha/qemu-server/100.conf", VM)
    site.store.write("nodes/alpha/qemu-server/200.conf", TEMPLATE)
    return site


def data(answer: Any) -> Any:
    assert answer.status_code == 200, (answer.status, answer.get_data(as_text=True))
    return answer.get_json()["data"]


def spawned(machine: Site) -> tuple[str, dict[str, Any]]:
    (task,) = machine.tasks.spawned
    return task["type"], task["args"]


def test_the_list_of_snapshots_ends_where_the_machine_stands(machine: Site) -> None:
    rows = data(machine.get(f"{PLACE}/100/snapshot"))
    assert [row["name"] for row in rows] == ["first", "second", "current"]
    assert (rows[0]["description"], rows[0]["snaptime"], rows[0]["vmstate"]) == ("the first", 1000, 0)
    assert (rows[1]["parent"], rows[1]["vmstate"], rows[2]["parent"], rows[2]["running"]) == ("first", 1, "second", 0)


def test_a_snapshot_is_a_task(machine: Site) -> None:
    form = {"snapname": "third", "description": "why", "vmstate": "1"}
    assert data(machine.call("POST", f"{PLACE}/100/snapshot", data=form)).startswith("UPID:")
    assert spawned(machine) == ("qmsnapshot", {"vmid": 100, "name": "third", "comment": "why", "memory": True})


@pytest.mark.parametrize("name", ["first", "current"])
def test_names_that_are_taken(machine: Site, name: str) -> None:
    answer = machine.call("POST", f"{PLACE}/100/snapshot", data={"snapname": name})
    assert answer.status_code == 500
    assert "used" in answer.status or "reserved" in answer.status
    assert machine.tasks.spawned == []


def test_a_snapshots_configuration_and_notes(machine: Site) -> None:
    shown = data(machine.get(f"{PLACE}/100/snapshot/second/config"))
    assert (shown["memory"], shown["snaptime"], shown["parent"]) == ("256", 2000, "first")
    assert data(machine.call("PUT", f"{PLACE}/100/snapshot/second/config", data={"description": "noted"})) is None
    assert "[second]\n#noted\n" in machine.store.read("nodes/alpha/qemu-server/100.conf").data.decode()
    assert machine.get(f"{PLACE}/100/snapshot/none/config").status_code == 500


def test_going_back_and_removing(machine: Site) -> None:
    data(machine.call("POST", f"{PLACE}/100/snapshot/first/rollback", data={"start": "1"}))
    assert spawned(machine) == ("qmrollback", {"vmid": 100, "name": "first", "start": True})
    machine.tasks.spawned.clear()
    data(machine.call("DELETE", f"{PLACE}/100/snapshot/first?force=1"))
    assert spawned(machine) == ("qmdelsnapshot", {"vmid": 100, "name": "first", "force": True})


def test_a_template_is_cloned_linked_unless_asked(machine: Site) -> None:
    data(machine.call("POST", f"{PLACE}/200/clone", data={"newid": "201"}))
    type, args = spawned(machine)
    assert (type, args["vmid"], args["newid"], args["full"]) == ("qmclone", 200, 201, False)
    machine.tasks.spawned.clear()
    data(machine.call("POST", f"{PLACE}/100/clone", data={"newid": "201", "storage": "other", "name": "copy"}))
    assert spawned(machine)[1]["full"] is True
    assert spawned(machine)[1]["storage"] == "other"


@pytest.mark.parametrize(
    ("vmid", "form", "status", "words"),
    [
        (100, {"newid": "201", "full": "0"}, 500, "Linked clone feature"),
        (200, {"newid": "201", "storage": "other"}, 400, "verification"),
        (100, {"newid": "200"}, 500, "already exists"),
        (100, {"newid": "201", "snapname": "none"}, 500, "does not exist"),
        (100, {"newid": "201", "target": "beta"}, 500, "target"),
    ],
)
def test_clones_that_cannot_be(machine: Site, vmid: int, form: dict[str, str], status: int, words: str) -> None:
    answer = machine.call("POST", f"{PLACE}/{vmid}/clone", data=form)
    assert (answer.status_code, words in answer.status) == (status, True), answer.status
    assert machine.tasks.spawned == []


def test_a_copy_for_another_node_lies_where_that_one_sees_it(machine: Site) -> None:
    members = tuple(
        Member(name, place, "", name != "gamma") for place, name in enumerate(("alpha", "beta", "gamma"), 1)
    )
    machine.store.join(Standing(version=1, name="c", config=1, quorate=True, members=members))
    more = b"dir: all\n\tpath /srv/all\n\tcontent images\n\tshared 1\n\tnodes alpha,beta\n\n"
    machine.store.write("storage.cfg", STORAGE + more)
    form = {"newid": "201", "target": "beta"}
    refused = machine.call("POST", f"{PLACE}/100/clone", data=form)
    assert "storage 'local' is not one that node 'beta' sees, too" in refused.status
    assert "'gamma' is not there" in machine.call("POST", f"{PLACE}/100/clone", data={**form, "target": "gamma"}).status
    assert machine.tasks.spawned == []
    data(machine.call("POST", f"{PLACE}/100/clone", data={**form, "storage": "all"}))
    assert spawned(machine)[1]["target"] == "beta"
    machine.tasks.spawned.clear()
    data(machine.call("POST", f"{PLACE}/100/clone", data={**form, "target": "alpha"}))
    assert spawned(machine)[1]["target"] == "", "this node itself"


def test_templates(machine: Site) -> None:
    assert "snapshots" in machine.call("POST", f"{PLACE}/100/template").status
    assert "template to a template" in machine.call("POST", f"{PLACE}/200/template").status


def test_features(machine: Site) -> None:
    assert data(machine.get(f"{PLACE}/200/feature?feature=clone")) == {"hasFeature": 1, "nodes": ["alpha"]}
    assert data(machine.get(f"{PLACE}/100/feature?feature=clone"))["hasFeature"] == 0
    assert data(machine.get(f"{PLACE}/100/feature?feature=snapshot"))["hasFeature"] == 1


def test_disks_grow(machine: Site) -> None:
    data(machine.call("PUT", f"{PLACE}/100/resize", data={"disk": "scsi0", "size": "+1G"}))
    assert spawned(machine)[1] | {"x": 1} == {
        "vmid": 100, "disk": "scsi0", "size": "+1G", "digest": "", "skip_lock": False, "x": 1,
    }  # fmt: skip
    assert machine.call("PUT", f"{PLACE}/100/resize", data={"disk": "scsi9", "size": "1G"}).status_code == 500
    assert machine.call("PUT", f"{PLACE}/100/resize", data={"disk": "ide2", "size": "1G"}).status_code == 500
    assert machine.call("PUT", f"{PLACE}/100/resize", data={"disk": "scsi0", "size": "big"}).status_code == 400


def test_disks_move(machine: Site) -> None:
    data(machine.call("POST", f"{PLACE}/100/move_disk", data={"disk": "scsi0", "storage": "other", "delete": "1"}))
    type, args = spawned(machine)
    assert (type, args["disk"], args["storage"], args["delete"]) == ("qmmove", "scsi0", "other", True)
    machine.tasks.spawned.clear()
    form = {"disk": "unused0", "target-vmid": "200", "target-disk": "scsi4"}
    data(machine.call("POST", f"{PLACE}/100/move_disk", data=form))
    assert spawned(machine)[0] == "qmreassign"
    for wrong in ({}, {"target-disk": "scsi4"}, {"target-vmid": "200", "storage": "other"}):
        answer = machine.call("POST", f"{PLACE}/100/move_disk", data={"disk": "scsi0", **wrong})
        assert answer.status_code == 400, wrong


def test_unlink_detaches(machine: Site) -> None:
    assert data(machine.call("PUT", f"{PLACE}/100/unlink", data={"idlist": "scsi0"})) is None
    text = machine.store.read("nodes/alpha/qemu-server/100.conf").data.decode()
    assert "unused1: local:100/vm-100-disk-0.qcow2" in text.partition("[")[0]
    assert machine.call("PUT", f"{PLACE}/100/unlink", data={"idlist": "memory"}).status_code == 400


def test_what_is_on_the_cloud_init_drive(machine: Site) -> None:
    rows = {row["key"]: row for row in data(machine.get(f"{PLACE}/100/cloudinit"))}
    assert (rows["ciuser"]["value"], rows["ciuser"]["pending"]) == ("bob", "ann")
    assert rows["cipassword"]["pending"] == "**********"
    user = data(machine.get(f"{PLACE}/100/cloudinit/dump?type=user"))
    assert "user: ann" in user
    assert "secret" not in user


def test_a_password_is_kept_as_a_hash(machine: Site) -> None:
    assert data(machine.call("PUT", f"{PLACE}/100/config", data={"cipassword": "in the clear"})) is None
    text = machine.store.read("nodes/alpha/qemu-server/100.conf").data.decode()
    assert "in the clear" not in text
    assert "\ncipassword: $6$" in text
    assert data(machine.get(f"{PLACE}/100/config"))["cipassword"] == "**********"


def test_copies_keep_to_the_storages_limits(machine: Site) -> None:
    """Each operation by its own word; who may configure storages is held by what is asked for only."""
    limited = b"dir: slow\n\tpath /srv/slow\n\tcontent images\n\tbwlimit clone=70,move=50,restore=30\n\n"
    machine.store.write("storage.cfg", STORAGE + limited)
    machine.store.write("datacenter.cfg", b"bwlimit: default=900\n")
    calls = [
        ("100/clone", {"newid": "201", "storage": "slow"}, 70),
        ("100/clone", {"newid": "201", "storage": "slow", "bwlimit": "400"}, 400),
        ("100/clone", {"newid": "201"}, 900),
        ("100/move_disk", {"disk": "scsi0", "storage": "slow"}, 50),
        ("", {"vmid": "201", "scsi0": "slow:1"}, 30),
        ("", {"vmid": "201", "scsi0": "slow:1", "bwlimit": "0"}, 0),
        ("", {"vmid": "201"}, 900),
    ]
    for path, form, limit_kib in calls:
        machine.tasks.spawned.clear()
        data(machine.call("POST", f"{PLACE}/{path}".rstrip("/"), data=form))
        assert spawned(machine)[1]["limit_kib"] == limit_kib, (path, form)
