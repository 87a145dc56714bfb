"""Disks by the API: what is shown, what is refused, what becomes a task."""

from __future__ import annotations

from typing import Any

import pytest

from hostd.core.errors import Conflict
from hostd.node.disks import gather, guard
from hostd.node.disks.inventory import Disk
from tests.unit.api.conftest import Site

BASE = "/nodes/alpha/disks"


def disk(name: str, used: str = "", parent: str = "") -> Disk:
    return Disk(
        name=name, devpath=f"/dev/{name}", type="partition" if parent else "ssd", size_bytes=1000, used=used, gpt=True,
        parent=parent,
    )  # fmt: skip


DISKS = [disk("sda", "partitions"), disk("sda1", "ext4", "/dev/sda"), disk("sdb"), disk("sdc", "LVM")]


@pytest.fixture(autouse=True)
def disks(monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(run: object, *, smart: bool = True, partitions: bool = False, **_: object) -> list[Disk]:
        return [d for d in DISKS if partitions or not d.parent]

    def unused(run: object, path: str) -> Disk:
        found = next(d for d in DISKS if d.devpath == path)
        if found.used:
            raise Conflict(f"'{path}' is in use ({found.used})")
        return found

    monkeypatch.setattr(gather, "list_disks", listed)
    monkeypatch.setattr(guard, "unused", unused)
    monkeypatch.setattr(guard, "not_active", unused)


def data(answer: Any) -> Any:
    assert answer.status_code == 200, answer.status
    return answer.json["data"]


def test_lists(site: Site) -> None:
    assert [row["devpath"] for row in data(site.get(f"{BASE}/list"))] == ["/dev/sda", "/dev/sdb", "/dev/sdc"]
    every = data(site.get(f"{BASE}/list?include-partitions=1"))
    assert [row["parent"] for row in every if "parent" in row] == ["/dev/sda"]
    assert [row["devpath"] for row in data(site.get(f"{BASE}/list?type=unused"))] == ["/dev/sdb"]
    assert {"name": "zfs"} in data(site.get(BASE))


def test_unused_disks_become_something(site: Site) -> None:
    assert data(site.call("POST", f"{BASE}/initgpt", data={"disk": "/dev/sdb"})).startswith("UPID:")
    form = {"device": "/dev/sdb", "name": "fast", "add_storage": "1"}
    for kind, task in (("directory", "dircreate"), ("lvm", "lvmcreate"), ("lvmthin", "lvmthincreate")):
        assert data(site.call("POST", f"{BASE}/{kind}", data=form)).startswith("UPID:")
        started = site.tasks.spawned[-1]
        assert (started["type"], started["args"]["device"], started["args"]["add_storage"]) == (task, "/dev/sdb", True)
        used = site.call("POST", f"{BASE}/{kind}", data=form | {"device": "/dev/sdc"})
        assert "in use (LVM)" in used.status
    assert data(site.call("PUT", f"{BASE}/wipedisk", data={"disk": "/dev/sdb"})).startswith("UPID:")


def test_what_was_made_is_removed(site: Site) -> None:
    gone = data(site.call("DELETE", f"{BASE}/lvmthin/fast?volume-group=fast&cleanup-disks=1"))
    assert gone.startswith("UPID:")
    assert site.tasks.spawned[-1]["args"] == {
        "name": "fast", "group": "fast", "clean_config": False, "clean_disks": True
    }  # fmt: skip
    for kind in ("directory", "lvm", "zfs"):
        assert data(site.call("DELETE", f"{BASE}/{kind}/fast")).startswith("UPID:")


def test_administrators_only(site: Site) -> None:
    site.store.write("user.cfg", site.store.read("user.cfg").data + b"acl:1:/:joe@pve:PVEAuditor:\n")
    assert site.get(f"{BASE}/list", user="joe@pve").status_code == 200
    form = {"device": "/dev/sdb", "name": "fast"}
    assert site.call("POST", f"{BASE}/lvm", data=form, user="joe@pve").status_code == 403
    assert site.call("PUT", f"{BASE}/wipedisk", data={"disk": "/dev/sdb"}, user="joe@pve").status_code == 403
    assert site.get(f"{BASE}/list", user="stranger@pve").status_code == 403
    assert site.call("POST", f"{BASE}/initgpt", data={"disk": "/dev/../etc/passwd"}).status_code == 400
