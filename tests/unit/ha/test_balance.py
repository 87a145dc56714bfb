"""Balancing: of services with a rest after each move, of machines that opted in; why each move is made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.cluster.standing import Member, Standing
from hostd.cluster.store import MemoryStore
from hostd.core.errors import Unavailable
from hostd.ha import balance, manager, spread, stored
from hostd.ha.config import REST_S, AutoRebalance, Options, options_of
from hostd.ha.env import Capacity, Load, Measured
from hostd.ha.host.balancer import DECIDE_S, LOCK, Balancer
from hostd.ha.host.locks import Locks
from hostd.ha.round import Memory
from hostd.ha.spread import BEGIN_S, KEPT, Machine, Move, Situation, State, Wish
from hostd.ha.states import Method, NodeState, Scheduler, ServiceState
from hostd.ha.status import ManagerStatus, Moved, Publication, Service, from_wire, to_wire
from hostd.node.host import Host
from tests.simulation_ha.cluster import Cluster
from tests.simulation_ha.environments import ManagerSide
from tests.simulation_ha.hardware import Hardware

GIB = 1 << 30
NODES = ("a", "b", "c")
CAPACITY = Capacity(cpus=8, memory_bytes=32 * GIB, version="9")
NOW = 1_700_000_000.0


def using(sid: str, node: str, cpus: float, gib: float) -> Measured:
    return Measured(sid=sid, node=node, load=Load(cpus=cpus, memory_bytes=gib * GIB))


def machine(sid: str, node: str = "a", gib: float = 4, targets: tuple[str, ...] = NODES) -> Machine:
    return Machine(sid=sid, node=node, memory_bytes=gib * GIB, targets=targets)


def situation(**changes: Any) -> Situation:
    """All on one of three nodes."""
    usual = Situation(
        capacities=dict.fromkeys(NODES, CAPACITY),
        measured=[using("vm:1", "a", 3, 10), using("vm:2", "a", 2, 6), using("ct:9", "a", 1, 1)],
        machines=[machine("vm:1"), machine("vm:2")],
    )
    return replace(usual, **changes)


def decide(known: Situation, now_s: float = NOW) -> balance.Verdict:
    return spread.decide(known, AutoRebalance(), now_s)


def move(sid: str = "vm:1", **changes: Any) -> Move:
    return replace(Move(sid=sid, source="a", target="b", decided_s=int(NOW), why="because"), **changes)


def test_a_move_is_proposed_and_says_why() -> None:
    found = decide(situation()).proposal
    assert found is not None
    assert (found.move.leader, found.move.source, found.move.target) == ("vm:1", "a", "b")
    assert found.after < found.before
    assert "'a' has 75% of its cores and 53% of its memory in use, 'b' 0% of its cores" in found.why
    assert f"differ by {found.before:.2f}, at most 0.30 is wanted" in found.why


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (situation(measured=[using("vm:1", node, 1, 1) for node in NODES]), "is not above"),
        (situation(machines=[]), "no guest can be moved"),
        (situation(machines=[machine("vm:1", targets=())]), "no guest can be moved"),
        (situation(machines=[machine("vm:1", gib=40)]), "no guest can be moved"),
        (situation(machines=[machine("vm:7")]), "no guest can be moved"),
        (situation(machines=[machine("vm:1", node="z")]), "no guest can be moved"),
        (situation(capacities={"a": CAPACITY}), "is not above"),
        (situation(moves=[move("vm:5", state=State.RUNNING)]), "'vm:5' is on its way to 'b'"),
        (situation(measured=[using("vm:1", "a", 0.1, 0.1), using("ct:9", "a", 6, 20)], machines=[machine("vm:1")]),
         "less than 10%"),
    ],
)  # fmt: skip
def test_nothing_is_moved_for_a_reason(known: Situation, reason: str) -> None:
    verdict = decide(known)
    assert verdict.proposal is None
    assert reason in verdict.reason


def test_a_machine_rests_after_its_move_and_another_one_does_not() -> None:
    rested = situation(moves=[move(state=State.OK, decided_s=int(NOW - REST_S))])
    assert decide(rested).proposal == decide(situation()).proposal
    resting = situation(moves=[move(state=State.FAILED, decided_s=int(NOW - REST_S + 1))])
    found = decide(resting).proposal
    assert found is not None
    assert found.move.leader == "vm:2"


@given(st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from([0.0, 0.5, 1, 2.5, 4])), min_size=1, max_size=9))
def test_brute_force_finds_the_least_imbalance_of_all_moves(running: list[tuple[str, float]]) -> None:
    used = [using(f"vm:{n}", node, cpus, cpus * 2) for n, (node, cpus) in enumerate(running)]
    known = situation(measured=used, machines=[machine(each.sid, each.node) for each in used])
    found = spread.decide(known, AutoRebalance(method=Method.BRUTEFORCE, threshold=0.0, margin=0.0), NOW).proposal
    loads, capacities = spread.loads_of(known), known.capacities

    def moved(number: int, node: str) -> Situation:
        measured = [*used[:number], replace(used[number], node=node), *used[number + 1 :]]
        return replace(known, measured=measured)

    after = [
        balance.imbalance(
            spread.loads_of(replace(known, measured=[*used[:n], replace(one, node=node), *used[n + 1 :]])), capacities
        )
        for n, one in enumerate(used)
        for node in NODES
        if node != one.node
    ]
    if found is not None:
        assert found.after == pytest.approx(min(after), abs=1e-12)
    else:
        assert balance.imbalance(loads, capacities) <= min(after) + 1e-12


def test_moves_are_bounded_kept_and_given_up() -> None:
    moves: list[Move] = []
    for number in range(KEPT + 9):
        moves = spread.added(moves, decide(situation()), NOW + number)
    assert len(moves) == KEPT
    assert spread.from_wire(json.loads(json.dumps(spread.to_wire(moves)))) == moves
    assert spread.added(moves, balance.Verdict(imbalance=0), NOW) == moves
    late = spread.given_up([move(), move("vm:2", state=State.RUNNING)], NOW + BEGIN_S + 1)
    assert [each.state for each in late] == [State.FAILED, State.RUNNING]
    assert "did not begin it" in late[0].told


def test_who_takes_part_is_a_file() -> None:
    for wish in (Wish(), Wish(enabled=True, guests=(100, 205))):
        assert spread.parse(spread.format(wish)) == wish
    assert spread.parse(b"enable: 1\nguests: 7,x,8\n") == Wish(enabled=True, guests=(7, 8))


# --- services


def services(memory: Memory | None = None) -> tuple[Cluster, Memory]:
    """Two services on one of two nodes, by static load; a round that moves one."""
    names = ("n1", "n2")
    cluster = Cluster(
        {
            "hardware": {name: {"power": "off", "network": "off"} for name in names},
            "services": {f"vm:{n}": {"node": "n1", "state": "started"} for n in (101, 102, 103)},
            "static_stats": {f"vm:{n}": {"maxcpu": 4, "maxmem": 8 * GIB} for n in (101, 102, 103)},
            "datacenter": {"scheduler": "static"},
        },
        lambda event: None,
    )
    hardware = Hardware(cluster)
    for name in names:
        hardware.run(f"power {name} on", "test")
        cluster.publications[name] = Publication()
    cluster.options = Options(
        scheduler=Scheduler.STATIC, auto_rebalance=AutoRebalance(enabled=True, hold_rounds=1, rest_s=REST_S)
    )  # fmt: skip
    runs = {
        f"vm:{n}": Service(state=ServiceState.STARTED, node="n1", job=f"{n}-0", running=True) for n in (101, 102, 103)
    }
    status = ManagerStatus(nodes=dict.fromkeys(names, NodeState.ONLINE), services=runs)
    side = ManagerSide(cluster, "n1")
    begun = memory or manager.begin(status, side)
    return cluster, manager.step(begun, side)


def test_a_service_that_was_moved_rests_and_the_next_master_knows() -> None:
    cluster, memory = services()
    (sid, moved), *others = memory.status.moved.items()
    assert not others
    assert (moved.source, moved.target, moved.age_s) == ("n1", "n2", 0)
    assert "at most 0.30 is wanted" in moved.why
    assert memory.status.services[sid].state is ServiceState.MIGRATE

    back = {
        **memory.status.services,
        sid: replace(memory.status.services[sid], state=ServiceState.STARTED, target=None),
    }
    again = replace(memory.status, services=back, moved={sid: replace(moved, age_s=int(REST_S) - 60)})
    side = ManagerSide(cluster, "n2")
    after = manager.step(manager.begin(again, side), side)
    assert set(after.status.moved) > {sid}
    assert after.status.services[sid].state is ServiceState.STARTED
    over = replace(again, moved={sid: replace(moved, age_s=int(REST_S))})
    assert manager.step(manager.begin(over, side), side).status.moved[sid].age_s == 0


def test_hosts_rest_and_recorded_behaviour_does_not() -> None:
    assert options_of({}).auto_rebalance.rest_s == REST_S
    assert AutoRebalance().rest_s == 0
    status = ManagerStatus(moved={"vm:1": Moved(age_s=5, source="a", target="b", why="w")})
    assert from_wire(json.loads(json.dumps(to_wire(status)))) == status


# --- on hosts


class Tasks:
    def __init__(self) -> None:
        self.spawned: list[tuple[str, int, Mapping[str, object]]] = []
        self.ended: dict[str, str] = {}
        self.is_there = True

    def spawn(self, type: str, vmid: int, args: Mapping[str, object]) -> str:
        if not self.is_there:
            raise Unavailable("hostd-taskd does not answer")
        self.spawned.append((type, vmid, args))
        return f"UPID:{vmid}"

    def status(self, upid: str) -> str | None:
        return self.ended.get(upid)


class Site:
    """Nodes a and b over one tree, all load on a."""

    def __init__(self) -> None:
        self.store, self.now_s, self.tasks = MemoryStore("a"), 1000.0, Tasks()
        self.mirror = self.store.mirror()
        for node in ("a", "b"):
            self.store.mkdir(f"nodes/{node}/qemu-server", parents=True)
        for vmid in (100, 101):
            self.store.write(f"nodes/a/qemu-server/{vmid}.conf", b"memory: 2048\n")
        members = tuple(Member(name, place, "10.0.0.1", True) for place, name in enumerate(("a", "b"), 1))
        self.store.join(Standing(version=1, name="c", config=1, quorate=True, members=members))
        self.sample("a", {100: (0.9, 2), 101: (0.9, 2)})
        self.sample("b", {})
        self.store.mkdir("ha")
        self.wish(enabled=True)
        self.a, self.b = self.balancer("a"), self.balancer("b")

    def wish(self, *, enabled: bool) -> None:
        self.store.write(stored.BALANCE, spread.format(Wish(enabled=enabled, guests=(100,))))

    def sample(self, node: str, guests: Mapping[int, tuple[float, float]]) -> None:
        tables = {
            "node": {"maxcpu": 8, "maxmem": 32 * GIB}, "storages": {},
            "guests": {str(vmid): {"cpu": cpu, "mem": gib * GIB} for vmid, (cpu, gib) in guests.items()},
        }  # fmt: skip
        self.store.hear(node, "sample", json.dumps(tables).encode())

    def balancer(self, node: str) -> Balancer:
        host = Host(node=node, store=self.store, mirror=self.mirror, run=None)  # type: ignore[arg-type]
        locks = Locks(self.store, self.mirror, node, "b1", lambda: self.now_s, lambda seconds: None)
        return Balancer(
            host, locks, self.tasks, lambda mirror, nodes: [machine("vm:100", targets=("b",))],
            lambda: NOW + self.now_s, lambda: self.now_s,
        )  # fmt: skip

    def pass_s(self, seconds: float, *who: Balancer) -> None:
        for _ in range(int(seconds / 10)):
            self.now_s += 10
            for each in who or (self.a, self.b):
                each.look()

    def moves(self) -> list[Move]:
        return stored.moves(self.mirror)


def test_a_machine_is_moved_by_its_node_once_and_rests() -> None:
    site = Site()
    site.pass_s(2 * DECIDE_S, site.b)
    assert not site.moves()
    site.pass_s(2 * DECIDE_S, site.b)
    (decided,) = site.moves()
    assert (decided.state, decided.source, decided.target) == (State.DECIDED, "a", "b")
    site.pass_s(30)
    ((type, vmid, args),) = site.tasks.spawned
    assert (type, vmid, args["target"], args["online"]) == ("qmigrate", 100, "b", True)
    assert site.moves()[0].told == "UPID:100"
    site.tasks.ended["UPID:100"] = "OK"
    site.pass_s(10)
    assert site.moves()[0].state is State.OK
    site.pass_s(REST_S - 600)
    assert len(site.tasks.spawned) == 1
    assert site.store.read(f"priv/lease/{LOCK}")
    site.wish(enabled=False)
    site.pass_s(10)
    assert f"priv/lease/{LOCK}" not in [file.path for file in site.mirror.glob("priv/lease/")]


def test_a_move_that_fails_and_one_that_was_interrupted() -> None:
    site = Site()
    site.pass_s(4 * DECIDE_S, site.b)
    site.pass_s(10)
    site.tasks.ended["UPID:100"] = "migration aborted"
    site.pass_s(10)
    assert (site.moves()[0].state, site.moves()[0].told) == (State.FAILED, "migration aborted (UPID:100)")
    other = Site()
    other.pass_s(4 * DECIDE_S, other.b)
    other.tasks.is_there = False
    with pytest.raises(Unavailable):
        other.a.look()
    other.a.look()
    assert (other.moves()[0].state, other.moves()[0].told) == (State.FAILED, "the daemon that was to move it was ended")


def test_a_machine_that_is_not_there_any_more_is_not_moved() -> None:
    site = Site()
    site.pass_s(4 * DECIDE_S, site.b)
    site.store.rename("nodes/a/qemu-server/100.conf", "nodes/b/qemu-server/100.conf")
    site.a.look()
    assert site.moves()[0].told == "it is not on that node any more"
    assert not site.tasks.spawned


def test_nothing_is_decided_where_nobody_opted_in() -> None:
    site = Site()
    site.wish(enabled=False)
    site.pass_s(10 * DECIDE_S)
    assert not site.moves()
    assert not site.mirror.glob("priv/lease/")
