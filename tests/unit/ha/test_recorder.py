"""The recorder beside a manager: what it sees in the tree, what it writes, how a new master goes on."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.cluster.health import Health, Link
from hostd.cluster.standing import Member, Standing
from hostd.cluster.store import MemoryStore, Mirror, Store
from hostd.core.errors import NotFound, Unavailable
from hostd.ha import incidents, stored, tasks
from hostd.ha.events import Kind
from hostd.ha.host.recorder import Recorder, spawner
from hostd.ha.observed import Signal
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.unit.cluster.conftest import Daemon

NODES = ("a", "b", "c")
T0 = 1_700_000_000
WELL = Health(
    links=tuple(
        Link(node=node, node_id=n, link=0, connected=True, round_trip_s=0.001, loss=0.0, ups=1, downs=0)
        for n, node in enumerate(("b", "c"), 2)
    ),
    votes=3, votes_needed=2, votes_expected=3, retransmits=0, tokens_lost=0,
)  # fmt: skip


class Site:
    """Three nodes; ``recorders`` of two of them over one tree."""

    def __init__(self) -> None:
        self.store = MemoryStore("a")
        self.store.condition = WELL
        self.store.mkdir("ha")
        self.now_s, self.begun, self.is_busy = 0.0, list[str](), False
        self.mirror = self.store.mirror()
        self.members(*NODES)
        for node in NODES:
            self.store.mkdir(f"nodes/{node}", parents=True)
            self.publish(node, boot="1")
        self.store.write(stored.STATUS, json.dumps({"service_status": {"vm:100": {"node": "b"}}}).encode())
        self.a, self.c = self.recorder("a"), self.recorder("c")
        self.pass_s(2)

    def recorder(self, node: str) -> Recorder:
        host = Host(node=node, store=self.store, mirror=self.mirror, run=None)  # type: ignore[arg-type]
        return Recorder(host, self.spawn, lambda: T0 + self.now_s, lambda: self.now_s)

    def spawn(self, id: str) -> None:
        if self.is_busy:
            raise Unavailable("hostd-taskd does not answer")
        self.begun.append(id)

    def members(self, *online: str) -> None:
        members = tuple(Member(name, place, "", name in online) for place, name in enumerate(NODES, 1))
        self.store.join(Standing(version=1, name="c", config=1, quorate=True, members=members))

    def publish(self, node: str, **more: object) -> None:
        wire = {"state": "active", "mode": "active", "results": {}, "watched": 1, **more}
        self.store.write(stored.publication_path(node), json.dumps(wire).encode())

    def pass_s(self, seconds: int, *recorders: Recorder) -> None:
        for _ in range(seconds):
            self.now_s += 1
            for node in ("a", "c"):
                self.publish(node, boot="1", at=self.now_s)
            for each in recorders or (self.a, self.c):
                each.look()

    def master(self, recorder: Recorder) -> None:
        recorder.tell(Kind.DAEMON_STATE, **{"from": "slave", "to": "master"})

    def lose_b(self) -> None:
        down = tuple(replace(link, connected=link.node != "b", downs=int(link.node == "b")) for link in WELL.links)
        self.store.condition = replace(WELL, links=down, votes=2)
        self.pass_s(2)
        self.members("a", "c")

    def stored(self) -> list[incidents.Incident]:
        return stored.incidents(self.mirror)


def node_state(recorder: Recorder, before: str, to: str) -> None:
    recorder.tell(Kind.NODE_STATE, node="b", **{"from": before, "to": to})


def service_state(recorder: Recorder, before: str, to: str, node: str | None = None) -> None:
    recorder.tell(Kind.SERVICE_STATE, sid="vm:100", node=node, target=None, **{"from": before, "to": to})


def test_a_lost_node_over_a_change_of_the_master() -> None:
    site = Site()
    site.master(site.a)
    site.lose_b()
    site.pass_s(5)
    node_state(site.a, "online", "unknown")
    site.pass_s(1)
    (found,) = site.stored()
    assert [entry.seen.what for entry in found.entries if entry.seen.node == "b"] == [
        Signal.LINK_DOWN, Signal.MEMBER_LOST, Kind.NODE_STATE,
    ]  # fmt: skip
    service_state(site.a, "started", "fence")
    site.pass_s(12)
    assert site.stored()[0].pending == {"vm:100"}
    assert not site.begun

    site.master(site.c)
    for _ in range(2):
        site.pass_s(1, site.c)
    site.c.tell(Kind.FENCE_ACK, node="b")
    service_state(site.c, "fence", "recovery")
    site.c.tell(Kind.SERVICE_RECOVER, sid="vm:100", **{"from": "b", "to": "c"})
    service_state(site.c, "recovery", "started", "c")
    site.is_busy = True
    site.pass_s(3, site.c)
    assert not site.begun
    site.is_busy = False
    site.pass_s(30, site.c)
    assert site.begun == [found.id]
    (now,) = site.stored()
    assert (now.services, now.told) == ({"vm:100": "started on c"}, 1)

    site.members(*NODES)
    site.publish("b", boot="2", ended={"at": T0 + 60, "guests": ["vm:100"]})
    node_state(site.c, "unknown", "online")
    site.pass_s(45, site.c)
    assert site.begun == [found.id] * 2
    log = ListLog()
    tasks.tell_incident(Host(node="c", store=site.store, mirror=site.mirror, run=None), log, incident=found.id)  # type: ignore[arg-type]
    told = "\n".join(log.lines)
    assert "first sign: 6 s before that link 0 from 'a' to 'b' went down" in told
    assert "node 'c' became master" in told
    assert "had ended these guests itself" in told
    assert "booted anew" in told
    assert "WARN" not in told


def test_who_is_not_master_writes_nothing() -> None:
    site = Site()
    site.lose_b()
    node_state(site.a, "online", "unknown")
    site.pass_s(200)
    assert not site.stored()
    assert not site.begun


def test_an_agent_that_says_nothing_is_silent_and_starts_of_services_are_not_kept() -> None:
    site = Site()
    site.master(site.a)
    site.pass_s(100)
    for number in range(1000):
        site.a.tell(Kind.SERVICE_STATE, sid=f"vm:{number}", **{"from": "request_start", "to": "started"})
    node_state(site.a, "online", "unknown")
    site.a.device("b", "switched off by fence_apc")
    site.pass_s(1)
    assert [entry.seen.what for entry in site.stored()[0].entries] == [
        Kind.DAEMON_STATE, Signal.AGENT_SILENT, Kind.NODE_STATE, Signal.DEVICE,
    ]  # fmt: skip


def test_a_node_with_many_services_is_told_once_all_of_them_are_elsewhere() -> None:
    site, many = Site(), 1000
    site.master(site.a)
    status = {"service_status": {f"vm:{n}": {"node": "b"} for n in range(many)}}
    site.store.write(stored.STATUS, json.dumps(status).encode())
    node_state(site.a, "online", "unknown")
    for before, to, node in (("started", "fence", None), ("fence", "recovery", None), ("recovery", "started", "c")):
        for number in range(many):
            changed = {"from": before, "to": to}
            site.a.tell(Kind.SERVICE_STATE, sid=f"vm:{number}", node=node, target=None, **changed)
    site.pass_s(1)
    (found,) = site.stored()
    assert (found.pending, len(found.services)) == (frozenset(), incidents.SERVICES)
    assert site.begun == [found.id]
    assert len(json.dumps(incidents.to_wire(found))) < 100_000


def test_what_is_tried_for_hours_is_written_seldom() -> None:
    site = Site()
    site.master(site.a)
    node_state(site.a, "online", "unknown")
    service_state(site.a, "started", "fence")
    versions = set()
    for _ in range(120):
        site.a.tell(Kind.SERVICE_RECOVER_FAILED, sid="vm:100", **{"from": "b"})
        site.now_s += 10
        site.a.look()
        versions.add(site.mirror.glob("ha/incidents/")[0].version)
    assert 60 <= len(versions) <= 60 + 5 + 2
    assert site.stored()[0].pending == {"vm:100"}


def test_a_service_in_error_is_told_at_once_and_warns() -> None:
    site = Site()
    site.master(site.a)
    site.a.tell(Kind.RELOCATE_EXHAUSTED, sid="vm:100", failed_nodes=("a", "b"))
    service_state(site.a, "started", "error")
    site.pass_s(1)
    (found,) = site.stored()
    assert site.begun == [found.id]
    log = ListLog()
    host = Host(node="a", store=site.store, mirror=site.mirror, run=None)  # type: ignore[arg-type]
    tasks.tell_incident(host, log, incident=found.id)
    assert "did not start on a,b" in "\n".join(log.lines)
    assert [line for line in log.lines if "not all is well" in line]
    with pytest.raises(NotFound, match="no such incident"):
        tasks.tell_incident(host, log, incident="x")


def test_the_oldest_files_go() -> None:
    site = Site()
    site.master(site.a)
    for number in range(incidents.KEPT + 12):
        site.a.tell(Kind.SERVICE_STATE, sid=f"vm:{number}", **{"from": "started", "to": "error"})
        site.pass_s(2)
    assert len(site.mirror.glob("ha/incidents/")) == incidents.KEPT
    assert site.stored()[-1].subject == f"vm:{incidents.KEPT + 11}"


def test_the_task_of_an_account() -> None:
    calls: list[tuple[object, ...]] = []

    class Tasks:
        def spawn(self, type: str, *, id: str, user: str, args: object) -> str:
            calls.append((type, id, user, args))
            return ""

        def stop(self, upid: str) -> None:
            raise AssertionError(upid)

    spawner(Tasks(), "root@pam")("x")
    assert calls == [("haincident", "x", "root@pam", {"incident": "x"})]


def test_over_the_real_store(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the daemon lets only root write: run as root")
    daemon = Daemon(tmp_path)
    daemon.start()
    store, mirror = Store(daemon.socket), Mirror(daemon.socket, values=True)
    mirror.start()
    try:
        mirror.wait_ready(10)
        begun: list[str] = []
        host = Host(node="a", store=store, mirror=mirror, run=None)  # type: ignore[arg-type]
        recorder = Recorder(host, begun.append, lambda: T0, lambda: 0.0)
        recorder.tell(Kind.DAEMON_STATE, **{"from": "slave", "to": "master"})
        service_state(recorder, "started", "error", node="a")
        recorder.look()
        recorder.look()
        assert begun == ["20231114T221320-vm-100"]
        assert [each.subject for each in stored.incidents(mirror)] == ["vm:100"]
        log = ListLog()
        tasks.tell_incident(host, log, incident=begun[0])
        assert "service 'vm:100' is in error" in log.lines[0]
    finally:
        mirror.stop()
        store.close()
        daemon.stop()
