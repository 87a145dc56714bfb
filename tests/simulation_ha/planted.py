"""Mistakes planted on purpose: runs must find each of them, or they would not find one of ours either."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from unittest import mock

from hostd.ha import agent, services
from hostd.ha.agent import Agent
from hostd.ha.env import AgentEnvironment
from hostd.ha.round import Round
from hostd.ha.states import ServiceState
from tests.simulation_ha.faults import Fault, Run, simulate
from tests.simulation_ha.world import World


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """``plant`` changes the world, ``patch`` the code; ``faults`` under which it shows soon."""

    faults: tuple[Fault, ...]
    plant: Callable[[World], None] = lambda world: None
    patch: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext


def _no_lock_wait(world: World) -> None:
    world.lock_s = 0


def _handle_dropped(world: World) -> None:
    world.drops_handles = True


def _believed(world: World) -> None:
    world.fence_devices = world.believes_devices = True


def _always_moving(world: World) -> None:
    """Every now and then somebody moves a guest."""
    for step in range(60, 460, 8):
        sid, name = world.rng.choice(list(world.resources)), world.rng.choice(list(world.nodes))
        world.at(step, lambda command=f"migrate {sid} {name}": world.commands.append(command))  # type: ignore[misc]


@contextlib.contextmanager
def _fed_without_lock() -> Iterator[None]:
    take = agent._take_lock

    def feeding(now: Agent, env: AgentEnvironment) -> Agent | None:
        held = take(now, env)
        if held is None and now.has_watchdog:
            env.feed_watchdog()
        return held

    with mock.patch.object(agent, "_take_lock", feeding):
        yield


@contextlib.contextmanager
def _ends_with_services() -> Iterator[None]:
    def end(now: Agent, env: AgentEnvironment) -> Agent:
        return replace(agent._close_watchdog(now, env), ended=True) if now.shutdown else now

    with mock.patch.object(agent, "_end_without_lock", end):
        yield


@contextlib.contextmanager
def _arrived_guest_recovered() -> Iterator[None]:
    """The configuration's place is not looked at: a guest that has arrived is recovered from where it left."""
    recover, lost = services.recover, services._lost_on_the_way

    def blind(round: Round, sid: str, service: object, resource: object) -> None:
        recover(round, sid, service, replace(resource, node=None))  # type: ignore[arg-type, type-var]

    def fenced(round: Round, sid: str, service: object, resource: object) -> None:
        round.change(sid, ServiceState.FENCE)

    assert lost is not None
    with mock.patch.object(services, "recover", blind), mock.patch.object(services, "_lost_on_the_way", fenced):
        yield


_CUTS = (Fault.CABLE,) * 4
MISTAKES = {
    "no lock wait": Mistake(faults=_CUTS, plant=_no_lock_wait),
    "watchdog fed without lock": Mistake(faults=_CUTS, patch=_fed_without_lock),
    "handle dropped when killed": Mistake(faults=(*_CUTS, *(Fault.KILLED,) * 6), plant=_handle_dropped),
    "handle dropped on exit": Mistake(faults=(*_CUTS, *(Fault.UPGRADE,) * 6), patch=_ends_with_services),
    "recovery before confirmation": Mistake(faults=_CUTS, plant=_believed),
    "arrived guest recovered": Mistake(faults=(*_CUTS, *_CUTS), plant=_always_moving, patch=_arrived_guest_recovered),
}


def first_caught(mistake: Mistake, seeds: range) -> Run | None:
    """The first run in which a service ran twice, None if no seed shows it."""
    with mistake.patch():
        for seed in seeds:
            run = simulate(seed, mistake.plant, mistake.faults)
            if "while it runs on" in run.broken:
                return run
    return None
