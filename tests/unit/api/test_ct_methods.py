"""/nodes/{node}/lxc: lists from memory, configurations, what starts which task, what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hostd.api.endpoint import collect
from hostd.api.nodes import guest_params, lxc
from hostd.cluster import locks
from hostd.guests.lxc import running
from hostd.tasks.archive import Archive, process_start

CONF = b"""#a note
arch: amd64
cores: 2
cpulimit: 1.5
hostname: web
memory: 256
net0: name=eth0,bridge=vmbr0,hwaddr=02:00:00:00:00:01
rootfs: local:100/vm-100-disk-0.raw,size=4G
swap: 128
tags: a;b
unprivileged: 1
lxc.cap.drop: sys_admin

[pve:pending]
memory: 512

[before]
memory: 64
"""
PLACE = "nodes/alpha/lxc/100.conf"
WAITING = ("vzshutdown:100", "vzshutdown:101", "vzstart:100")


@pytest.fixture
def here(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(running, "FOLDER", str(tmp_path / "run"))
    site.store.write("storage.cfg", f"dir: local\n\tpath {tmp_path}\n\tcontent rootdir,vztmpl,backup\n\n".encode())
    site.store.write(PLACE, CONF)
    site.store.write("nodes/alpha/qemu-server/101.conf", b"name: other\n")
    return site


def data(answer: Any) -> Any:
    assert answer.status_code == 200, answer.status
    return answer.get_json()["data"]


def test_a_stopped_container_in_the_list(here: Any) -> None:
    (row,) = data(here.get("/nodes/alpha/lxc"))
    assert (row["vmid"], row["name"], row["status"]) == (100, "web", "stopped")
    assert (row["maxmem"], row["maxswap"], row["maxdisk"]) == (256 << 20, 128 << 20, 4 << 30)
    assert (row["cpus"], row["tags"], row["uptime"]) == (1.5, "a;b", 0)
    assert "pid" not in row


def test_a_running_container_shows_its_sample(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here.samples.guest_values = {100: {"status": "running", "mem": 5, "maxdisk": 7, "pid": 3, "cpu": 0.5, "swap": 2}}
    monkeypatch.setattr(running, "init_pid", {100: 3}.get)
    status = data(here.get("/nodes/alpha/lxc/100/status/current"))
    assert (status["status"], status["mem"], status["maxdisk"], status["pid"], status["swap"]) == (
        "running",
        5,
        7,
        3,
        2,
    )
    assert status["ha"] == {"managed": 0}


def test_a_container_runs_before_there_is_a_sample_of_it(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "init_pid", {100: 3}.get)
    for old in ({}, {100: {"pid": 2, "mem": 5}}):  # none yet, and one from before its last start
        here.samples.guest_values = old
        status = data(here.get("/nodes/alpha/lxc/100/status/current"))
        assert (status["status"], status["pid"], status["mem"]) == ("running", 3, 0)


def test_a_container_is_off_while_the_sample_still_has_it(here: Any) -> None:
    here.samples.guest_values = {100: {"pid": 3, "mem": 5}}
    status = data(here.get("/nodes/alpha/lxc/100/status/current"))
    assert (status["status"], status["mem"], "pid" in status) == ("stopped", 0, False)


def test_processors_of_one_without_limit_are_the_nodes(here: Any) -> None:
    here.store.write(PLACE, b"rootfs: local:100/x.raw\n")
    here.samples.node_values = {"maxcpu": 8}
    assert data(here.get("/nodes/alpha/lxc"))[0]["cpus"] == 8


def test_configuration_as_it_will_be_and_as_it_is(here: Any) -> None:
    shown = data(here.get("/nodes/alpha/lxc/100/config"))
    assert (shown["memory"], shown["cores"], shown["cpulimit"], shown["description"]) == (512, 2, 1.5, "a note\n")
    assert shown["lxc"] == [["lxc.cap.drop", "sys_admin"]]
    assert len(shown["digest"]) == 40
    assert data(here.get("/nodes/alpha/lxc/100/config?current=1"))["memory"] == 256
    assert data(here.get("/nodes/alpha/lxc/100/config?snapshot=before"))["memory"] == 64
    assert here.get("/nodes/alpha/lxc/100/config?snapshot=none").status_code == 500
    rows = {row["key"]: row for row in data(here.get("/nodes/alpha/lxc/100/pending"))}
    assert rows["memory"] == {"key": "memory", "value": 256, "pending": 512}


def test_indexes(here: Any) -> None:
    assert {"subdir": "config"} in data(here.get("/nodes/alpha/lxc/100"))
    assert {"subdir": "current"} in data(here.get("/nodes/alpha/lxc/100/status"))


def test_absence_is_said_in_the_words_that_clients_know(here: Any) -> None:
    for method, path in (
        ("GET", "/config"), ("GET", "/status/current"), ("POST", "/status/start"), ("DELETE", ""), ("PUT", "/config"),
    ):  # fmt: skip
        answer = here.call(method, f"/nodes/alpha/lxc/777{path}", data={"cores": 1} if method == "PUT" else None)
        assert answer.status == "500 Configuration file 'nodes/alpha/lxc/777.conf' does not exist", path


def create(here: Any, **values: object) -> Any:
    wanted = {"vmid": 200, "ostemplate": "local:vztmpl/t.tar.gz", **values}
    return here.call("POST", "/nodes/alpha/lxc", data=wanted)


def test_creation_starts_a_task(here: Any) -> None:
    upid = data(create(here, password="geheim", cores=2, net0="name=eth0,bridge=vmbr0", start=1, tags="a,b"))
    assert upid.startswith("UPID:alpha:")
    (task,) = here.tasks.spawned
    assert (task["type"], task["id"], task["args"]["start"]) == ("vzcreate", "200", True)
    assert task["args"]["password"] == "geheim"
    assert task["args"]["values"] == {
        "cores": "2", "net0": "name=eth0,bridge=vmbr0", "tags": "a;b", "rootfs": "local:4", "unprivileged": "1",
    }  # fmt: skip


def test_a_privileged_container_must_be_asked_for(here: Any) -> None:
    data(create(here, unprivileged=0, rootfs="local:1"))
    assert "unprivileged" not in here.tasks.spawned[0]["args"]["values"]


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"password": "shor"}, "password"),
        ({"password": "line\nbreak"}, "password"),
        ({"ssh-public-keys": "nonsense"}, "ssh-public-keys"),
        ({"net0": "bridge=vmbr0"}, "net0"),
        ({"rootfs": "local:100/vm-100-disk-0.raw"}, "rootfs"),
        ({"mp0": "/etc,mp=/"}, "mp0"),
        ({"cores": 0}, "cores"),
        ({"hostname": "a b"}, "hostname"),
        ({"frob": 1}, "frob"),
    ],
)
def test_wrong_parameters_are_named(here: Any, values: dict[str, object], key: str) -> None:
    answer = create(here, **values)
    assert answer.status_code == 400
    assert key in answer.get_json()["errors"]
    assert not here.tasks.spawned


def test_what_else_stops_a_creation(here: Any) -> None:
    assert "already exists on node 'alpha'" in create(here, vmid=101).status
    assert create(here, ostemplate="/etc/passwd").status_code == 400
    assert not here.tasks.spawned


BACKUP = "local:backup/vzdump-lxc-100-2026_01_02-03_04_05.tar.zst"
PEOPLE = b"""user:keeper@pve:1:
user:stranger@pve:1:
role:backup:VM.Backup:
role:space:Datastore.AllocateSpace:
acl:1:/vms/100:keeper@pve:backup:
acl:1:/storage/local:keeper@pve,stranger@pve:space:
acl:1:/vms/300:stranger@pve:PVEVMAdmin:
"""


def test_a_restore_is_a_task_that_reads_the_backup(here: Any) -> None:
    data(create(here, ostemplate=BACKUP, restore=1, unique=1, vmid=300, hostname="other", start=1, rootfs="local:2"))
    task = here.tasks.spawned[0]
    assert (task["type"], task["id"]) == ("vzrestore", "300")
    assert task["args"] == {
        "vmid": 300, "archive": BACKUP, "user": "root@pam", "storage": "local", "unique": True, "force": False,
        "ignore_errors": False, "start": True, "pool": "", "limit_kib": 0,
        "values": {"hostname": "other", "rootfs": "local:2"},
    }  # fmt: skip


def test_an_archive_is_read_as_slowly_as_is_asked_for(here: Any) -> None:
    """Or as the storage that the volumes are made on says; who may not change that is held by it."""
    text = here.store.read("storage.cfg").data.decode()
    here.store.write("storage.cfg", text.replace("\tpath", "\tbwlimit restore=50\n\tpath").encode())
    role = b"role:makes:VM.Allocate,Datastore.AllocateSpace,VM.Config.Disk,VM.Config.Options:\n"
    here.store.write("user.cfg", b"user:joe@pve:1:\n" + role + b"acl:1:/:joe@pve:makes:\n")
    call = "/nodes/alpha/lxc"
    for user, values, limit in (
        ("root@pam", {}, 50), ("root@pam", {"bwlimit": "80.7"}, 80), ("root@pam", {"bwlimit": "0.5"}, 1),
        ("joe@pve", {"bwlimit": 80}, 50), ("joe@pve", {"bwlimit": 20}, 20),
    ):  # fmt: skip
        wanted = {"vmid": 300, "ostemplate": "local:vztmpl/t.tar.gz", "rootfs": "local:1", **values}
        data(here.call("POST", call, user, data=wanted))
        assert here.tasks.spawned[-1]["args"]["limit_kib"] == limit, (user, values)
    data(create(here, ostemplate=BACKUP, restore=1, vmid=300))
    assert here.tasks.spawned[-1]["args"]["limit_kib"] == 50


def test_what_is_there_is_restored_over_only_when_it_is_asked_for(here: Any) -> None:
    assert "already exists" in create(here, ostemplate=BACKUP, restore=1, vmid=100).status
    assert "already exists" in create(here, ostemplate=BACKUP, restore=1, force=1, vmid=101).status, "it is a machine"
    data(create(here, ostemplate=BACKUP, restore=1, force=1, vmid=100, unprivileged=0))
    assert here.tasks.spawned[0]["args"]["values"] == {"unprivileged": "0"}


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"unique": 1}, "restore"),
        ({"force": 1}, "force"),
        ({"ignore-unpack-errors": 1}, "ignore-unpack-errors"),
        ({"restore": 1, "password": "secret"}, "password"),
    ],
)
def test_what_goes_together_with_a_restore(here: Any, values: dict[str, object], key: str) -> None:
    values = {"ostemplate": BACKUP, **values} if "restore" in values else values
    answer = create(here, vmid=300, **values)
    assert key in answer.get_json()["errors"]


def test_who_may_restore(here: Any) -> None:
    """Who may back a container up may restore it over itself, and nobody reads others' files by a new container."""
    here.store.write("user.cfg", PEOPLE)
    over = {"ostemplate": BACKUP, "restore": 1, "force": 1}
    call = "/nodes/alpha/lxc"
    assert here.call("POST", call, "keeper@pve", data={"vmid": 100, **over}).status_code == 200
    assert here.call("POST", call, "keeper@pve", data={"vmid": 300, **over}).status_code == 403
    assert here.call("POST", call, "stranger@pve", data={"vmid": 100, **over}).status_code == 403
    refused = here.call("POST", call, "stranger@pve", data={"vmid": 300, **over})
    assert "missing privileges to access 'local:vzdump-lxc-100-" in refused.status
    assert len(here.tasks.spawned) == 1


