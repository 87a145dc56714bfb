"""Seeded runs: a cluster with services, at least three faults, and what must hold whatever happens."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hostd.ha.budget import DEVICE_S, LOCK_S, OFFLINE_S, WATCHDOG_S
from hostd.ha.config import Resource
from tests.simulation_ha.world import BOOT_S, ROUND_S, World

_CALM_S = 60.0
_STORM_S = 400.0
# After the last fault: a watchdog may still bite, the node is missed, its lock runs out, then agents take turns. A
# second node may be lost by then for the same fault, so it happens twice at most.
BOUND_S = 2 * (WATCHDOG_S + DEVICE_S + OFFLINE_S + 1.1 * LOCK_S) + BOOT_S + 12 * ROUND_S


class Fault(StrEnum):
    POWER_CUT = "power cut"
    POWER_LOST = "power lost for good"
    CABLE = "cable cut"
    NO_QUORUM = "network down"
    STORE = "store stuck"
    FLAKY = "store flaky"
    SLOW_DISK = "slow disk"
    FROZEN = "daemons frozen"
    KILLED = "daemon killed"
    UPGRADE = "agent restarted"
    CLOCK = "clock jumps"
    CRASH = "guest crashed"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came out. ``settled_s``: how long after the last fault everything ran, None if not in time."""

    seed: int
    faults: tuple[Fault, ...]
    settled_s: float | None
    resets: int
    broken: str
    log: tuple[str, ...]


def simulate(
    seed: int, plant: Callable[[World], None] = lambda world: None, faults: tuple[Fault, ...] | None = None
) -> Run:
    """One run, the same for the same seed. ``plant`` may break the world first; ``faults``: these, not drawn ones."""
    rng = random.Random(seed)
    names = [f"n{number}" for number in range(1, rng.choice((3, 3, 4, 5)) + 1)]
    sids = [f"{rng.choice(('vm', 'ct'))}:{100 + number}" for number in range(rng.randint(2, 6))]
    world = World(rng, names, {sid: Resource(sid=sid, node=rng.choice(names)) for sid in sorted(sids)})
    world.fence_devices = rng.random() < 0.3
    plant(world)
    faults = faults or tuple(rng.choice(list(Fault)) for _ in range(rng.randint(3, 6)))
    last_s = max(_schedule(world, fault) for fault in faults)
    for _ in range(rng.randint(0, 4)):
        _command(world, rng.uniform(_CALM_S, last_s))
    world.run_until(last_s)
    settled_s = None
    while not world.broken and world.time_s < last_s + BOUND_S:
        world.run_until(world.time_s + ROUND_S)
        if world.settled():
            settled_s = world.time_s - last_s
            break
    if not world.broken and settled_s is None:
        world.fail(f"not everything runs {BOUND_S:.0f} s after the last fault: {_state(world)}")
    return Run(
        seed=seed,
        faults=faults,
        settled_s=settled_s,
        resets=world.resets,
        broken=world.broken,
        log=tuple(world.log),
    )


def _state(world: World) -> str:
    services = (f"{sid} {s.state} on {s.node}" for sid, s in world.status.services.items())
    return ", ".join(services)


def _schedule(world: World, fault: Fault) -> float:
    """Plan one fault; the time when its direct effect ends."""
    rng = world.rng
    name = rng.choice(list(world.nodes))
    node = world.nodes[name]
    begin_s = _CALM_S + rng.uniform(0, _STORM_S)
    end_s = begin_s + rng.choice((rng.uniform(2, 30), rng.uniform(30, 90), rng.uniform(90, 300)))

    def spell(begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Something that lasts; the node counts as troubled meanwhile."""

        def start() -> None:
            world.note(f"{name}: {fault} begins")
            node.troubles += 1
            begin()

        def stop() -> None:
            world.note(f"{name}: {fault} ends")
            node.troubles -= 1
            node.troubled_s = world.time_s
            end()

        world.at(begin_s, start)
        world.at(end_s, stop)

    def once(what: Callable[[], None]) -> float:
        def happen() -> None:
            world.note(f"{name}: {fault}")
            node.troubled_s = world.time_s
            what()

        world.at(begin_s, happen)
        return begin_s

    match fault:
        case Fault.POWER_CUT:
            once(lambda: world.power_off(name, boots_after_s=end_s - begin_s))
        case Fault.POWER_LOST:
            return once(lambda: _lose(world, name))
        case Fault.CABLE:
            spell(lambda: _cable(world, [name], False), lambda: _cable(world, [name], True))
        case Fault.NO_QUORUM:
            spell(lambda: _cable(world, list(world.nodes), False), lambda: _cable(world, list(world.nodes), True))
        case Fault.STORE:
            spell(lambda: setattr(node, "store_works", False), lambda: setattr(node, "store_works", True))
        case Fault.FLAKY:
            part = rng.choice((0.05, 0.3))
            spell(lambda: setattr(node, "store_fails", part), lambda: setattr(node, "store_fails", 0.0))
        case Fault.SLOW_DISK:
            delay_s = rng.uniform(3, 70)
            spell(lambda: setattr(node, "slow_s", delay_s), lambda: setattr(node, "slow_s", 0.0))
        case Fault.FROZEN:
            spell(lambda: setattr(node, "frozen_until_s", end_s), lambda: None)
        case Fault.KILLED:
            kind = rng.choice(("crm", "lrm"))
            return once(lambda: world.kill_daemon(name, kind))
        case Fault.UPGRADE:
            return once(lambda: world.end_agent(name))
        case Fault.CLOCK:
            jump_s = rng.choice((-1, 1)) * rng.uniform(1, 5000)
            return once(lambda: setattr(node, "offset_s", node.offset_s + jump_s))
        case Fault.CRASH:
            sid = rng.choice(list(world.resources))
            return once(lambda: [each.running.discard(sid) for each in world.nodes.values()] and None)
    return end_s


def _lose(world: World, name: str) -> None:
    """For good, but never so that the rest could have no majority."""
    gone = sum(node.stays_off for node in world.nodes.values())
    if (len(world.nodes) - gone - 1) * 2 > len(world.nodes) and not world.nodes[name].stays_off:
        world.nodes[name].stays_off = True
        world.power_off(name, boots_after_s=None)


def _cable(world: World, names: list[str], plugged: bool) -> None:
    def change() -> None:
        for name in names:
            world.nodes[name].cable = plugged

    world.change_membership(change)


def _command(world: World, time_s: float) -> None:
    """A user moves services about, puts a node into maintenance or disarms everything for a while."""
    rng = world.rng
    name = rng.choice(list(world.nodes))
    kind = rng.random()
    if kind < 0.15:
        mode = rng.choice(("freeze", "ignore"))
        world.at(time_s, lambda: world.commands.append(f"disarm-ha {mode}"))
        world.at(time_s + rng.uniform(20, 150), lambda: world.commands.append("arm-ha"))
    elif kind < 0.7:
        how, sid = rng.choice(("migrate", "relocate")), rng.choice(list(world.resources))
        world.at(time_s, lambda: world.commands.append(f"{how} {sid} {name}"))
    else:
        world.at(time_s, lambda: world.commands.append(f"enable-node-maintenance {name}"))
        world.at(time_s + rng.uniform(20, 150), lambda: world.commands.append(f"disable-node-maintenance {name}"))
