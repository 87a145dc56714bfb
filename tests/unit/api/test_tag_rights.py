"""Tags of guests by the cluster's options: who may add and remove which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hostd.api import tagrights
from hostd.cluster import locks
from hostd.guests.lxc import running
from hostd.guests.qemu import process
from tests.unit.api.conftest import Site

USER = "joe@pve"
OPTIONS = b"registered-tags: gold\nuser-tag-access: user-allow=list,user-allow-list=web;db\n"
RIGHTS = (
    b"user:joe@pve:1:\nacl:1:/vms:joe@pve:PVEVMAdmin:\nacl:1:/storage:joe@pve:PVEDatastoreUser:\n"
    b"role:space:Datastore.AllocateSpace:\n"
)
MACHINE, CONTAINER = "/nodes/alpha/qemu", "/nodes/alpha/lxc"


@pytest.fixture
def guests(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A machine 100 and a container 101, both tagged; the options restrict who may set which tag."""
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(process, "FOLDER", str(tmp_path / "pids"))
    monkeypatch.setattr(running, "FOLDER", str(tmp_path / "run"))
    site.store.write("nodes/alpha/qemu-server/100.conf", b"name: one\ntags: gold;web\n")
    site.store.write("nodes/alpha/lxc/101.conf", b"hostname: two\nrootfs: local:101/a.raw\ntags: gold;web\n")
    site.store.write("datacenter.cfg", OPTIONS)
    site.store.write("user.cfg", RIGHTS)
    return site


def refused(answer: Any, *words: str) -> None:
    assert answer.status_code == 403, answer.status
    for word in words:
        assert word in answer.status


@pytest.mark.parametrize("guest", [f"{MACHINE}/100/config", f"{CONTAINER}/101/config"])
def test_changes_of_a_guest(guests: Site, guest: str) -> None:
    answer = guests.call("PUT", guest, USER, json={"tags": "gold;db"})
    assert answer.status_code == 200, answer.json
    refused(guests.call("PUT", guest, USER, json={"tags": "db"}), "tag 'gold' may not be removed", "Sys.Modify")
    refused(guests.call("PUT", guest, USER, json={"delete": "tags"}), "tag 'gold'")
    refused(guests.call("PUT", guest, USER, json={"tags": "gold;mine"}), "tag 'mine' may not be added", "db, web")
    assert guests.get(guest, user=USER).json["data"]["tags"] == "gold;db"
    assert guests.call("PUT", guest, json={"tags": "mine"}).status_code == 200
    assert guests.call("PUT", guest, USER, json={"tags": "mine", "description": "same"}).status_code == 200


def test_new_guests(guests: Site) -> None:
    refused(guests.call("POST", MACHINE, USER, json={"vmid": "200", "tags": "gold"}), "tag 'gold'")
    assert guests.call("POST", MACHINE, USER, json={"vmid": "200", "tags": "web"}).status_code == 200
    made = guests.call("POST", CONTAINER, USER, json={"vmid": "201", "ostemplate": "local:vztmpl/a", "tags": "mine"})
    refused(made, "tag 'mine'")
    assert [task["id"] for task in guests.tasks.spawned] == ["200"]


def test_who_may_set_any_tag_is_asked_nothing_else(guests: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tags of all guests would be collected for it."""
    monkeypatch.setattr(tagrights, "policy", lambda ctx, options: pytest.fail("the policy was asked for"))
    assert guests.call("PUT", f"{MACHINE}/100/config", json={"tags": "any"}).status_code == 200


def test_what_users_are_offered(guests: Site) -> None:
    assert guests.get("/cluster/options", user=USER).json["data"]["allowed-tags"] == ["db", "web"]
    assert guests.get("/cluster/options").json["data"]["allowed-tags"] == ["gold", "web"]