NEIGHBOUR = b"""user:joe@pve:1:
role:space:Datastore.AllocateSpace Datastore.Audit:
acl:1:/storage/local:joe@pve:space:
acl:1:/vms/100:joe@pve:PVEVMAdmin:
"""


def test_a_guests_volume_is_its_own(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Space on a storage does not open the disks of others that lie there; who configures both guests may share."""
    monkeypatch.setattr(guest_params, "wait_for", lambda *_: None)
    here.store.write("user.cfg", NEIGHBOUR)
    put = "/nodes/alpha/lxc/100/config"
    for values in (
        {"mp1": "local:200/vm-200-disk-0.raw,mp=/x"},
        {"mp1": "local:200/base-200-disk-0.raw,mp=/x"},
        {"unused0": "local:200/vm-200-disk-0.raw"},
    ):
        answer = here.call("PUT", put, "joe@pve", data=values)
        assert answer.status_code == 403, values
        assert "missing privileges to access 'local:" in answer.status
    assert here.call("PUT", put, "joe@pve", data={"mp1": "local:iso/x.iso,mp=/x"}).status_code == 500
    assert not here.tasks.spawned
    assert here.call("PUT", put, "joe@pve", data={"mp1": "local:100/vm-100-disk-3.raw,mp=/x"}).status_code == 200
    here.store.write("user.cfg", NEIGHBOUR + b"acl:1:/vms/200:joe@pve:PVEVMAdmin:\n")
    assert here.call("PUT", put, "joe@pve", data={"unused0": "local:200/vm-200-disk-0.raw"}).status_code == 200
    assert len(here.tasks.spawned) == 2


def test_a_change_is_written_at_once(here: Any) -> None:
    answer = here.call("PUT", "/nodes/alpha/lxc/100/config", data={"cores": 1, "delete": "tags", "description": "x"})
    assert data(answer) is None
    text = here.store.read(PLACE).data.decode()
    assert text.startswith("#x\narch: amd64\ncores: 1\n")
    assert "tags" not in text
    assert "lxc.cap.drop: sys_admin" in text
    assert not here.tasks.spawned


def test_changes_that_are_refused(here: Any) -> None:
    put = "/nodes/alpha/lxc/100/config"
    assert here.call("PUT", put, data={}).status == "500 no options specified"
    assert here.call("PUT", put, data={"delete": "frob"}).get_json()["errors"] == {"delete": "unknown option 'frob'"}
    stale = here.call("PUT", put, data={"cores": 1, "digest": "0" * 40})
    assert stale.status == "500 checksum mismatch (file change by other user?)"
    assert here.call("PUT", put, data={"unprivileged": 0}).status_code == 500
    assert here.store.read(PLACE).data == CONF


@pytest.mark.parametrize(
    ("method", "path", "values", "task", "args"),
    [
        ("POST", "/status/start", {}, "vzstart", {"skip_lock": False}),
        ("POST", "/status/start", {"debug": 1}, "vzstart", {"skip_lock": False, "debug": True}),
        ("POST", "/status/stop", {"skiplock": 1}, "vzstop", {"skip_lock": True}),
        ("POST", "/status/shutdown", {"forceStop": 1}, "vzshutdown", {"timeout_s": 60, "force_stop": True}),
        ("POST", "/status/shutdown", {"timeout": 5}, "vzshutdown", {"timeout_s": 5, "force_stop": False}),
        ("DELETE", "?force=1", None, "vzdestroy", {"unreferenced": False, "force": True, "purge": False}),
        ("DELETE", "?destroy-unreferenced-disks=1&purge=1", None, "vzdestroy",
         {"unreferenced": True, "force": False, "purge": True}),
    ],
)  # fmt: skip
def test_power_and_removal_are_tasks(
    here: Any, method: str, path: str, values: dict[str, object] | None, task: str, args: dict[str, object]
) -> None:
    data(here.call(method, f"/nodes/alpha/lxc/100{path}", data=values))
    assert here.tasks.spawned == [{"type": task, "id": "100", "user": "root@pam", "args": {"vmid": 100, **args}}]


def test_a_stop_can_end_a_shutdown_that_waits(here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = process_start(os.getpid())
    names = [f"UPID:alpha:{os.getpid():08X}:{start:08X}:65000000:{what}:root@pam:" for what in WAITING]
    for name in names:
        (tmp_path / "tasks").mkdir(exist_ok=True)
        (tmp_path / "tasks" / name).write_text("")
    monkeypatch.setattr(guest_params, "Archive", lambda: Archive(running=str(tmp_path / "tasks")))
    data(here.call("POST", "/nodes/alpha/lxc/100/status/stop"))
    assert [task["type"] for task in here.tasks.spawned] == ["vzstop"]
    data(here.call("POST", "/nodes/alpha/lxc/100/status/stop", data={"overrule-shutdown": 1}))
    assert here.tasks.spawned[1:-1] == [{"stop": names[0]}]


def test_removal_is_refused_before_a_task(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "init_pid", {100: 3}.get)
    assert here.call("DELETE", "/nodes/alpha/lxc/100").status == "500 CT 100 is running - destroy failed"
    here.store.write(PLACE, b"protection: 1\nrootfs: local:100/x.raw\n")
    answer = here.call("DELETE", "/nodes/alpha/lxc/100?force=1")
    assert answer.status == "500 can't remove CT 100 - protection mode enabled"
    assert not here.tasks.spawned


def test_what_has_just_ended_can_be_removed(here: Any) -> None:
    here.samples.guest_values = {100: {"status": "running"}}  # the last sample still has it
    data(here.call("DELETE", "/nodes/alpha/lxc/100"))
    assert here.tasks.spawned[-1]["type"] == "vzdestroy"


def test_others_see_and_change_nothing(here: Any) -> None:
    """Until access control grants something, only root@pam has privileges."""
    someone = "someone@pve"
    assert data(here.get("/nodes/alpha/lxc", user=someone)) == []
    calls: list[tuple[str, str, dict[str, object] | None]] = [
        ("GET", "/100/config", None),
        ("PUT", "/100/config", {"cores": 1}),
        ("POST", "/100/status/start", {}),
        ("POST", "", {"vmid": 200, "ostemplate": "local:vztmpl/t.tar.gz"}),
        ("DELETE", "/100", None),
    ]
    for method, path, values in calls:
        answer = here.call(method, f"/nodes/alpha/lxc{path}", user=someone, data=values)
        assert answer.status_code == 403, (method, path)
    assert not here.tasks.spawned


def test_declared_as_in_the_reference(shared: Path) -> None:
    """Parameters we lack are listed in docs/containers.md; what we serve has the same permissions and routing."""
    methods = json.loads((shared / "api/schema.json").read_text())["methods"]
    theirs = {(m["path"], m["method"]): m for m in methods}
    for served in collect([lxc]):
        reference, dump = theirs[(served.path, served.method)], served.dump()
        assert dump["permissions"] == reference["permissions"], served.path
        assert dump.get("proxyto") == reference.get("proxyto"), served.path
        extra = set(dump["parameters"]) - set(reference["parameters"])
        assert not extra, (served.path, extra)


def test_a_bridge_and_the_hosts_folders_need_rights_of_their_own(here: Any) -> None:
    here.store.write(
        "user.cfg",
        b"user:joe@pve:1:0::::::\nacl:1:/vms/100:joe@pve:PVEVMAdmin:\n",
    )
    for values, words in (
        ({"net1": "name=eth1,bridge=vmbr9"}, "/sdn/zones/localnetwork/vmbr9"),
        ({"mp0": "/etc,mp=/etc"}, "mount point type bind is only allowed for root@pam"),
        ({"mp0": "/dev/sda,mp=/etc"}, "mount point type device is only allowed for root@pam"),
        ({"dev0": "/dev/null"}, "only root can set 'dev0' config"),
    ):
        answer = here.call("PUT", "/nodes/alpha/lxc/100/config", user="joe@pve", data=values)
        assert answer.status_code == 403, values
        assert words in answer.status
