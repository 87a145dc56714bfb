"""Lists that show all nodes of the cluster: who is there, live values of each, and what is away as such."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from hostd.api.cluster import index as cluster_index
from hostd.api.cluster import tasks as cluster_tasks
from hostd.cluster.standing import Member, Standing
from hostd.tasks import shared
from hostd.tasks.archive import Archive, Entry
from hostd.tasks.eventlog import Event
from hostd.tasks.upid import Upid
from tests.unit.api.conftest import FixedSamples, Site

MEMBERS = (
    Member("alpha", 1, "192.0.2.1", online=True),
    Member("beta", 2, "192.0.2.2", online=True),
    Member("gamma", 3, "192.0.2.3", online=False),
)
USERS = b"user:audit@pve:1:\nuser:joe@pve:1:\nacl:1:/:audit@pve:PVEAuditor:\nacl:1:/vms/200:joe@pve:PVEVMUser:\n"


@pytest.fixture
def lab() -> Site:
    """Guests 100 at alpha, 200 and 201 at beta, 300 at gamma, which is away; 200 runs."""
    site = Site({"storage.cfg": b"dir: local\n\tpath /var/lib/vz\n\tcontent iso\n\ndir: bb\n\tpath /b\n\tnodes beta\n"})
    site.store.join(Standing(version=3, name="lab", config=2, quorate=True, members=MEMBERS))
    for node, vmid in (("alpha", 100), ("beta", 200), ("beta", 201), ("gamma", 300)):
        site.store.mkdir(f"nodes/{node}/qemu-server", parents=True)
        site.store.write(f"nodes/{node}/qemu-server/{vmid}.conf", b"memory: 16\n")
    site.store.write("user.cfg", USERS)
    site.samples.node_values = {"cpu": 0.1, "maxcpu": 2}
    site.samples.others["beta"] = FixedSamples(
        node_values={"cpu": 0.5, "maxcpu": 8},
        guest_values={200: {"cpu": 0.25, "mem": 7}},
        storage_values={"bb": {"total": 10, "used": 4, "active": 1}},
    )
    return site


def rows(site: Site, path: str, user: str = "root@pam") -> list[dict[str, Any]]:
    answer = site.get(path, user=user)
    assert answer.status_code == 200, answer.status
    found: list[dict[str, Any]] = answer.json["data"]
    return found


def test_guests_of_all_nodes_and_those_of_a_node_that_is_away_are_unknown(lab: Site) -> None:
    found = {row["vmid"]: row for row in rows(lab, "/cluster/resources?type=vm")}
    assert {vmid: (row["node"], row["status"]) for vmid, row in found.items()} == {
        100: ("alpha", "stopped"),
        200: ("beta", "running"),
        201: ("beta", "stopped"),
        300: ("gamma", "unknown"),
    }
    assert (found[200]["cpu"], found[200]["mem"]) == (0.25, 7)


def test_nodes_are_shown_with_what_is_known_of_them(lab: Site) -> None:
    for path in ("/nodes", "/cluster/resources?type=node"):
        found = {row["node"]: row for row in rows(lab, path)}
        assert {node: row["status"] for node, row in found.items()} == {
            "alpha": "online",
            "beta": "online",
            "gamma": "offline",
        }
        assert found["beta"]["maxcpu"] == 8
        assert "cpu" not in found["gamma"]
        assert "cpu" not in {row["node"]: row for row in rows(lab, path, user="joe@pve")}["beta"]


def test_storages_of_all_nodes(lab: Site) -> None:
    found = {row["id"]: (row["status"], row["disk"]) for row in rows(lab, "/cluster/resources?type=storage")}
    assert found == {
        "storage/alpha/local": ("unknown", 0),
        "storage/beta/local": ("unknown", 0),
        "storage/gamma/local": ("unknown", 0),
        "storage/beta/bb": ("available", 4),
    }


def test_members_of_a_pool_are_those_of_all_nodes(lab: Site) -> None:
    lab.store.write("user.cfg", USERS + b"pool:shop::200,300:bb:\n")
    found = rows(lab, "/pools/shop")["members"]  # type: ignore[call-overload]
    assert {(row["id"], row["status"]) for row in found} == {
        ("qemu/200", "running"),
        ("qemu/300", "unknown"),
        ("storage/beta/bb", "available"),
    }


def test_metrics_of_all_nodes(lab: Site) -> None:
    text = lab.get("/metrics").data.decode()
    assert 'holdfast_node_online{node="gamma"} 0' in text
    assert 'holdfast_node_cpus{node="beta"} 8' in text
    assert 'holdfast_guest_up{vmid="200",node="beta",type="qemu",name="VM200"} 1' in text
    assert 'vmid="300"' not in text, "whether it runs is not known"
    assert 'holdfast_storage_used_bytes{node="beta",storage="bb"} 4' in text


def upid(node: str, number: int, user: str = "root@pam") -> Upid:
    return Upid(node=node, pid=1, pstart=1, starttime=number, type="qmstart", id="1", user=user)


@dataclass
class Tasks:
    """This node's tasks."""

    entries: list[Entry]

    def running(self) -> list[Entry]:
        return []

    def ended(self) -> Any:
        return iter(self.entries)


def test_tasks_of_all_nodes(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Tasks([Entry(upid=upid("alpha", 20), endtime=25, status="OK")])
    archive: Callable[[], Archive] = lambda: own  # type: ignore[assignment,return-value] # noqa: E731
    monkeypatch.setattr(cluster_tasks, "Archive", archive)
    theirs = [Entry(upid=upid("beta", 30)), Entry(upid=upid("beta", 10, "joe@pve"), endtime=11, status="OK")]
    lab.store.hear("beta", shared.TASKS, shared.tasks_to_wire(theirs))
    lab.store.hear("alpha", shared.TASKS, shared.tasks_to_wire(own.entries))
    assert [(t["node"], t["starttime"], t.get("status")) for t in rows(lab, "/cluster/tasks")] == [
        ("beta", 30, None),
        ("alpha", 20, "OK"),
        ("beta", 10, "OK"),
    ]
    assert [t["starttime"] for t in rows(lab, "/cluster/tasks", user="joe@pve")] == [10]
    lab.store.hear("beta", shared.TASKS, None)
    assert [t["node"] for t in rows(lab, "/cluster/tasks")] == ["alpha"]


def test_the_log_of_all_nodes(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(node: str, second: int, user: str, number: int) -> Event:
        return Event(time=second, node=node, pid=1, pri=6, tag="t", user=user, msg=f"at {second}", number=number)

    own = [made("alpha", 30, "root@pam", 2), made("alpha", 10, "joe@pve", 1)]
    monkeypatch.setattr(
        cluster_index.eventlog, "recent", lambda limit, user="": [e for e in own if user in ("", e.user)][:limit]
    )
    theirs = [made("beta", 40, "joe@pve!t", 2), made("beta", 20, "root@pam", 1)]
    lab.store.hear("beta", shared.EVENTS, shared.events_to_wire(theirs))
    assert [(e["time"], e["id"]) for e in rows(lab, "/cluster/log")] == [
        (40, "2:beta"),
        (30, "2:alpha"),
        (20, "1:beta"),
        (10, "1:alpha"),
    ]
    assert [e["time"] for e in rows(lab, "/cluster/log?max=2")] == [40, 30]
    assert [e["time"] for e in rows(lab, "/cluster/log", user="joe@pve")] == [40, 10]
