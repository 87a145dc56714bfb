"""The methods of high availability, and what those of guests do about guests that it looks after."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hostd.api.cluster.ha.movable import in_the_way, machines
from hostd.cluster.standing import Member, Standing
from hostd.ha import incidents, stored
from hostd.ha.events import Kind
from hostd.ha.observed import Seen
from hostd.tasks import eventlog
from hostd.tasks.eventlog import Event
from tests.unit.api.conftest import FixedSamples, Site

HA = "/cluster/ha"
MEMBERS = tuple(Member(name, place, "", online) for place, (name, online) in enumerate(
    (("alpha", True), ("beta", True), ("gamma", False)), 1
))  # fmt: skip


@pytest.fixture
def ha(site: Site) -> Site:
    """Three nodes, one of them away; two machines and a container."""
    for node in ("alpha", "beta", "gamma"):
        for kind in ("qemu-server", "lxc"):
            site.store.mkdir(f"nodes/{node}/{kind}", parents=True)
    site.store.write("nodes/alpha/qemu-server/100.conf", b"memory: 512\n")
    site.store.write("nodes/beta/qemu-server/101.conf", b"memory: 512\n")
    site.store.write("nodes/alpha/lxc/102.conf", b"memory: 512\n")
    site.store.join(Standing(version=1, name="c", config=1, quorate=True, members=MEMBERS))
    return site


def data(answer: Any) -> Any:
    assert answer.status_code == 200, (answer.status, answer.data)
    return answer.json["data"]


def refused(answer: Any) -> str:
    assert answer.status_code >= 400, answer.data
    return answer.status + answer.data.decode()


def add(site: Site, *sids: str, **options: object) -> None:
    for sid in sids:
        data(site.call("POST", f"{HA}/resources", json={"sid": sid, **options}))


def text(site: Site, path: str) -> str:
    return site.store.read(path).data.decode()


def status(site: Site, services: dict[str, dict[str, object]]) -> None:
    site.store.mkdir("ha", parents=True)
    wire = {"master_node": "alpha", "timestamp": 1_700_000_000, "service_status": services}
    site.store.write(stored.STATUS, json.dumps(wire).encode())


def test_a_service_comes_changes_and_goes(ha: Site) -> None:
    add(ha, "vm:100", comment="the one", max_restart=3)
    add(ha, "102")
    assert text(ha, stored.RESOURCES) == (
        "vm: 100\n\tcomment the one\n\tmax_restart 3\n\tstate started\n\nct: 102\n\tstate started\n\n"
    )
    rows = data(ha.get(f"{HA}/resources"))
    assert [(row["sid"], row["type"]) for row in rows] == [("vm:100", "vm"), ("ct:102", "ct")]
    assert [row["sid"] for row in data(ha.get(f"{HA}/resources?type=ct"))] == ["ct:102"]
    shown = data(ha.get(f"{HA}/resources/vm:100"))
    assert (shown["max_restart"], shown["state"], shown["comment"]) == (3, "started", "the one")
    data(
        ha.call(
            "PUT", f"{HA}/resources/100", json={"state": "disabled", "delete": "comment", "digest": shown["digest"]}
        )
    )
    assert text(ha, stored.RESOURCES).startswith("vm: 100\n\tmax_restart 3\n\tstate disabled\n\n")
    late = ha.call("PUT", f"{HA}/resources/100", json={"state": "started", "digest": shown["digest"]})
    assert "changed by other user" in refused(late)
    data(ha.call("DELETE", f"{HA}/resources/vm:100"))
    assert [row["sid"] for row in data(ha.get(f"{HA}/resources"))] == ["ct:102"]
    assert "no such resource 'vm:100'" in refused(ha.get(f"{HA}/resources/vm:100"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"sid": "vm:999"}, "does not exist"),
        ({"sid": "999"}, "no such guest"),
        ({"sid": "vm:102"}, "does not exist"),
        ({"sid": "vm:100", "type": "ct"}, "not of type"),
        ({"sid": "vm:100", "group": "none"}, "does not exist"),
        ({"sid": "vm:100", "max_restart": -1}, "max_restart"),
        ({"sid": "xx:100"}, "sid"),
    ],
)
def test_what_cannot_be_looked_after(ha: Site, given: dict[str, object], told: str) -> None:
    assert told in refused(ha.call("POST", f"{HA}/resources", json=given))
    assert data(ha.get(f"{HA}/resources")) == []


def test_a_service_is_defined_once(ha: Site) -> None:
    add(ha, "vm:100")
    assert "already defined" in refused(ha.call("POST", f"{HA}/resources", json={"sid": "vm:100"}))


def test_rights(ha: Site) -> None:
    add(ha, "vm:100")
    for method, path in (("GET", "resources"), ("GET", "rules"), ("GET", "groups"), ("GET", "status/current")):
        assert ha.call(method, f"{HA}/{path}", user="joe@pve").status_code == 403
    for method, path, body in (
        ("POST", "resources", {"sid": "vm:101"}),
        ("PUT", "resources/vm:100", {"state": "stopped"}),
        ("DELETE", "resources/vm:100", {}),
        ("POST", "resources/vm:100/migrate", {"node": "beta"}),
        ("POST", "status/arm-ha", {}),
        ("POST", "status/disarm-ha", {"resource-mode": "freeze"}),
    ):
        place = "query_string" if method == "DELETE" else "json"
        assert ha.call(method, f"{HA}/{path}", user="joe@pve", **{place: body}).status_code == 403


def test_groups(ha: Site) -> None:
    data(ha.call("POST", f"{HA}/groups", json={"group": "gg", "nodes": "alpha:2,beta", "restricted": 1}))
    assert text(ha, stored.GROUPS) == "group: gg\n\tnodes alpha:2,beta\n\trestricted 1\n\n"
    add(ha, "vm:100", group="gg")
    assert stored.resources(ha.mirror)["vm:100"].group == "gg"
    assert "is used by vm:100" in refused(ha.call("DELETE", f"{HA}/groups/gg"))
    data(ha.call("PUT", f"{HA}/groups/gg", json={"nodes": "beta", "delete": "restricted"}))
    assert data(ha.get(f"{HA}/groups/gg")) | {"digest": ""} == {
        "group": "gg", "type": "group", "nodes": "beta", "digest": ""
    }  # fmt: skip
    data(ha.call("PUT", f"{HA}/resources/vm:100", json={"delete": "group"}))
    data(ha.call("DELETE", f"{HA}/groups/gg"))
    assert data(ha.get(f"{HA}/groups")) == []
    assert "nodes" in refused(ha.call("POST", f"{HA}/groups", json={"group": "hh"}))


def rule(site: Site, id: str, **options: object) -> Any:
    return site.call("POST", f"{HA}/rules", json={"rule": id, **options})


def test_rules(ha: Site) -> None:
    add(ha, "vm:100", "vm:101", "ct:102")
    data(rule(ha, "home", type="node-affinity", resources="vm:100", nodes="alpha:1,beta", strict=1))
    data(rule(ha, "apart", type="resource-affinity", resources="vm:101,ct:102", affinity="negative"))
    rows = data(ha.get(f"{HA}/rules"))
    assert [(row["rule"], row["type"], row["order"]) for row in rows] == [
        ("home", "node-affinity", 1), ("apart", "resource-affinity", 2)
    ]  # fmt: skip
    assert [row["rule"] for row in data(ha.get(f"{HA}/rules?resource=ct:102"))] == ["apart"]
    assert [row["rule"] for row in data(ha.get(f"{HA}/rules?type=node-affinity"))] == ["home"]
    data(ha.call("PUT", f"{HA}/rules/home", json={"type": "node-affinity", "disable": 1, "delete": "strict"}))
    assert data(ha.get(f"{HA}/rules/home"))["disable"] == 1
    assert "cannot change" in refused(ha.call("PUT", f"{HA}/rules/home", json={"type": "resource-affinity"}))
    data(ha.call("DELETE", f"{HA}/resources/ct:102"))
    assert data(ha.get(f"{HA}/rules/apart"))["resources"] == "vm:101"
    data(ha.call("DELETE", f"{HA}/rules/apart"))
    assert "no such ha rule 'apart'" in refused(ha.get(f"{HA}/rules/apart"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"type": "node-affinity", "resources": "vm:100"}, "nodes"),
        ({"type": "node-affinity", "resources": "vm:100", "nodes": "beta", "affinity": "positive"}, "affinity"),
        ({"type": "node-affinity", "resources": "vm:100", "nodes": "beta"}, "node affinity rule"),
        ({"type": "resource-affinity", "resources": "vm:100", "affinity": "positive"}, "fewer than two"),
        ({"type": "resource-affinity", "resources": "vm:100,vm:777", "affinity": "positive"}, "not managed"),
    ],
)
def test_rules_that_are_refused(ha: Site, given: dict[str, object], told: str) -> None:
    add(ha, "vm:100", "vm:101")
    data(rule(ha, "home", type="node-affinity", resources="vm:100", nodes="alpha"))
    assert told in refused(rule(ha, "new", **given))
    assert [row["rule"] for row in data(ha.get(f"{HA}/rules"))] == ["home"]


def test_moves_are_queued(ha: Site) -> None:
    add(ha, "vm:100", "vm:101", "ct:102")
    data(rule(ha, "with", type="resource-affinity", resources="vm:100,ct:102", affinity="positive"))
    answer = data(ha.call("POST", f"{HA}/resources/100/migrate", json={"node": "beta"}))
    assert answer == {"sid": "vm:100", "requested-node": "beta", "comigrated-resources": ["ct:102"]}
    data(ha.call("POST", f"{HA}/resources/vm:101/relocate", json={"node": "alpha"}))
    assert text(ha, stored.COMMANDS) == "migrate vm:100 beta\nrelocate vm:101 alpha\n"
    assert "not online" in refused(ha.call("POST", f"{HA}/resources/100/migrate", json={"node": "gamma"}))
    assert "no such resource" in refused(ha.call("POST", f"{HA}/resources/vm:7000/migrate", json={"node": "beta"}))


def test_a_service_that_must_be_apart_is_in_the_way(ha: Site) -> None:
    add(ha, "vm:100", "vm:101")
    data(rule(ha, "apart", type="resource-affinity", resources="vm:100,vm:101", affinity="negative"))
    status(ha, {"vm:101": {"state": "started", "node": "beta", "uid": "1"}})
    answer = data(ha.call("POST", f"{HA}/resources/100/migrate", json={"node": "beta"}))
    assert answer["blocking-resources"] == [{"sid": "vm:101", "cause": "resource-affinity"}]
    with pytest.raises(Exception, match="does not exist"):
        text(ha, stored.COMMANDS)


def test_arming(ha: Site) -> None:
    data(ha.call("POST", f"{HA}/status/disarm-ha", json={"resource-mode": "ignore"}))
    data(ha.call("POST", f"{HA}/status/arm-ha"))
    assert stored.commands(ha.mirror) == ["disarm-ha ignore", "arm-ha"]
    assert "resource-mode" in refused(ha.call("POST", f"{HA}/status/disarm-ha", json={"resource-mode": "both"}))


def test_status(ha: Site) -> None:
    add(ha, "vm:100")
    status(ha, {"vm:100": {"state": "started", "node": "alpha", "uid": "1", "running": 1}})
    wire = {"state": "active", "mode": "active", "results": {}, "timestamp": 1_700_000_000}
    ha.store.write(stored.publication_path("alpha"), json.dumps(wire).encode())
    rows = {row["id"]: row for row in data(ha.get(f"{HA}/status/current"))}
    assert list(rows) == [
        "quorum", "master", "fencing", "lrm:alpha", "lrm:beta", "lrm:gamma", "service:vm:100"
    ]  # fmt: skip
    assert rows["service:vm:100"]["status"] == "vm:100 (alpha, started)"
    assert rows["fencing"]["armed-state"] == "armed"
    assert "no watchdog" in rows["fencing"]["status"]
    assert "old timestamp" in rows["lrm:alpha"]["status"]
    assert rows["lrm:alpha"]["watchdog"] == "none"
    everything = data(ha.get(f"{HA}/status/manager_status"))
    assert everything["manager_status"]["master_node"] == "alpha"
    assert everything["lrm_status"]["alpha"]["state"] == "active"
    assert everything["quorum"]["quorate"] == 1


def test_a_broken_status_is_told_and_breaks_nothing_else(ha: Site) -> None:
    add(ha, "vm:100")
    ha.store.write(stored.STATUS, b"{")
    assert ha.get(f"{HA}/status/current").status_code == 400
    assert "hastate" not in data(ha.get("/cluster/resources?type=vm"))[0]


# --- guests


def test_lists_and_guests_show_the_state(ha: Site) -> None:
    add(ha, "vm:100", "ct:102")
    status(ha, {"vm:100": {"state": "freeze", "node": "alpha", "uid": "1"}})
    rows = {row["vmid"]: row.get("hastate") for row in data(ha.get("/cluster/resources?type=vm"))}
    assert rows == {100: "freeze", 101: None, 102: None}
    assert data(ha.get("/nodes/alpha/lxc/102/status/current"))["ha"] == {"managed": 1}
    assert data(ha.get("/nodes/alpha/qemu/100/status/current"))["ha"] == {"managed": 1, "state": "freeze"}


def test_power_is_the_managers_business(ha: Site) -> None:
    add(ha, "vm:100", "ct:102")
    data(ha.call("POST", "/nodes/alpha/qemu/100/status/start"))
    data(ha.call("POST", "/nodes/alpha/qemu/100/status/stop"))
    data(ha.call("POST", "/nodes/alpha/lxc/102/status/shutdown", json={"timeout": 7}))
    assert [(task["type"], task["args"]) for task in ha.tasks.spawned] == [
        ("hastart", {"sid": "vm:100"}),
        ("hastop", {"sid": "vm:100", "timeout_s": 0}),
        ("hastop", {"sid": "ct:102", "timeout_s": 7}),
    ]


def test_what_is_ignored_is_not(ha: Site) -> None:
    add(ha, "vm:100", state="ignored")
    data(ha.call("POST", "/nodes/alpha/qemu/100/status/start"))
    data(ha.call("POST", "/nodes/alpha/startall"))
    add(ha, "ct:102")
    data(ha.call("POST", "/nodes/alpha/stopall"))
    assert [task["type"] for task in ha.tasks.spawned] == ["qmstart", "startall", "stopall"]
    assert [task["args"].get("leave") for task in ha.tasks.spawned] == [None, [], [102]]


def test_a_guest_is_removed_from_it_with_purge_alone(ha: Site) -> None:
    add(ha, "vm:100")
    assert "used in HA resources" in refused(ha.call("DELETE", "/nodes/alpha/qemu/100"))
    data(ha.call("DELETE", "/nodes/alpha/qemu/100", query_string={"purge": 1}))
    assert data(ha.get(f"{HA}/resources")) == []


def test_a_new_guest_is_looked_after_once_it_is_made(ha: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    monkeypatch.setattr(eventlog, "append", events.append)
    data(ha.call("POST", "/nodes/alpha/qemu", json={"vmid": 200, "start": 1, "ha-managed": 1}))
    made, added = ha.tasks.spawned
    assert (made["type"], made["args"]["start"]) == ("qmcreate", False)
    assert added["type"] == "haadd"
    assert added["args"]["state"] == "started"
    assert added["args"]["sid"] == "vm:200"
    assert [event.msg for event in events if "the agent of node 'beta' says nothing" in event.msg]
    assert not [event.msg for event in events if event.msg.startswith("vm:200")]


def test_before_a_node_is_lost(ha: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    monkeypatch.setattr(eventlog, "append", events.append)
    assert data(ha.get(f"{HA}/preflight")) == []
    ha.store.write("storage.cfg", b"nfs: far\n\tserver s\n\texport /e\n\tpath /mnt/pve/far\n\tnodes alpha,beta\n\n")
    ha.store.write("nodes/alpha/qemu-server/100.conf", b"scsi0: far:100/vm-100-disk-0.raw\nide2: local:iso/x.iso\n")
    ha.store.write("nodes/alpha/lxc/102.conf", b"rootfs: local:102/vm-102-disk-0.raw,size=1G\n")
    add(ha, "vm:100", "ct:102")
    rows = {(row["subject"], row["code"]): row for row in data(ha.get(f"{HA}/preflight"))}
    assert rows[("vm:100", "no_storage")]["severity"] == "error"
    assert "node 'gamma', which does not have storage far" in rows[("vm:100", "no_storage")]["text"]
    assert "local:iso/x.iso" in rows[("vm:100", "local_disks")]["text"]
    assert ("ct:102", "local_disks") in rows
    assert rows[("node:gamma", "node_away")]["severity"] == "info"
    assert rows[("node:beta", "no_agent")]["advice"]
    only = [row["subject"] for row in data(ha.get(f"{HA}/preflight?sid=100"))]
    assert "vm:100" in only
    assert "ct:102" not in only
    told = [event.msg for event in events]
    assert [msg for msg in told if msg.startswith("vm:100: 'vm:100' may be recovered on node 'gamma'")]
    assert all(event.user == "root@pam" and event.pri in (3, 4) for event in events)
    ha.samples.node_values.update(mem=1 << 30, maxmem=2 << 30)
    ha.samples.others["beta"] = FixedSamples(node_values={"mem": 0, "maxmem": 256 << 20})
    room = next(row for row in data(ha.get(f"{HA}/preflight")) if row["code"] == "no_room")
    assert room["subject"] == "node:alpha"
    events.clear()
    rule = {"type": "node-affinity", "resources": "ct:102", "nodes": "alpha", "strict": 1}
    data(ha.call("POST", f"{HA}/rules", json={"rule": "home", **rule}))
    assert [event.msg for event in events if "rules leave 'ct:102' node 'alpha'" in event.msg]
    assert "ct:102" in [row["subject"] for row in data(ha.get(f"{HA}/preflight?rule=home"))]


def test_a_guest_is_judged_before_it_is_looked_after(ha: Site) -> None:
    ha.store.write("nodes/alpha/lxc/102.conf", b"rootfs: local:102/vm-102-disk-0.raw,size=1G\n")
    rows = data(ha.get(f"{HA}/preflight?sid=ct:102"))
    assert "local_disks" in [row["code"] for row in rows if row["subject"] == "ct:102"]
    assert data(ha.get(f"{HA}/preflight")) == [], "it is still none"
    assert data(ha.get(f"{HA}/preflight?sid=ct:999")) == [], "there is no such guest"


def test_a_status_that_cannot_be_read_stands_in_no_change_s_way(ha: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventlog, "append", lambda event: pytest.fail("nothing is known"))
    ha.store.mkdir("ha", parents=True)
    ha.store.write(stored.STATUS, b"no json")
    add(ha, "vm:100")


def test_incidents(ha: Site) -> None:
    assert data(ha.get(f"{HA}/incidents")) == []
    book = incidents.Book()
    for at_s, what, more in (
        (9, Kind.NODE_STATE, {"node": "beta", "details": {"from": "online", "to": "unknown"}}),
        (20, Kind.SERVICE_STATE, {"sid": "vm:101", "details": {"from": "started", "to": "error"}}),
    ):
        book = incidents.take(book, Seen(at_s=at_s, by="alpha", what=what, **more))  # type: ignore[arg-type]
    ha.store.mkdir(stored.INCIDENTS, parents=True)
    for id, each in book.incidents.items():
        ha.store.write(stored.incident_path(id), json.dumps(incidents.to_wire(each)).encode())
    ha.store.write(stored.incident_path("of-tomorrow"), b"{}")
    rows = data(ha.get(f"{HA}/incidents"))
    assert [(row["subject"], row["state"]) for row in rows] == [("vm:101", "closed"), ("beta", "open")]
    one = data(ha.get(f"{HA}/incidents/{rows[1]['incident']}"))
    assert one["title"] == "node 'beta' was lost at 1970-01-01 00:00:09 UTC"
    assert one["timeline"] == [
        "1970-01-01 00:00:09 alpha: the master sees node 'beta' as unknown, before as online",
    ]
    assert one["seen"][0]["what"] == "node_state"
    assert "no such incident: 'x'" in refused(ha.get(f"{HA}/incidents/x"))
    assert refused(ha.get(f"{HA}/incidents/..%2f..%2fpriv"))


def test_balancing(ha: Site) -> None:
    path, gib = f"{HA}/balance", 1 << 30
    shown = data(ha.get(path))
    assert (shown["enable"], shown["services"], shown["guests"], shown["moves"]) == (0, 0, [], [])
    assert "proposals" not in shown
    for wrong in ("999", "102"):
        assert "no such machines" in refused(ha.call("PUT", path, json={"guests": wrong}))
    ha.store.write("storage.cfg", b"nfs: far\n\tserver s\n\texport /e\n\tpath /mnt/pve/far\n\n")
    ha.store.write("nodes/alpha/qemu-server/100.conf", b"memory: 2048\nscsi0: far:100/vm-100-disk-0.raw\n")
    ha.store.write("nodes/alpha/qemu-server/103.conf", b"memory: 2048\nscsi0: local:103/vm-103-disk-0.raw\n")
    ha.store.write("nodes/alpha/qemu-server/104.conf", b"memory: 2048\nhostpci0: 0000:01:00.0\n")
    ha.store.write("nodes/alpha/qemu-server/105.conf", b"memory: 2048\nlock: backup\n")
    data(ha.call("PUT", path, json={"enable": 1, "guests": "100,103,104,105", "digest": shown["digest"]}))
    assert text(ha, stored.BALANCE) == "enable: 1\nguests: 100,103,104,105\n"
    assert "changed by other user" in refused(ha.call("PUT", path, json={"enable": 0, "digest": shown["digest"]}))
    assert [each.sid for each in machines(ha.mirror, {"alpha", "beta"})] == ["vm:100"]
    homes = stored.guests(ha.mirror)
    assert in_the_way(ha.mirror, homes["ct:102"], "beta") == ""
    ha.store.write("nodes/alpha/lxc/102.conf", b"memory: 512\nmp0: /srv/data,mp=/data\n")
    assert "folders or devices of this node: mp0" in in_the_way(ha.mirror, homes["ct:102"], "beta")
    assert in_the_way(ha.mirror, homes["vm:103"], "beta") == ""
    guests = {str(vmid): {"cpu": 1.0, "mem": 4 * gib} for vmid in (100, 103)}
    for node, running in (("alpha", guests), ("beta", {})):
        sample = {"node": {"maxcpu": 4, "maxmem": 16 * gib}, "storages": {}, "guests": running}
        ha.store.hear(node, "sample", json.dumps(sample).encode())
    shown = data(ha.get(f"{path}?dry-run=1"))
    assert [(row["node"], row["mem"]) for row in shown["nodes"]] == [("alpha", 0.5), ("beta", 0)]
    first, second = shown["proposals"]
    assert (first["about"], first["sid"], first["source"], first["target"]) == ("guests", "vm:100", "alpha", "beta")
    assert "at most 0.30 is wanted" in first["why"]
    assert "basic" in second["why"]
    assert text(ha, stored.BALANCE).startswith("enable: 1")

    ha.store.write("datacenter.cfg", b"crs: ha=dynamic\n")
    add(ha, "vm:100")
    assert machines(ha.mirror, {"alpha", "beta"}) == []
    nodes = {"alpha": "online", "beta": "online"}
    services = {"vm:100": {"state": "started", "node": "alpha", "uid": "1", "running": 1}}
    wire = {"master_node": "alpha", "node_status": nodes, "service_status": services}
    moved = {"vm:100": {"age_s": 60, "source": "beta", "target": "alpha", "why": "so"}}
    ha.store.write(stored.STATUS, json.dumps(wire).encode())
    proposal = data(ha.get(f"{path}?dry-run=1"))["proposals"][1]
    assert (proposal["sid"], proposal["target"]) == ("vm:100", "beta")
    ha.store.write(stored.STATUS, json.dumps({**wire, "moved": moved}).encode())
    shown = data(ha.get(path))
    assert [(row["sid"], row["why"], row["ago"]) for row in shown["moves"]] == [("vm:100", "so", 60)]
