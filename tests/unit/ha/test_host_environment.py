"""The environments of a host over a store in memory and over the real daemon: locks, status, agents, guests."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster.standing import Member, Standing
from hostd.cluster.store import File, MemoryStore, Mirror, Store
from hostd.core.errors import Unavailable
from hostd.ha import agent as agents
from hostd.ha import crm as managers
from hostd.ha import files, stored
from hostd.ha.agent import Agent
from hostd.ha.budget import LOCK_S, MANAGER_LOCK, REPLY_S, agent_lock
from hostd.ha.crm import Crm
from hostd.ha.env import STALE_LOCKS, Job, StoreFailed
from hostd.ha.events import Kind
from hostd.ha.host import shutdowns
from hostd.ha.host.agent_side import AgentSide
from hostd.ha.host.guests import HostGuests
from hostd.ha.host.locks import PATIENCE_S, Locks
from hostd.ha.host.manager_side import ManagerSide
from hostd.ha.host.side import Surroundings
from hostd.ha.host.watchdogs import NoWatchdog
from hostd.ha.states import AgentState, Code, CrmState, Move, NodeState, Requested, ServiceState, Shutdown
from hostd.ha.status import ManagerStatus, Publication, Service
from hostd.node.host import Host
from tests.unit.cluster.conftest import Daemon

NODES = ("alpha", "beta", "gamma")


def no_programs(argv: Any, **_: Any) -> Any:
    raise AssertionError(f"started {argv}")


@dataclass
class RecordedTasks:
    """Tasks that end at once; ``fails`` are types that do not end well. ``then`` is called with each."""

    spawned: list[tuple[str, int]] = field(default_factory=list)
    args: list[Mapping[str, object]] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    then: Callable[[str, int, Mapping[str, object]], None] = lambda type, vmid, args: None

    def spawn(self, type: str, vmid: int, args: Mapping[str, object]) -> str:
        self.spawned.append((type, vmid))
        self.args.append(args)
        if type not in self.fails:
            self.then(type, vmid, args)
        return type

    def status(self, upid: str) -> str | None:
        return "it failed" if upid in self.fails else "OK"


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Node:
    """Both daemons' environments of a node, with guests that are only remembered as running."""

    def __init__(self, name: str, store: Store, mirror: Mirror, clock: Clock, moves: Path, boot: str = "b1") -> None:
        self.name, self.clock, self.told = name, clock, list[str]()
        self.host = Host(node=name, store=store, mirror=mirror, run=no_programs)
        self.locks = Locks(store, mirror, name, boot, clock)
        self.running: set[int] = set()
        self.obstacle = ""
        self.tasks = RecordedTasks(then=self._act)
        around = Surroundings(
            host=self.host, locks=self.locks, watchdog=NoWatchdog(), tell=self._tell, clock_s=clock
        )  # fmt: skip
        self.guests = HostGuests(
            self.host, self.locks, self.tasks, self._tell, moves=moves / name, sleep=lambda _: None,
            in_the_way=lambda mirror, where, target: self.obstacle,
            is_running=lambda member: member.vmid in self.running,
        )  # fmt: skip
        self.manager = ManagerSide(around)
        self.agent = AgentSide(around, self.guests)

    def _tell(self, kind: Kind, /, **fields: Any) -> None:
        self.told.append(str(kind))

    def _act(self, type: str, vmid: int, args: Mapping[str, object]) -> None:
        if type == "qmstart":
            self.running.add(vmid)
        if type in ("qmstop", "qmshutdown", "vzshutdown"):
            self.running.discard(vmid)
        if folder := {"qmigrate": "qemu-server", "vzmigrate": "lxc"}.get(type):
            self.host.store.rename(
                f"nodes/{self.name}/{folder}/{vmid}.conf", f"nodes/{args['target']}/{folder}/{vmid}.conf"
            )


