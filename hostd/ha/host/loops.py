"""The loops of the two daemons: a step every few seconds, a look at the leases every second.

What a step does not expect is logged, and the next one tried: a mistake that every node makes at the same moment must
not reset the whole cluster.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from hostd.ha import agent as agents
from hostd.ha import crm as managers
from hostd.ha.agent import Agent
from hostd.ha.crm import Crm
from hostd.ha.env import AgentEnvironment, ManagerEnvironment
from hostd.ha.host.locks import Locks
from hostd.ha.states import Shutdown

log = logging.getLogger(__name__)
MANAGER_STEP_S: Final = 10
AGENT_STEP_S: Final = 5
# A process that is to end asks again so soon.
ENDING_STEP_S: Final = 2


class Stopping(Protocol):
    def wait(self, timeout_s: float) -> bool:
        """Wait so long, or until the process is to end; whether it is to."""


T = TypeVar("T", Crm, Agent)


def run_manager(env: ManagerEnvironment, locks: Locks, stopping: Stopping, sleep: Callable[[float], None]) -> None:
    """Until the process has ended in order."""

    def ask_to_end(crm: Crm) -> Crm:
        return managers.ask_to_end(crm, env)

    _run(managers.start(env), lambda crm: managers.step(crm, env), ask_to_end, MANAGER_STEP_S, locks, stopping, sleep)


def run_agent(
    env: AgentEnvironment,
    locks: Locks,
    stopping: Stopping,
    sleep: Callable[[float], None],
    kind: Callable[[], Shutdown],
) -> None:
    """The same; ``kind``: what the process is asked to end for, asked when it is."""

    def ask_to_end(agent: Agent) -> Agent:
        return agent if agent.shutdown else agents.ask_to_end(agent, env, kind())

    _run(agents.start(env), lambda agent: agents.step(agent, env), ask_to_end, AGENT_STEP_S, locks, stopping, sleep)


def _run(
    state: T,
    step: Callable[[T], T],
    ask_to_end: Callable[[T], T],
    every_s: int,
    locks: Locks,
    stopping: Stopping,
    sleep: Callable[[float], None],
) -> None:
    while not state.ended:
        ending = False
        try:
            ending = stopping.wait(0)
            if ending:
                state = ask_to_end(state)
            state = step(state)
        except Exception:
            log.exception("a step failed; the next one is tried")
        if not state.ended:
            _pause(ENDING_STEP_S if ending else every_s, locks, stopping, sleep)


def _pause(seconds: int, locks: Locks, stopping: Stopping, sleep: Callable[[float], None]) -> None:
    """Until the next step, or until the process is first told to end."""
    was_ending = stopping.wait(0)
    for _ in range(seconds):
        locks.look()
        if was_ending:
            sleep(1)
        elif stopping.wait(1):
            return
    locks.look()
