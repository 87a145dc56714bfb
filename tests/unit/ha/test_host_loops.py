"""The daemons' loops: steps in time, leases looked at every second, an end in order."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from hostd.cluster.store import MemoryStore
from hostd.ha import agent as agents
from hostd.ha import crm as managers
from hostd.ha.agent import Agent
from hostd.ha.crm import Crm
from hostd.ha.env import Job
from hostd.ha.events import Kind, Value
from hostd.ha.host import loops
from hostd.ha.host.agent_side import AgentSide
from hostd.ha.host.locks import Locks
from hostd.ha.host.manager_side import ManagerSide
from hostd.ha.host.side import Surroundings
from hostd.ha.host.watchdogs import NoWatchdog
from hostd.ha.states import Move, Shutdown
from hostd.node.host import Host


@dataclass
class Time:
    """Time that passes where the loop waits; the process is told to end at ``end_s``."""

    end_s: float
    now_s: float = 0.0
    told: list[str] = field(default_factory=list)

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def wait(self, timeout_s: float) -> bool:
        self.now_s += 0 if self.now_s >= self.end_s else timeout_s
        return self.now_s >= self.end_s

    def tell(self, kind: Kind, /, **fields: Value) -> None:
        self.told.append(f"{kind}:{fields.get('to', fields.get('plan', ''))}")


class NoGuests:
    def home(self, sid: str) -> str | None:
        return None

    def is_running(self, sid: str) -> bool:
        return False

    def start(self, sid: str) -> bool:
        return False

    def stop(self, sid: str, timeout_s: int | None) -> bool:
        return False

    def has_arrived(self, sid: str, target: str) -> bool:
        return False

    def can_arrive(self, target: str) -> bool:
        return False

    def move(self, sid: str, how: Move, target: str) -> bool:
        return False


class CountingLocks(Locks):
    looks = 0

    def look(self) -> None:
        self.looks += 1
        super().look()


def site(time: Time) -> tuple[Surroundings, CountingLocks]:
    store = MemoryStore("alpha")
    host = Host(node="alpha", store=store, mirror=store.mirror(), run=lambda *_, **__: None)  # type: ignore[arg-type]
    locks = CountingLocks(store, host.mirror, "alpha", "b1", time.clock)
    around = Surroundings(host=host, locks=locks, watchdog=NoWatchdog(), tell=time.tell, clock_s=time.clock)
    return around, locks


def test_an_idle_agent_ends_at_once_and_an_idle_manager_too() -> None:
    time = Time(end_s=61)
    around, locks = site(time)
    loops.run_agent(AgentSide(around, NoGuests()), locks, time, time.sleep, lambda: Shutdown.RESTART)
    assert time.told == ["daemon_state:wait_for_agent_lock", "lrm_shutdown_plan:freeze"]
    assert locks.looks >= 60
    time = Time(end_s=61)
    around, locks = site(time)
    loops.run_manager(ManagerSide(around), locks, time, time.sleep)
    assert time.told == ["daemon_state:wait_for_quorum", "shutdown_request:"]
    assert time.now_s == 61


def test_news_is_followed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    time, steps = Time(end_s=25), list[float]()
    around, locks = site(time)
    real, news = managers.step, {3.0, 4.0, 12.0}

    def step(crm: Crm, env: ManagerSide) -> Crm:
        steps.append(time.now_s)
        return real(crm, env)

    monkeypatch.setattr(loops.managers, "step", step)
    loops.run_manager(ManagerSide(around), locks, time, time.sleep, lambda: time.now_s in news)
    assert steps == [0, 3, 4, 12, 22, 25]
    assert locks.looks >= 25


def test_a_step_that_breaks_is_followed_by_the_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    time = Time(end_s=30)
    around, locks = site(time)
    steps: list[float] = []
    real = agents.step

    def breaks(agent: Agent, env: AgentSide) -> Agent:
        steps.append(time.now_s)
        if len(steps) < 3:
            raise ValueError("a mistake")
        return real(agent, env)

    monkeypatch.setattr(loops.agents, "step", breaks)
    loops.run_agent(AgentSide(around, NoGuests()), locks, time, time.sleep, lambda: Shutdown.RESTART)
    assert steps == [0, 5, 10, 15, 20, 25, 30]
    assert caplog.text.count("a step failed") == 2


def test_why_it_ends_is_asked_once() -> None:
    time, asked = Time(end_s=0), list[int]()
    around, locks = site(time)

    def kind() -> Shutdown:
        asked.append(1)
        return Shutdown.REBOOT

    side = AgentSide(around, NoGuests())
    side.begin(Job(sid="vm:1", id=None, state=agents.ServiceState.STOPPED))
    loops.run_agent(side, locks, time, time.sleep, kind)
    assert asked == [1]
    assert "lrm_shutdown_plan:freeze" in time.told
