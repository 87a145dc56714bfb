"""/nodes/{node}/lxc/{vmid}: snapshots, copies, volumes, power: what starts which task, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hostd.api.endpoint import collect
from hostd.api.nodes import lxc_clones, lxc_disks, lxc_power, lxc_snapshots
from hostd.cluster import locks
from hostd.cluster.standing import Member, Standing
from hostd.guests.lxc import running

CONF = (
    b"hostname: web\nrootfs: local:100/vm-100-disk-0.raw,size=4G\nmp0: local:100/vm-100-disk-1.raw,mp=/d,size=1G\n"
    b"unused0: local:100/vm-100-disk-2.raw\nparent: before\n\n[before]\n#kept\nhostname: old\nsnaptime: 7\n"
    b"rootfs: local:100/vm-100-disk-0.raw,size=4G\n"
)
ONE = "/nodes/alpha/lxc/100"


@pytest.fixture
def here(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(running, "FOLDER", str(tmp_path / "run"))
    site.store.write("storage.cfg", f"dir: local\n\tpath {tmp_path}\n\tcontent rootdir\n\n".encode())
    site.store.write("nodes/alpha/lxc/100.conf", CONF)
    return site


def data(answer: Any) -> Any:
    assert answer.status_code == 200, answer.status
    return answer.get_json()["data"]


@pytest.mark.parametrize(
    ("verb", "path", "values", "type"),
    [
        ("POST", "/snapshot", {"snapname": "new"}, "vzsnapshot"),
        ("DELETE", "/snapshot/before", {}, "vzdelsnapshot"),
        ("POST", "/snapshot/before/rollback", {"start": 1}, "vzrollback"),
        ("POST", "/clone", {"newid": 101, "full": 1}, "vzclone"),
        ("PUT", "/resize", {"disk": "rootfs", "size": "+1G"}, "vzresize"),
        ("POST", "/move_volume", {"volume": "mp0", "storage": "local"}, "move_volume"),
        ("POST", "/status/suspend", {}, "vzsuspend"),
        ("POST", "/status/resume", {}, "vzresume"),
    ],
)
def test_work_is_done_in_tasks(here: Any, verb: str, path: str, values: dict[str, object], type: str) -> None:
    data(here.call(verb, f"{ONE}{path}", data=values))
    (task,) = here.tasks.spawned
    assert (task["type"], task["id"], task["args"]["vmid"]) == (type, "100", 100)


def test_a_copy_for_another_node_lies_where_that_one_sees_it(here: Any) -> None:
    members = tuple(Member(name, place, "", True) for place, name in enumerate(("alpha", "beta"), 1))
    here.store.join(Standing(version=1, name="c", config=1, quorate=True, members=members))
    more = b"dir: all\n\tpath /srv/all\n\tcontent rootdir\n\tshared 1\n\n"
    here.store.write("storage.cfg", here.store.read("storage.cfg").data + more)
    form = {"newid": 101, "full": 1, "target": "beta"}
    assert (
        "storage 'local' is not one that node 'beta' sees, too" in here.call("POST", f"{ONE}/clone", data=form).status
    )
    data(here.call("POST", f"{ONE}/clone", data={**form, "storage": "all"}))
    assert here.tasks.spawned[-1]["args"]["target"] == "beta"


def test_snapshots_are_listed_with_where_the_container_stands(here: Any) -> None:
    rows = data(here.get(f"{ONE}/snapshot"))
    assert rows[0] == {"name": "before", "description": "kept", "snaptime": 7}
    assert (rows[1]["name"], rows[1]["parent"], rows[1]["running"]) == ("current", "before", 0)
    shown = data(here.get(f"{ONE}/snapshot/before/config"))
    assert (shown["hostname"], shown["description"]) == ("old", "kept\n")
    data(here.call("PUT", f"{ONE}/snapshot/before/config", data={"description": "other"}))
    assert data(here.get(f"{ONE}/snapshot"))[0]["description"] == "other"


@pytest.mark.parametrize(
    ("verb", "path", "values", "words"),
    [
        ("POST", "/snapshot", {"snapname": "before"}, "already used"),
        ("POST", "/snapshot", {"snapname": "current"}, "reserved name"),
        ("POST", "/clone", {"newid": 101, "full": 0}, "Linked clone feature is available for templates"),
        ("POST", "/clone", {"newid": 100}, "already exists"),
        ("POST", "/move_volume", {"volume": "mp9", "storage": "local"}, "does not exist"),
        ("POST", "/status/reboot", {}, "not running"),
    ],
)
def test_what_is_refused_before_a_task(here: Any, verb: str, path: str, values: dict[str, object], words: str) -> None:
    answer = here.call(verb, f"{ONE}{path}", data=values)
    assert answer.status_code >= 400
    assert words in answer.status
    assert not here.tasks.spawned


@pytest.mark.parametrize(
    ("path", "values", "key"),
    [
        ("/move_volume", {"volume": "mp0"}, "storage"),
        ("/move_volume", {"volume": "mp0", "storage": "local", "target-vmid": 101}, "storage"),
        ("/move_volume", {"volume": "unused0", "target-vmid": 100}, "target-volume"),
        ("/move_volume", {"volume": "mp0", "target-volume": "mp1", "storage": "local"}, "target-vmid"),
        ("/clone", {"newid": 101, "full": 0, "storage": "local"}, "storage"),
    ],
)
def test_parameters_that_do_not_fit_together(here: Any, path: str, values: dict[str, object], key: str) -> None:
    answer = here.call("POST", f"{ONE}{path}", data=values)
    assert answer.status_code == 400
    assert key in answer.get_json()["errors"]


@pytest.mark.parametrize(
    ("verb", "path", "values"),
    [
        ("POST", "/move_volume", {"volume": "mp0", "storage": "local", "bwlimit": "1e999"}),
        ("POST", "/clone", {"newid": 101, "full": 1, "bwlimit": "9" * 500}),
        ("PUT", "/resize", {"disk": "rootfs", "size": "9" * 5000}),
    ],
)
def test_numbers_without_end_are_refused(here: Any, verb: str, path: str, values: dict[str, object]) -> None:
    assert here.call(verb, f"{ONE}{path}", data=values).status_code == 400
    assert not here.tasks.spawned


def test_features_of_a_folder(here: Any) -> None:
    assert data(here.get(f"{ONE}/feature?feature=snapshot")) == {"hasFeature": 0}
    assert data(here.get(f"{ONE}/feature?feature=copy")) == {"hasFeature": 1}
    assert data(here.get(f"{ONE}/interfaces")) == []


def test_declared_as_in_the_reference(shared: Path) -> None:
    methods = json.loads((shared / "api/schema.json").read_text())["methods"]
    theirs = {(m["path"], m["method"]): m for m in methods}
    for served in collect([lxc_clones, lxc_disks, lxc_power, lxc_snapshots]):
        reference, dump = theirs[(served.path, served.method)], served.dump()
        assert dump["permissions"] == reference["permissions"], served.path
        assert dump.get("proxyto") == reference.get("proxyto"), served.path
        assert set(dump["parameters"]) == set(reference["parameters"]), served.path
