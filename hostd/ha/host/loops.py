"""The loops of the two daemons: a step every few seconds, sooner on news; a look at the leases every second.

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


def no_news() -> bool:
    return False


def run_manager(
    env: ManagerEnvironment,
    locks: Locks,
    stopping: Stopping,
    sleep: Callable[[float], None],
    take_news: Callable[[], bool] = no_news,
) -> None:
    """Until the process has ended in order. ``take_news``: whether something has come that makes a step due at once."""

    def ask_to_end(crm: Crm) -> Crm:
        return managers.ask_to_end(crm, env)

    def pause(seconds: int) -> None:
        _pause(seconds, locks, stopping, sleep, take_news)

    _run(managers.start(env), lambda crm: managers.step(crm, env), ask_to_end, MANAGER_STEP_S, stopping, pause)


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

    def pause(seconds: int) -> None:
        _pause(seconds, locks, stopping, sleep, no_news)

    _run(agents.start(env), lambda agent: agents.step(agent, env), ask_to_end, AGENT_STEP_S, stopping, pause)


def _run(
    state: T,
    step: Callable[[T], T],
    ask_to_end: Callable[[T], T],
    every_s: int,
    stopping: Stopping,
    pause: Callable[[int], None],
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
            pause(ENDING_STEP_S if ending else every_s)


def _pause(
    seconds: int, locks: Locks, stopping: Stopping, sleep: Callable[[float], None], take_news: Callable[[], bool]
) -> None:
    """Until the next step, until there is news, or until the process is first told to end."""
    was_ending = stopping.wait(0)
    for _ in range(seconds):
        locks.look()
        if was_ending:
            sleep(1)
        elif stopping.wait(1) or take_news():
            return
    locks.look()
