"""Many guests of the cluster at once: who may, what the task is told, and what it does with each guest."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from hostd.access.ids import ROOT
from hostd.api.cluster import bulk_tasks
from hostd.api.cluster.bulk_tasks import Guests, act
from hostd.api.rootclient import Answer
from hostd.core.errors import HostError, Invalid
from hostd.guests import bulk, bulk_actions
from hostd.guests.bulk import Member
from hostd.tasks.log import ListLog
from tests.unit.api.conftest import Site

CALL = "/cluster/bulk-action/guest"
FILES = {
    "nodes/alpha/qemu-server/100.conf": b"memory: 64\nstartup: order=1,up=5\n",
    "nodes/alpha/qemu-server/104.conf": b"memory: 64\ntemplate: 1\n",
    "nodes/alpha/lxc/101.conf": b"memory: 64\n",
    "nodes/beta/qemu-server/102.conf": b"memory: 64\n",
    "nodes/beta/lxc/103.conf": b"memory: 64\nstartup: order=1,up=9\n",
}
RIGHTS = b"""user:some@pve:1:
user:none@pve:1:
token:some@pve!auto:0:0::
role:power:VM.PowerMgmt:
acl:1:/vms/100:some@pve:power:
acl:1:/vms/103:some@pve:power:
"""


@pytest.fixture
def filled() -> Site:
    site = Site({"user.cfg": RIGHTS})
    site.store.mkdir("nodes/beta/qemu-server", parents=True)
    site.store.mkdir("nodes/beta/lxc")
    for path, data in FILES.items():
        site.store.write(path, data)
    return site


def told(site: Site, what: str, user: str = ROOT, **values: object) -> dict[str, Any]:
    answer = site.call("POST", f"{CALL}/{what}", user, data=values)
    assert answer.status_code == 200, answer.status
    args: dict[str, Any] = site.tasks.spawned[-1]["args"]
    return args


def test_it_is_named(site: Site) -> None:
    assert "bulk-action" in {row["name"] for row in site.get("/cluster").json["data"]}
    assert site.get("/cluster/bulk-action").json["data"] == [{"name": "guest"}]
    assert {row["name"] for row in site.get(CALL).json["data"]} == {"migrate", "shutdown", "start", "suspend"}


def test_all_guests_of_all_nodes(filled: Site) -> None:
    args = told(filled, "start")
    assert args == {
        "user": ROOT,
        "only": [100, 101, 102, 103, 104],
        "refused": [],
        "workers": bulk.WORKERS,
        "timeout_s": None,
    }
    assert filled.tasks.spawned[-1]["type"] == "bulkstart"
    assert told(filled, "shutdown", maxworkers="7")["workers"] == 7
    assert told(filled, "suspend", **{"max-workers": "9", "maxworkers": "7"})["workers"] == 9
    assert told(filled, "migrate", target="alpha")["workers"] == 1


def test_only_what_the_caller_may(filled: Site) -> None:
    assert told(filled, "start", "some@pve")["only"] == [100, 103]
    args = told(filled, "shutdown", "some@pve", vms=["100", "101", "999"])
    assert (args["only"], args["refused"], args["user"]) == ([100], [101, 999], "some@pve")
    for user, values in (("none@pve", {}), ("none@pve", {"vms": "100"}), ("some@pve", {"vms": "101"})):
        assert filled.call("POST", f"{CALL}/start", user, data=values).status_code == 403
    assert filled.call("POST", f"{CALL}/migrate", "some@pve", data={"target": "alpha"}).status_code == 403


def test_a_node_that_is_away_is_no_target(filled: Site) -> None:
    answer = filled.call("POST", f"{CALL}/migrate", data={"target": "gamma"})
    assert answer.status_code == 400
    assert "target" in answer.json["errors"]


class Nodes:
    """Answers calls as the API would. ``on``: guests that run; ``wrong``: those whose method refuses."""

    def __init__(self, on: set[int], wrong: set[int], failing: set[int]) -> None:
        self.on, self.wrong, self.failing = on, wrong, failing
        self.asked: list[tuple[str, Mapping[str, object]]] = []
        self.open: dict[str, int] = {}
        self.most = 0

    def __call__(self, method: str, path: str, parameters: Mapping[str, object]) -> Answer:
        vmid = int(path.split("/")[4]) if "/tasks/" not in path else 0
        if method == "POST":
            if vmid in self.wrong:
                raise Invalid({"online": "no"})
            self.asked.append((path, parameters))
            upid = f"UPID:{path.split('/')[2]}:{vmid:08X}:00000001:00000001:qmstart:{vmid}:some@pve:"
            self.open[upid] = 0
            self.most = max(self.most, len(self.open))
            return Answer(data=upid)
        if path.endswith("/status/current"):
            return Answer(data={"status": "running" if vmid in self.on else "stopped"})
        return Answer(data=self._task(path.split("/")[4]))

    def _task(self, upid: str) -> dict[str, str]:
        self.open[upid] += 1
        if self.open[upid] < 2:
            return {"status": "running"}
        del self.open[upid]
        return {"status": "stopped", "exitstatus": "broken" if int(upid.split(":")[6]) in self.failing else "OK"}


def members(site: Site) -> list[Member]:
    return bulk_tasks.chosen(site.store, [100, 101, 102, 103, 104])


def test_who_is_where(filled: Site) -> None:
    assert {(m.vmid, m.node) for m in members(filled)} == {(100, "alpha"), (101, "alpha"), (102, "beta"), (103, "beta")}


def test_each_guest_by_its_own_method(filled: Site) -> None:
    nodes, log, waits = Nodes({101}, set(), {102}), ListLog(), list[float]()
    action = bulk_actions.start(None)
    act(log, Guests(nodes, nodes), bulk.in_order(members(filled)), action, workers=4, pause=True, sleep=waits.append)
    assert [path for path, _ in nodes.asked] == [
        "/nodes/alpha/qemu/100/status/start",
        "/nodes/beta/lxc/103/status/start",
        "/nodes/beta/qemu/102/status/start",
    ]
    assert max(waits) == 9
    assert [line for line in log.lines if line.startswith("CT 101 is left")]
    assert "VM 100: OK" in log.lines
    assert "WARN: VM 102: broken" in log.lines


def test_no_more_at_once_than_wanted_and_refusals_stop_nothing(filled: Site) -> None:
    nodes, log = Nodes({100, 101, 102, 103}, {101}, set()), ListLog()
    action = bulk_actions.migrate("gamma", online=True, with_local_disks=False)
    act(log, Guests(nodes, nodes), [members(filled)], action, workers=2, sleep=lambda _s: None)
    assert len(nodes.asked) == 3
    assert nodes.most == 2
    assert "WARN: CT 101: online: no" in log.lines


def test_a_silent_node_is_given_up_in_the_end(filled: Site) -> None:
    nodes, log = Nodes(set(), set(), set()), ListLog()

    def silent(method: str, path: str, parameters: Mapping[str, object]) -> Answer:
        if "/tasks/" in path:
            raise HostError("No route to host")
        return nodes(method, path, parameters)

    waits: list[float] = []
    act(log, Guests(silent, nodes), [members(filled)], bulk_actions.start(None), workers=9, sleep=waits.append)
    assert len([line for line in log.lines if "is not known: No route to host" in line]) == 4
    assert sum(waits) >= 20


@pytest.mark.parametrize("user", [ROOT, "some@pve!auto"])
def test_calls_are_made_in_the_callers_name(filled: Site, user: str) -> None:
    now = Site({}, key=filled.key, clock=time.time)
    for path in ("nodes/alpha/qemu-server/100.conf", "nodes/alpha/lxc/101.conf"):
        now.store.write(path, FILES[path])
    now.store.write("user.cfg", RIGHTS)
    own, other = "/api2/json/nodes/alpha/qemu/100/status/start", "/api2/json/nodes/alpha/lxc/101/status/start"
    assert now.client.post(own, headers=bulk_tasks.credentials(now.store, user)).status_code == 200
    assert now.tasks.spawned[-1]["user"] == user
    assert now.client.post(other, headers=bulk_tasks.credentials(now.store, "some@pve")).status_code == 403