class Site:
    """A store that three nodes share, each with its own look at it."""

    def __init__(self, store: Store, mirror: Mirror, moves: Path) -> None:
        self.store, self.mirror, self.clock, self._moves = store, mirror, Clock(), moves
        for name in NODES:
            store.mkdir(f"nodes/{name}/qemu-server", parents=True)
        store.mkdir("ha", parents=True)
        store.write("nodes/alpha/qemu-server/100.conf", b"memory: 512\n")
        self.nodes = {name: self.node(name) for name in NODES}
        self.online(*NODES)
        self.sync()

    def node(self, name: str, boot: str = "b1") -> Node:
        return Node(name, self.store, self.mirror, self.clock, self._moves, boot)

    def online(self, *names: str, quorate: bool = True) -> None:
        """What every node is told of the cluster."""
        members = tuple(Member(name, place, f"10.0.0.{place}", name in names) for place, name in enumerate(NODES, 1))
        standing = Standing(version=1, name="c", config=1, quorate=quorate, members=members)
        # Both kinds of mirror keep it there; the daemon's is of a node alone and is told nothing itself.
        self.mirror._standing = standing

    def sync(self) -> None:
        version = self.store.write("ha/mark", b"").version
        self.mirror.wait_for(version)

    def pass_s(self, seconds: int, *lookers: Node) -> None:
        """Time goes by while nodes look at the leases every second."""
        for _ in range(seconds):
            self.clock.now_s += 1
            for node in lookers or self.nodes.values():
                node.locks.look()

    def read(self, path: str) -> bytes:
        return self.store.read(path).data


