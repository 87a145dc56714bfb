"""Steps of manager and agent one by one, where what is ours goes beyond the recorded behaviour."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hostd.ha import agent, agentjobs, crm, jobs, manager
from hostd.ha.budget import MANAGER_LOCK, REPLY_S, RETURN_S, UNMANAGED_S, agent_lock
from hostd.ha.config import Options, Resource
from hostd.ha.env import Job, StoreFailed
from hostd.ha.states import (
    AgentState,
    Code,
    CrmState,
    DisarmMode,
    DisarmState,
    Mode,
    NodeState,
    ServiceState,
    Shutdown,
    ShutdownPolicy,
)
from hostd.ha.status import Disarm, ManagerStatus, Publication, Service, from_wire
from tests.simulation_ha.world import Process, World
from tests.simulation_ha.worldenv import AgentSide, ManagerSide

NAMES = ["n1", "n2", "n3"]
RUNS = Service(state=ServiceState.STARTED, node="n1", job="1-0", running=True)


class Site:
    """A world that stands still, with the daemons of n1 in hand; ``events`` are the kinds that were told."""

    def __init__(self, *resources: Resource, **services: Service) -> None:
        self.world = World(random.Random(1), NAMES, {resource.sid: resource for resource in resources})
        self.world.status = ManagerStatus(
            nodes=dict.fromkeys(NAMES, NodeState.ONLINE),
            services={sid.replace("_", ":"): service for sid, service in services.items()},
        )
        self.world.publications["n1"] = Publication()
        self.events: list[str] = []
        self.crm = ManagerSide(self.world, self.process("crm"))
        self.lrm = AgentSide(self.world, self.process("lrm"))
        for side in (self.crm, self.lrm):
            side.tell = lambda kind, /, **fields: self.events.append(str(kind))  # type: ignore[method-assign]

    def process(self, kind: str) -> Process:
        return self.world.nodes["n1"].daemons[kind]

    def cut(self, name: str) -> None:
        self.world.change_membership(lambda: setattr(self.world.nodes[name], "cable", False))

    def power_off(self, name: str) -> None:
        self.world.power_off(name, boots_after_s=None)

    def has_watchdog(self, kind: str) -> bool:
        return id(self.process(kind)) in self.world.watchdogs


VM = Resource(sid="vm:100", node="n1")


def test_a_second_round_decides_nothing_new() -> None:
    site = Site(VM, replace(VM, sid="vm:101", node="n2"))
    memory = manager.step(manager.begin(site.world.status, site.crm), site.crm)
    assert "service_added" in site.events
    site.events.clear()
    assert manager.step(memory, site.crm).status == memory.status
    assert site.events == []


def test_a_lock_that_was_answered_late_does_not_feed_the_watchdog() -> None:
    site = Site(VM, vm_100=RUNS)
    active = replace(agent.Agent(), state=AgentState.ACTIVE, has_watchdog=True)
    take = site.lrm.take_lock

    def late(name: str) -> bool:
        site.world.time_s += REPLY_S + 1
        return take(name)

    site.lrm.take_lock = late  # type: ignore[method-assign]
    assert agent.step(active, site.lrm).state is AgentState.LOST_AGENT_LOCK
    assert not site.has_watchdog("lrm"), "it was fed"


def test_a_late_manager_is_no_master() -> None:
    site = Site(VM)
    take = site.crm.take_lock

    def late(name: str) -> bool:
        site.world.time_s += REPLY_S + 1
        return take(name)

    site.crm.take_lock = late  # type: ignore[method-assign]
    assert crm.step(crm.Crm(), site.crm).state is CrmState.SLAVE
    assert not site.has_watchdog("crm")


def test_without_services_there_is_no_watchdog() -> None:
    site = Site()
    for _ in range(3):
        assert agent.step(agent.Agent(), site.lrm).state is AgentState.WAIT_FOR_AGENT_LOCK
        crm.step(crm.Crm(), site.crm)
    assert not site.has_watchdog("lrm")
    assert not site.has_watchdog("crm")


def test_an_agent_with_services_does_not_end_without_its_lock() -> None:
    site = Site(VM, vm_100=RUNS)
    lost = replace(agent.Agent(), state=AgentState.LOST_AGENT_LOCK, shutdown=Shutdown.RESTART, has_watchdog=True)
    site.cut("n1")
    site.lrm.open_watchdog()
    now = agent.step(replace(lost, status=site.world.status), site.lrm)
    assert not now.ended
    assert "shutdown_blocked" in site.events
    assert site.has_watchdog("lrm")


def asked_to_end(site: Site, seconds: int) -> agent.Agent:
    """The agent of n1, asked to make place for another process, after so many seconds of steps."""
    done = agentjobs.Jobs(results={"1-0": Code.OK})
    now = replace(agent.Agent(), state=AgentState.ACTIVE, jobs=done)
    now = agent.ask_to_end(now, site.lrm, Shutdown.RESTART)
    for _ in range(seconds // 5):
        now = now if now.ended else agent.step(now, site.lrm)
        site.world.time_s += 5
    return now


def test_an_agent_that_is_replaced_waits_for_a_manager_to_freeze_its_services() -> None:
    site = Site(VM, vm_100=RUNS)
    site.world.take_lock(MANAGER_LOCK, "n2")
    assert not asked_to_end(site, 10 * UNMANAGED_S).ended


def test_an_agent_that_is_replaced_while_nobody_manages_leaves_its_services_covered() -> None:
    """A manager that is restarted at the same time waits for it to end."""
    site = Site(VM, vm_100=RUNS)
    assert not asked_to_end(site, UNMANAGED_S).ended
    assert asked_to_end(site, 2 * UNMANAGED_S).ended
    assert "not_frozen" in site.events
    assert site.world.locks[agent_lock("n1")].left_guests
    assert site.has_watchdog("lrm")
    assert site.lrm.has_left_watchdog()


def test_an_agent_that_is_replaced_while_nobody_manages_stays_for_what_moves() -> None:
    moves = replace(RUNS, state=ServiceState.MIGRATE, target="n2")
    assert not asked_to_end(Site(VM, vm_100=moves), 10 * UNMANAGED_S).ended


def test_a_doomed_node_with_uncovered_guests_arms_its_watchdog_and_leaves_it_alone() -> None:
    site = Site(VM, vm_100=replace(RUNS, state=ServiceState.FENCE))
    site.world.locks[agent_lock("n1")] = replace(_lock(site), left_guests=True)
    first = agent.step(agent.Agent(), site.lrm)
    assert first.state is AgentState.WAIT_FOR_AGENT_LOCK
    _, fed_s = site.world.watchdogs[id(site.process("lrm"))]
    site.world.time_s += 10
    agent.step(first, site.lrm)
    assert site.world.watchdogs[id(site.process("lrm"))][1] == fed_s


def _lock(site: Site) -> object:
    site.lrm.take_lock(agent_lock("n1"))
    return site.world.locks[agent_lock("n1")]


def test_uncovered_guests_are_covered_before_the_lock_is_asked_for() -> None:
    site = Site(VM, vm_100=RUNS)
    site.world.locks[agent_lock("n1")] = replace(_lock(site), left_guests=True)
    take = site.lrm.take_lock

    def late(name: str) -> bool:
        site.world.time_s += REPLY_S + 1
        return take(name)

    site.lrm.take_lock = late  # type: ignore[method-assign]
    now = agent.step(agent.Agent(), site.lrm)
    assert now.state is AgentState.WAIT_FOR_AGENT_LOCK
    assert now.has_watchdog
    assert site.world.watchdogs[id(site.process("lrm"))][1] == 0.0, "fed by a late answer"


def test_a_node_without_quorum_does_not_reset_itself_for_guests_that_it_left() -> None:
    site = Site(VM, vm_100=RUNS)
    site.world.locks[agent_lock("n1")] = replace(_lock(site), left_guests=True)
    site.cut("n1")
    assert not agent.step(agent.Agent(), site.lrm).has_watchdog


@pytest.mark.parametrize(
    ("state", "left"), [(ServiceState.FREEZE, True), (ServiceState.STOPPED, False), (ServiceState.ERROR, True)]
)
def test_a_lock_given_back_says_whether_guests_are_left(state: ServiceState, left: bool) -> None:
    site = Site(VM, vm_100=replace(RUNS, state=state))
    ending = replace(agent.Agent(), state=AgentState.ACTIVE, shutdown=Shutdown.RESTART, mode=Mode.RESTART)
    assert agent.step(ending, site.lrm).ended
    held = site.world.locks.get(agent_lock("n1"))
    assert bool(held and held.left_guests) is left
    site.cut("n1")
    site.world.time_s += 10_000
    assert site.world.take_lock(agent_lock("n1"), "n2") is not left


def replaced(site: Site) -> agent.Agent:
    """The agent of n1 has ended for another, whose process is the only one now, before its first step."""
    ending = replace(agent.Agent(), state=AgentState.ACTIVE, shutdown=Shutdown.RESTART, mode=Mode.RESTART)
    assert agent.step(ending, site.lrm).ended
    site.world.nodes["n1"].daemons["lrm"] = Process("lrm", "n1", agent.Agent())
    site.lrm = AgentSide(site.world, site.process("lrm"))
    return agent.start(site.lrm)


def test_an_agent_that_is_replaced_leaves_its_watchdog_to_the_next() -> None:
    site = Site(VM, vm_100=replace(RUNS, state=ServiceState.FREEZE))
    first = replaced(site)
    assert first.has_watchdog
    assert site.has_watchdog("lrm")
    site.world.time_s += 10
    now = agent.step(first, site.lrm)
    assert now.state is AgentState.WAIT_FOR_AGENT_LOCK
    assert site.world.watchdogs[id(site.process("lrm"))][1] == 10, "fed while the guests are frozen"
    site.world.status = replace(site.world.status, services={"vm:100": RUNS})
    now = agent.step(now, site.lrm)
    assert now.state is AgentState.ACTIVE
    assert len(site.world.watchdogs) == 1


def test_a_watchdog_that_was_left_is_disarmed_when_nobody_needs_it_any_more() -> None:
    site = Site(VM, vm_100=replace(RUNS, state=ServiceState.FREEZE))
    first = replaced(site)
    del site.world.locks[agent_lock("n1")]  # recovered, after a person said that the guests are off
    site.world.status = replace(site.world.status, services={})
    assert not agent.step(first, site.lrm).has_watchdog
    assert not site.has_watchdog("lrm")


def test_without_guests_nothing_is_left_armed() -> None:
    site = Site(VM, vm_100=replace(RUNS, state=ServiceState.STOPPED))
    assert not replaced(site).has_watchdog
    assert not site.world.watchdogs


def test_a_watchdog_that_was_left_is_not_fed_without_quorum() -> None:
    site = Site(VM, vm_100=replace(RUNS, state=ServiceState.FREEZE))
    first = replaced(site)
    fed_s = site.world.watchdogs[id(site.process("lrm"))][1]
    site.cut("n1")
    site.world.time_s += 10
    assert agent.step(first, site.lrm).has_watchdog
    assert site.world.watchdogs[id(site.process("lrm"))][1] == fed_s


def test_a_node_going_down_keeps_its_lock_when_a_stop_failed() -> None:
    site = Site(VM, vm_100=RUNS)
    site.lrm.take_lock(agent_lock("n1"))
    stop = Job(sid="vm:100", id=None, state=ServiceState.REQUEST_STOP)
    site.process("lrm").ended_jobs.append((stop, Code.ERROR))
    down = replace(agent.Agent(), state=AgentState.ACTIVE, shutdown=Shutdown.SHUTDOWN, mode=Mode.SHUTDOWN)
    now = agent.step(replace(down, jobs=agentjobs.Jobs(running={"vm:100": stop})), site.lrm)
    assert now.ended
    assert agent_lock("n1") in site.world.locks
    assert site.has_watchdog("lrm")


def test_a_job_under_way_is_not_queued_again() -> None:
    status = ManagerStatus(services={"vm:100": RUNS})
    job = Job(sid="vm:100", id="1-0", state=ServiceState.STARTED)
    queued = agentjobs.queue(agentjobs.Jobs(running={"vm:100": job}), status, {}, "n1")
    assert queued.queued == {}
    moved = ManagerStatus(services={"vm:100": replace(RUNS, job="2-0", state=ServiceState.REQUEST_STOP)})
    assert agentjobs.queue(queued, moved, {}, "n1").queued["vm:100"].id == "2-0"


def test_what_was_queued_for_a_service_that_left_is_forgotten() -> None:
    waiting = agentjobs.Jobs(queued={"vm:100": Job(sid="vm:100", id="0-0", state=ServiceState.STARTED)})
    assert agentjobs.queue(waiting, ManagerStatus(), {}, "n1").queued == {}


def test_a_guest_waits_until_the_target_is_covered() -> None:
    site = Site(VM)
    site.world.nodes["n1"].running.add("vm:100")
    job = Job(sid="vm:100", id="1-0", state=ServiceState.MIGRATE, target="n2")
    guests = site.lrm.guests()
    assert jobs.run(job, "n1", guests, site.lrm.tell) is Code.AGAIN
    site.world.take_lock(agent_lock("n2"), "n2")
    assert jobs.run(job, "n1", guests, site.lrm.tell) is Code.AGAIN
    site.world.publications["n2"] = Publication(watched=True)
    assert jobs.run(job, "n1", guests, site.lrm.tell) is Code.OK
    assert site.world.nodes["n2"].running == {"vm:100"}
    # Another process of the agent is asked for the same once more.
    assert jobs.run(job, "n1", guests, site.lrm.tell) is Code.OK


def test_a_guest_whose_source_died_after_it_had_arrived_is_not_recovered() -> None:
    moving = replace(RUNS, state=ServiceState.MIGRATE, node="n3", target="n2", running=False)
    site = Site(replace(VM, node="n2"), vm_100=moving)
    site.power_off("n3")
    memory = manager.step(manager.begin(site.world.status, site.crm), site.crm)
    site.world.time_s += 100
    memory = manager.step(memory, site.crm)
    assert memory.status.services["vm:100"].node == "n2"
    assert memory.status.services["vm:100"].state is ServiceState.STARTED
    assert "fence_try" not in site.events


def test_the_lock_of_a_node_off_by_a_fence_device_is_seized() -> None:
    site = Site(replace(VM, node="n3"), vm_100=replace(RUNS, node="n3"))
    site.world.fence_devices = True
    site.world.take_lock(agent_lock("n3"), "n3")
    site.cut("n3")
    memory = manager.step(manager.begin(site.world.status, site.crm), site.crm)
    site.world.time_s += 70
    memory = manager.step(memory, site.crm)
    assert memory.status.services["vm:100"].state is ServiceState.FENCE
    site.power_off("n3")
    memory = manager.step(memory, site.crm)
    assert memory.status.services["vm:100"].node in ("n1", "n2")
    assert site.world.locks[agent_lock("n3")].owner == "n1"


def test_a_node_that_is_back_is_not_shot_before_its_agent_could_say_that_it_was_booted() -> None:
    """Two nodes of three are left: whoever shoots the other has no quorum to go on with."""
    fenced = replace(RUNS, node="n3", state=ServiceState.FENCE)
    site = Site(replace(VM, node="n3"), vm_100=fenced)
    site.world.fence_devices = True
    site.world.take_lock(agent_lock("n3"), "n3")
    site.world.status = replace(site.world.status, nodes={**site.world.status.nodes, "n3": NodeState.FENCE})
    asked: list[str] = []
    site.crm.is_powered_off = lambda node: bool(asked.append(node))  # type: ignore[method-assign]
    memory = manager.step(manager.begin(site.world.status, site.crm), site.crm)
    site.world.time_s += RETURN_S - 1
    memory = manager.step(memory, site.crm)
    assert asked == []
    site.world.time_s += 1
    assert manager.step(memory, site.crm).status.nodes["n3"] is NodeState.FENCE
    assert asked == ["n3"], "an agent that says nothing is none"

    site.world.nodes["n3"].boots += 1
    site.world.forget_earlier_boot("n3")
    assert manager.step(memory, site.crm).status.services["vm:100"].state is not ServiceState.FENCE
    assert asked == ["n3"]


def test_a_clock_that_went_back_does_not_keep_a_dead_node() -> None:
    site = Site(replace(VM, node="n3"), vm_100=replace(RUNS, node="n3"))
    memory = manager.step(manager.begin(site.world.status, site.crm), site.crm)
    site.power_off("n3")
    site.world.time_s -= 5000
    memory = manager.step(memory, site.crm)
    site.world.time_s += 70
    assert manager.step(memory, site.crm).status.nodes["n3"] is not NodeState.ONLINE
    assert "fence_try" in site.events


def test_a_master_gives_the_lock_back_when_it_ends() -> None:
    site = Site(VM)
    master = crm.step(crm.Crm(), site.crm)
    assert master.state is CrmState.MASTER
    assert site.has_watchdog("crm")
    assert crm.step(crm.ask_to_end(master, site.crm), site.crm).ended
    assert MANAGER_LOCK not in site.world.locks
    assert not site.has_watchdog("crm")


@pytest.mark.parametrize(
    ("policy", "kind", "mode"),
    [
        (ShutdownPolicy.CONDITIONAL, Shutdown.SHUTDOWN, Mode.SHUTDOWN),
        (ShutdownPolicy.CONDITIONAL, Shutdown.REBOOT, Mode.RESTART),
        (ShutdownPolicy.FREEZE, Shutdown.SHUTDOWN, Mode.RESTART),
        (ShutdownPolicy.FAILOVER, Shutdown.REBOOT, Mode.SHUTDOWN),
        (ShutdownPolicy.MIGRATE, Shutdown.REBOOT, Mode.MAINTENANCE),
        (ShutdownPolicy.FREEZE, Shutdown.RESTART, Mode.RESTART),
    ],
)
def test_what_an_agent_does_when_its_node_goes_down(policy: ShutdownPolicy, kind: Shutdown, mode: Mode) -> None:
    site = Site(VM, vm_100=RUNS)
    site.world.options = Options(shutdown_policy=policy)
    asked = agent.ask_to_end(replace(agent.Agent(), status=site.world.status), site.lrm, kind)
    assert asked.mode is mode
    stops = policy is not ShutdownPolicy.MIGRATE and kind is not Shutdown.RESTART
    assert (list(asked.jobs.queued) == ["vm:100"]) is stops
    assert agent.ask_to_end(asked, site.lrm, Shutdown.REBOOT) == asked


def test_an_agent_that_cannot_read_the_policy_still_ends() -> None:
    site = Site(VM, vm_100=RUNS)
    site.world.nodes["n1"].store_works = False
    assert agent.ask_to_end(agent.Agent(), site.lrm, Shutdown.SHUTDOWN).mode is Mode.SHUTDOWN
    assert "cfs_error" in site.events


def test_a_stored_disarm_is_taken_over() -> None:
    site = Site(VM, vm_100=RUNS)
    site.world.status = replace(site.world.status, disarm=Disarm(mode=DisarmMode.FREEZE, state=DisarmState.DISARMED))
    master = crm.step(crm.Crm(), site.crm)
    assert master.state is CrmState.MASTER
    assert not site.has_watchdog("crm")


def test_a_status_from_elsewhere_has_jobs_that_nobody_answered() -> None:
    found = from_wire({"service_status": {"vm:100": {"state": "started", "node": "n1"}}})
    assert found.services["vm:100"].job == "unknown-vm:100"


def test_a_command_is_not_lost_in_a_round_that_could_not_be_written() -> None:
    site = Site(VM, vm_100=RUNS)
    site.world.commands.append("migrate vm:100 n2")
    memory = manager.begin(site.world.status, site.crm)
    write = site.crm.write_status

    def fails(status: ManagerStatus) -> None:
        raise StoreFailed("no answer")

    site.crm.write_status = fails  # type: ignore[method-assign]
    with pytest.raises(StoreFailed):
        manager.step(memory, site.crm)
    site.crm.write_status = write  # type: ignore[method-assign]
    assert manager.step(memory, site.crm).status.services["vm:100"].target == "n2"
    assert site.world.commands == []


def test_a_recovery_that_could_not_be_written_leaves_the_configuration_where_it_was() -> None:
    site = Site(replace(VM, node="n3"), vm_100=replace(RUNS, node="n3", state=ServiceState.RECOVERY))
    memory = manager.begin(site.world.status, site.crm)
    site.power_off("n3")
    write = site.crm._check_write

    def fails() -> None:
        raise StoreFailed("no answer")

    site.crm._check_write = fails  # type: ignore[method-assign]
    with pytest.raises(StoreFailed):
        manager.step(memory, site.crm)
    assert site.world.resources["vm:100"].node == "n3"
    site.crm._check_write = write  # type: ignore[method-assign]
    assert manager.step(memory, site.crm).status.services["vm:100"].state is ServiceState.STARTED
    assert site.world.resources["vm:100"].node in ("n1", "n2")
