"""Moving guests by the API: what the task is told, who may, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hostd.cluster.standing import Member, Standing
from hostd.guests.lxc import running
from tests.unit.api.conftest import Site

STORAGES = b"""dir: local
\tpath /nowhere/vz
\tcontent images,rootdir

dir: other
\tpath /nowhere/other
\tcontent images,rootdir
\tbwlimit migration=500

"""
CALL = "/nodes/alpha/qemu/100/migrate"
CONTAINER = "/nodes/alpha/lxc/101/migrate"


def data(answer: Any) -> Any:
    assert answer.status_code == 200, answer.status
    return answer.json["data"]


@pytest.fixture
def two(site: Site) -> Site:
    members = (Member("alpha", 1, "10.0.0.1", True), Member("beta", 2, "10.0.0.2", True, ("10.9.0.2",)))
    site.store.join(Standing(version=1, name="lab", config=1, quorate=True, members=members))
    site.store.write("storage.cfg", STORAGES)
    site.store.write("datacenter.cfg", b"migration: insecure,network=10.9.0.0/24\nbwlimit: migration=900\n")
    site.store.write("nodes/alpha/qemu-server/100.conf", b"scsi0: local:100/vm-100-disk-0.raw\n")
    return site


def told(site: Site, **values: str) -> dict[str, Any]:
    data(site.call("POST", CALL, data={"target": "beta", **values}))
    args: dict[str, Any] = site.tasks.spawned[-1]["args"]
    return args


def test_what_the_task_is_told(two: Site) -> None:
    args = told(two, targetstorage="local:other", online="1", **{"with-local-disks": "1"})
    assert args == {
        "vmid": 100,
        "target": "beta",
        "others": ["beta"],
        "addresses": ["10.0.0.2", "10.9.0.2"],
        "network": "10.9.0.0/24",
        "secure": False,
        "online": True,
        "with_local_disks": True,
        "storages": {"local": "other"},
        "limit_kib": 500,
    }


def test_what_is_asked_for_stands_before_the_clusters_options(two: Site) -> None:
    args = told(two, migration_type="secure", migration_network="10.8.0.0/16", bwlimit="100")
    assert (args["secure"], args["network"], args["limit_kib"]) == (True, "10.8.0.0/16", 100)
    assert told(two, targetstorage="1")["limit_kib"] == 900


@pytest.mark.parametrize("name", ["force", "with-conntrack-state"])
def test_what_cannot_be_given_is_refused(two: Site, name: str) -> None:
    answer = two.call("POST", CALL, data={"target": "beta", name: "1"})
    assert answer.status_code == 400
    assert name in answer.json["errors"]  # type: ignore[index]
    assert two.tasks.spawned == []


def test_all_machines_of_a_node(two: Site) -> None:
    data(two.call("POST", "/nodes/alpha/migrateall", data={"target": "beta", "vms": "100", "max-workers": "3"}))
    args = two.tasks.spawned[-1]["args"]
    assert (args["only"], args["workers"], args["user"]) == ([100], 3, "root@pam")
    assert (args["move"]["target"], args["move"]["limit_kib"]) == ("beta", 900)
    for nowhere in ("alpha", "gamma"):
        assert two.call("POST", "/nodes/alpha/migrateall", data={"target": nowhere}).status_code == 400


def test_what_can_go_along(two: Site) -> None:
    assert data(two.get("/nodes/alpha/capabilities/qemu/migration")) == {"has-dbus-vmstate": 0}


@pytest.fixture
def container(two: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """``two`` with container 101, which is off; ``tmp_path/101`` would be the process of one that runs."""
    monkeypatch.setattr(running, "init_pid", lambda vmid: 1 if (tmp_path / str(vmid)).exists() else None)
    two.store.write("nodes/alpha/lxc/101.conf", b"rootfs: local:101/vm-101-disk-0.raw,size=1G\n")
    two.store.mkdir("ha", parents=True)
    return two


def test_a_containers_task(container: Site) -> None:
    answer = container.call(
        "POST", CONTAINER, data={"target": "beta", "restart": "1", "target-storage": "other", "bwlimit": "77.5"}
    )
    data(answer)
    task = container.tasks.spawned[-1]
    assert (task["type"], task["id"]) == ("vzmigrate", "101")
    assert task["args"] == {
        "vmid": 101,
        "target": "beta",
        "others": ["beta"],
        "addresses": ["10.0.0.2", "10.9.0.2"],
        "network": "10.9.0.0/24",
        "secure": False,
        "storages": {"": "other"},
        "restart": True,
        "timeout_s": 180,
        "limit_kib": 77,
    }
    assert data(container.get(CONTAINER)) == {"running": 0, "allowed-nodes": ["beta"], "not-allowed-nodes": {}}


def test_a_container_that_runs_moves_by_a_restart_only(container: Site, tmp_path: Path) -> None:
    (tmp_path / "101").touch()
    answer = container.call("POST", CONTAINER, data={"target": "beta", "online": "1"})
    assert answer.status_code == 400
    assert "restart" in answer.json["errors"]["online"]  # type: ignore[index]
    assert "restart" in container.call("POST", CONTAINER, data={"target": "beta"}).json["message"]  # type: ignore[index]
    assert container.tasks.spawned == []
    data(container.call("POST", CONTAINER, data={"target": "beta", "online": "1", "restart": "1", "timeout": "5"}))
    assert container.tasks.spawned[-1]["args"]["timeout_s"] == 5


def test_a_container_that_is_looked_after_is_the_managers_to_move(container: Site) -> None:
    container.store.write("ha/resources.cfg", b"ct: 101\n\tstate started\n\n")
    data(container.call("POST", CONTAINER, data={"target": "beta"}))
    assert container.tasks.spawned[-1]["type"] == "hamigrate"
    assert container.tasks.spawned[-1]["args"] == {"sid": "ct:101", "target": "beta"}