@pytest.fixture(params=["memory", "daemon"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "memory":
        memory = MemoryStore("alpha")
        yield Site(memory, memory.mirror(), tmp_path)
        return
    if os.geteuid() != 0:
        pytest.skip("the daemon lets only root write: run as root")
    daemon = Daemon(tmp_path)
    daemon.start()
    store, mirror = Store(daemon.socket), Mirror(daemon.socket, values=True)
    mirror.start()
    mirror.wait_ready(10)
    yield Site(store, mirror, tmp_path)
    mirror.stop()
    store.close()
    daemon.stop()


# --- locks


def test_a_lock_has_one_holder_until_it_has_stood_for_its_time(site: Site) -> None:
    alpha, beta = site.nodes["alpha"], site.nodes["beta"]
    assert alpha.manager.take_lock("lock")
    assert not beta.manager.take_lock("lock")
    site.sync()
    site.pass_s(LOCK_S)
    assert not beta.manager.take_lock("lock")
    assert alpha.manager.take_lock("lock")
    site.sync()
    site.pass_s(LOCK_S)
    assert not beta.manager.take_lock("lock")
    site.pass_s(LOCK_S)
    assert beta.manager.take_lock("lock")
    assert not alpha.manager.take_lock("lock")
    assert alpha.told == ["lock_acquired"]
    assert beta.told == ["lock_acquired"]


def test_time_that_nobody_watched_does_not_count(site: Site) -> None:
    alpha, beta = site.nodes["alpha"], site.nodes["beta"]
    alpha.manager.take_lock("lock")
    site.sync()
    beta.locks.look()
    site.clock.now_s += 10 * LOCK_S
    beta.locks.look()
    assert not beta.manager.take_lock("lock")


def test_a_lock_that_was_given_back_is_free(site: Site) -> None:
    alpha, beta = site.nodes["alpha"], site.nodes["beta"]
    alpha.manager.take_lock("lock")
    beta.manager.release_lock("lock")
    assert not beta.manager.take_lock("lock")
    alpha.manager.release_lock("lock")
    assert beta.manager.take_lock("lock")
    assert alpha.manager.seize_lock("lock")
    assert not beta.manager.take_lock("lock")


class Reluctant(MemoryStore):
    """A store that refuses the next ``refusals`` writes, as while the membership changes."""

    refusals = 0

    def write(self, path: str, data: bytes, **how: Any) -> File:
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("the store takes no writes now")
        return super().write(path, data, **how)


def test_a_store_that_takes_no_writes_for_a_moment_costs_no_lock() -> None:
    store, slept = Reluctant("alpha"), list[float]()
    locks = Locks(store, store.mirror(), "alpha", "b1", lambda: 0.0, slept.append)
    assert locks.take("lock")
    store.refusals = PATIENCE_S - 1
    assert locks.take("lock")
    assert slept == [1] * (PATIENCE_S - 1)
    store.refusals = 100
    assert not locks.take("lock")
    assert PATIENCE_S < REPLY_S


def test_guests_that_were_left_keep_the_lock(site: Site) -> None:
    alpha, beta, name = site.nodes["alpha"], site.nodes["beta"], agent_lock("alpha")
    alpha.agent.take_lock(name)
    alpha.agent.release_lock(name, leaves_guests=True)
    site.sync()
    site.pass_s(3 * LOCK_S)
    assert not beta.manager.take_lock(name)
    assert alpha.agent.left_guests()
    again = site.node("alpha")
    assert again.agent.left_guests()
    assert again.agent.take_lock(name)
    assert not again.agent.left_guests()


def test_a_boot_ends_guests_that_were_left(site: Site) -> None:
    alpha, name = site.nodes["alpha"], agent_lock("alpha")
    alpha.agent.take_lock(name)
    alpha.agent.release_lock(name, leaves_guests=True)
    booted = site.node("alpha", boot="b2")
    assert not booted.agent.left_guests()
    booted.agent.publish(Publication())
    site.sync()
    assert site.nodes["beta"].manager.take_lock(name)


def test_a_boot_gives_back_what_the_agent_held_before(site: Site) -> None:
    name = agent_lock("alpha")
    site.nodes["alpha"].agent.take_lock(name)
    site.node("alpha", boot="b2").agent.publish(Publication())
    site.sync()
    assert site.nodes["beta"].manager.take_lock(name)
    site.node("alpha", boot="b3").agent.publish(Publication())
    site.sync()
    assert not site.nodes["alpha"].agent.take_lock(name), "that of another node stays"


# --- the manager's side


def manager_of(site: Site) -> ManagerSide:
    side = site.nodes["alpha"].manager
    assert side.refresh()
    assert side.take_lock(MANAGER_LOCK)
    return side


def status_with(node: str, state: ServiceState = ServiceState.STARTED) -> ManagerStatus:
    service = Service(state=state, node=node, job="1-1")
    return ManagerStatus(master="alpha", nodes={"alpha": NodeState.ONLINE}, services={"vm:100": service}, jobs=1)


def configure(site: Site, text: bytes) -> None:
    site.store.write(stored.RESOURCES, text)
    site.sync()


def test_what_is_written_is_read(site: Site) -> None:
    side = manager_of(site)
    side.write_status(status_with("alpha"))
    assert side.read_status() == status_with("alpha")
    assert side.refresh()
    assert json.loads(site.read(stored.STATUS))["timestamp"] > 1_700_000_000


def test_a_recovery_is_one_change(site: Site) -> None:
    configure(site, b"vm: 100\n\tcomment kept\n\tfuture value\n\tstate started\n\n")
    site.store.write("nodes/alpha/qemu-server/100.conf", b"lock: backup\nmemory: 512\n")
    site.sync()
    side = manager_of(site)
    assert side.clear_lock("vm:100", STALE_LOCKS) == "backup"
    side.set_node("vm:100", "beta")
    side.set_requested("vm:100", Requested.STOPPED)
    assert site.mirror.get("nodes/alpha/qemu-server/100.conf")
    side.write_status(status_with("beta"))
    assert site.read("nodes/beta/qemu-server/100.conf") == b"memory: 512\n"
    assert site.mirror.get("nodes/alpha/qemu-server/100.conf") is None
    assert site.read(stored.RESOURCES) == b"vm: 100\n\tcomment kept\n\tfuture value\n\tstate stopped\n\n"
    version = site.store.read(stored.STATUS).version
    assert site.store.read(stored.RESOURCES).version == site.store.read("nodes/beta/qemu-server/100.conf").version
    assert site.store.read(stored.RESOURCES).version == version


def test_a_lock_that_only_a_person_may_judge_stays(site: Site) -> None:
    site.store.write("nodes/alpha/qemu-server/100.conf", b"lock: create\nmemory: 512\n")
    site.sync()
    assert manager_of(site).clear_lock("vm:100", STALE_LOCKS) is None


def test_who_has_lost_the_lock_changes_nothing(site: Site) -> None:
    side = manager_of(site)
    side.write_status(status_with("alpha"))
    site.sync()
    site.pass_s(2 * LOCK_S)
    assert site.nodes["beta"].manager.take_lock(MANAGER_LOCK)
    side.set_node("vm:100", "gamma")
    with pytest.raises(StoreFailed):
        side.write_status(status_with("gamma"))
    assert site.read("nodes/alpha/qemu-server/100.conf") == b"memory: 512\n"
    assert side.read_status() == status_with("alpha")


def test_what_an_aborted_round_wanted_is_forgotten(site: Site) -> None:
    side = manager_of(site)
    side.set_node("vm:100", "beta")
    side.refresh()
    side.write_status(status_with("alpha"))
    assert site.read("nodes/alpha/qemu-server/100.conf") == b"memory: 512\n"


def test_a_guest_that_somebody_changed_meanwhile_stays_where_it_is(site: Site) -> None:
    site.store.write("nodes/alpha/qemu-server/100.conf", b"lock: backup\nmemory: 512\n")
    site.sync()
    side = manager_of(site)
    side.clear_lock("vm:100", STALE_LOCKS)
    side.set_node("vm:100", "beta")
    site.store.write("nodes/alpha/qemu-server/100.conf", b"lock: backup\nmemory: 1024\n")
    with pytest.raises(StoreFailed):
        side.write_status(status_with("beta"))
    assert site.read("nodes/alpha/qemu-server/100.conf") == b"lock: backup\nmemory: 1024\n"


def test_commands_come_and_go(site: Site) -> None:
    side = manager_of(site)
    assert not side.has_commands()
    files.queue(site.store, ["arm-ha", "migrate vm:100 beta"], actor="root@pam")
    site.sync()
    assert side.read_commands() == ["arm-ha", "migrate vm:100 beta"]
    files.queue(site.store, ["disarm-ha freeze"], actor="root@pam")
    side.drop_commands(2)
    assert side.read_commands() == ["disarm-ha freeze"]


def test_groups_become_rules(site: Site) -> None:
    site.store.write(stored.GROUPS, b"group: gg\n\tnodes alpha:2,beta\n\tnofailback 1\n\n")
    site.store.write(stored.RULES, b"node-affinity: old\n\tcomment kept\n\tnodes beta\n\tresources vm:101\n\n")
    configure(site, b"vm: 100\n\tcomment one\n\tgroup gg\n\tstate started\n\n")
    alpha = site.nodes["alpha"]
    crm = managers.start(alpha.manager)
    for node in site.nodes.values():
        node.agent.publish(Publication())
    for _ in range(5):
        crm = managers.step(crm, alpha.manager)
        for node in site.nodes.values():
            node.agent.publish(Publication(state=AgentState.ACTIVE))
        site.sync()
    assert b"comment kept" in site.read(stored.RULES)
    assert b"node-affinity: ha-group-gg" in site.read(stored.RULES)
    assert site.read(stored.RESOURCES) == b"vm: 100\n\tcomment one\n\tfailback 0\n\tstate started\n\n"
    assert site.mirror.get(stored.GROUPS) is None


def test_without_quorum_nobody_counts_as_there(site: Site) -> None:
    side = site.nodes["alpha"].manager
    assert side.members() == dict.fromkeys(NODES, True)
    site.online(*NODES, quorate=False)
    assert not side.is_quorate()
    assert side.members() == dict.fromkeys(NODES, False)


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"service_status":{"vm:1":{}}}'])
def test_a_status_that_is_none_is_not_acted_on(site: Site, text: bytes) -> None:
    site.store.write(stored.STATUS, text)
    site.sync()
    with pytest.raises(StoreFailed):
        site.nodes["alpha"].manager.read_status()


# --- the agent's side


def finish(node: Node, job: Job) -> Code:
    node.agent.begin(job)
    for _ in range(1000):
        if ended := node.agent.finished():
            ((done, code),) = ended
            assert done == job
            return code
        time.sleep(0.005)
    raise AssertionError("the job does not end")


def job(state: ServiceState, target: str | None = None, timeout_s: int | None = None) -> Job:
    return Job(sid="vm:100", id="1", state=state, target=target, timeout_s=timeout_s)


def test_a_publication_is_written_once_and_again_as_a_sign_of_life(site: Site) -> None:
    alpha = site.nodes["alpha"]
    assert not alpha.agent.can_publish()
    alpha.agent.publish(Publication(results={"1-1": 0}))
    assert alpha.agent.can_publish()
    first = site.store.read(stored.publication_path("alpha")).version
    site.sync()
    alpha.agent.publish(Publication(results={"1-1": 0}))
    assert site.store.read(stored.publication_path("alpha")).version == first
    site.sync()
    site.clock.now_s += 61
    alpha.agent.publish(Publication(results={"1-1": 0}))
    assert site.store.read(stored.publication_path("alpha")).version > first
    site.sync()
    assert alpha.manager.read_publication("alpha") == Publication(results={"1-1": 0})
    assert alpha.manager.read_publication("beta") is None


def test_starting_and_stopping(site: Site) -> None:
    alpha = site.nodes["alpha"]
    assert finish(alpha, job(ServiceState.STARTED)) is Code.OK
    assert alpha.running == {100}
    assert finish(alpha, job(ServiceState.STARTED)) is Code.OK
    assert finish(alpha, job(ServiceState.REQUEST_STOP)) is Code.OK
    alpha.running.add(100)
    assert finish(alpha, job(ServiceState.REQUEST_STOP, timeout_s=0)) is Code.OK
    assert alpha.tasks.spawned == [("qmstart", 100), ("qmshutdown", 100), ("qmstop", 100)]
    assert finish(site.nodes["beta"], job(ServiceState.STARTED)) is Code.WRONG_NODE


def test_what_fails_is_said(site: Site) -> None:
    alpha = site.nodes["alpha"]
    alpha.tasks.fails = {"qmstart", "qmshutdown"}
    assert finish(alpha, job(ServiceState.STARTED)) is Code.ERROR
    alpha.running.add(100)
    assert finish(alpha, job(ServiceState.REQUEST_STOP)) is Code.ERROR


def test_relocating(site: Site) -> None:
    alpha = site.nodes["alpha"]
    alpha.running.add(100)
    assert finish(alpha, job(ServiceState.RELOCATE, target="beta")) is Code.OK
    assert alpha.tasks.spawned == [("qmshutdown", 100), ("qmigrate", 100)]
    told = alpha.tasks.args[-1]
    assert (told["target"], told["others"], told["online"]) == ("beta", ["beta", "gamma"], False)
    assert site.read("nodes/beta/qemu-server/100.conf")
    site.sync()
    assert finish(site.node("alpha"), job(ServiceState.RELOCATE, target="beta")) is Code.OK


def test_a_running_guest_waits_for_a_watched_target(site: Site) -> None:
    alpha, beta = site.nodes["alpha"], site.nodes["beta"]
    alpha.running.add(100)
    assert finish(alpha, job(ServiceState.MIGRATE, target="beta")) is Code.AGAIN
    beta.agent.take_lock(agent_lock("beta"))
    assert not alpha.guests.can_arrive("beta")
    beta.agent.publish(Publication(state=AgentState.ACTIVE, watched=True))
    site.store.write("datacenter.cfg", b"migration: type=insecure,network=10.0.0.0/8\n")
    site.sync()
    assert alpha.guests.can_arrive("beta")
    assert finish(alpha, job(ServiceState.MIGRATE, target="beta")) is Code.OK
    assert alpha.tasks.spawned == [("qmigrate", 100)]
    assert alpha.tasks.args == [
        {
            "vmid": 100, "target": "beta", "others": ["beta", "gamma"], "online": True, "secure": False,
            "network": "10.0.0.0/8", "addresses": ["10.0.0.2"],
        }
    ]  # fmt: skip


@pytest.mark.parametrize("how", list(Move))
def test_a_container_is_stopped_to_be_moved_and_not_in_vain(site: Site, how: Move) -> None:
    site.store.mkdir("nodes/alpha/lxc", parents=True)
    site.store.mkdir("nodes/beta/lxc", parents=True)
    site.store.write("nodes/alpha/lxc/200.conf", b"rootfs: far:200/vm-200-disk-0.raw\n")
    site.sync()
    alpha = site.nodes["alpha"]
    alpha.running.add(200)
    alpha.obstacle = "node 'beta' does not have storage far"
    assert not alpha.guests.move("ct:200", how, "beta")
    assert alpha.running == {200}
    assert alpha.tasks.spawned == []
    alpha.obstacle = ""
    assert alpha.guests.move("ct:200", how, "beta")
    assert alpha.tasks.spawned == [("vzshutdown", 200), ("vzmigrate", 200)]
    assert (alpha.tasks.args[-1]["target"], alpha.tasks.args[-1]["restart"]) == ("beta", False)
    site.sync()
    assert alpha.guests.home("ct:200") == "beta"


# --- both together


def test_a_lost_nodes_guest_comes_up_elsewhere_once_its_lock_has_run_out(site: Site) -> None:
    configure(site, b"vm: 100\n\tstate started\n\n")
    crms: dict[str, Crm] = {name: managers.start(node.manager) for name, node in site.nodes.items()}
    lrms: dict[str, Agent] = {name: agents.start(node.agent) for name, node in site.nodes.items()}

    def rounds(count: int, alive: Collection[str]) -> None:
        for _ in range(count):
            for name in alive:
                node = site.nodes[name]
                crms[name] = managers.step(crms[name], node.manager)
                lrms[name] = agents.step(lrms[name], node.agent)
                site.sync()
            site.pass_s(10, *(site.nodes[name] for name in alive))

    rounds(4, ("beta", "alpha", "gamma"))
    assert crms["beta"].state is CrmState.MASTER
    assert lrms["alpha"].state is AgentState.ACTIVE
    assert site.nodes["alpha"].running == {100}
    site.online("beta", "gamma")
    rounds(6, ("beta", "gamma"))
    assert site.read("nodes/alpha/qemu-server/100.conf")
    assert not site.nodes["beta"].running | site.nodes["gamma"].running
    rounds(12, ("beta", "gamma"))
    assert site.read("nodes/beta/qemu-server/100.conf")
    assert site.nodes["beta"].running == {100}
    assert stored.manager_status(site.mirror).services["vm:100"].node == "beta"


# --- why an agent ends


@pytest.mark.parametrize(
    ("out", "kind"),
    [
        ("", Shutdown.RESTART),
        ("7 hostd-ha-lrm.service restart running\n", Shutdown.RESTART),
        ("1 reboot.target start waiting\n2 shutdown.target start waiting\n", Shutdown.REBOOT),
        ("1 poweroff.target start waiting\n2 shutdown.target start waiting\n", Shutdown.SHUTDOWN),
        ("1 shutdown.target start waiting\n", Shutdown.SHUTDOWN),
    ],
)
def test_why_it_ends(out: str, kind: Shutdown) -> None:
    assert shutdowns.parse(out) is kind
