"""The sides of manager and agent in ``world``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from hostd.ha import jobs
from hostd.ha.budget import MANAGER_LOCK, agent_lock
from hostd.ha.config import Group, Options, Resource
from hostd.ha.env import Capacity, Job, Load, Measured, StoreFailed
from hostd.ha.events import Kind, Value
from hostd.ha.rules import Rule
from hostd.ha.states import Code, Move, Requested, ServiceState
from hostd.ha.status import ManagerStatus, Publication
from tests.simulation_ha.world import Process, World

_TOLD = frozenset({Kind.SERVICE_STATE, Kind.NODE_STATE, Kind.DAEMON_STATE, Kind.FENCE_TRY, Kind.FENCE_DONE})


def lock_of(process: Process) -> str:
    return MANAGER_LOCK if process.kind == "crm" else agent_lock(process.node)


class _Side:
    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process
        self.node = process.node
        self.here = world.nodes[process.node]

    def tell(self, kind: Kind, /, **fields: Value) -> None:
        if kind in _TOLD:
            self.world.note(f"{self.node}/{self.process.kind} {kind} {' '.join(f'{k}={v}' for k, v in fields.items())}")

    def now_s(self) -> float:
        """The node's own clock; while an answer is waited for, the time when it was asked."""
        asked_s = self.process.asked_s
        return (self.world.time_s if asked_s is None else asked_s) + self.here.offset_s

    def is_quorate(self) -> bool:
        return self.world.is_online(self.node)

    def refresh(self) -> bool:
        return self.here.store_works

    def _check(self) -> None:
        fails = self.here.store_fails and self.world.rng.random() < self.here.store_fails
        if fails or not self.here.store_works:
            raise StoreFailed(f"the store of {self.node} does not answer")

    def _check_write(self) -> None:
        self._check()
        if not self.world.is_online(self.node):
            raise StoreFailed(f"{self.node} has no quorum")

    def read_status(self) -> ManagerStatus:
        self._check()
        return self.process.status or self.world.view(self.node)[0]

    def read_resources(self) -> Mapping[str, Resource]:
        self._check()
        return self.world.view(self.node)[1]

    def read_options(self) -> Options:
        self._check()
        return self.world.options

    def take_lock(self, name: str) -> bool:
        process = self.process
        if process.asked_s is not None and name == lock_of(process):
            taken, process.asked_s, process.status = process.answer, None, None
            return taken
        return self.world.take_lock(name, self.node)

    def release_lock(self, name: str, *, leaves_guests: bool = False) -> None:
        self.world.release_lock(name, self.node, leaves_guests=leaves_guests)

    def open_watchdog(self) -> None:
        self.world.feed(self.process)

    def feed_watchdog(self) -> None:
        self.world.feed(self.process)

    def close_watchdog(self) -> None:
        self.world.disarm(self.process)


class ManagerSide(_Side):
    """Made anew for every step; ``staged`` is what goes into the store with the status."""

    def __init__(self, world: World, process: Process) -> None:
        super().__init__(world, process)
        self.staged: list[tuple[str, dict[str, object]]] = []

    def members(self) -> Mapping[str, bool]:
        return {name: self.world.is_online(name) and self.is_quorate() for name in self.world.nodes}

    def write_status(self, status: ManagerStatus) -> None:
        staged, self.staged = self.staged, []
        self._check_write()
        self.world.status = status
        for sid, changes in staged:
            self.world.configure(sid, **changes)

    def read_publication(self, node: str) -> Publication | None:
        self._check()
        return self.world.publications.get(node)

    def read_rules(self) -> Sequence[Rule]:
        self._check()
        return ()

    def read_groups(self) -> Mapping[str, Group]:
        return {}

    def has_commands(self) -> bool:
        return bool(self.world.commands)

    def read_commands(self) -> Sequence[str]:
        self._check()
        return list(self.world.commands)

    def drop_commands(self, count: int) -> None:
        self._check_write()
        del self.world.commands[:count]

    def capacities(self) -> Mapping[str, Capacity]:
        return {}

    def limits(self) -> Mapping[str, Load]:
        return {}

    def measured(self) -> Sequence[Measured]:
        return ()

    def is_powered_off(self, node: str) -> bool:
        return self.world.cut_power(node)

    def seize_lock(self, name: str) -> bool:
        self._check_write()
        self.world.locks.pop(name, None)
        return self.world.take_lock(name, self.node)

    def set_node(self, sid: str, node: str) -> None:
        self.staged.append((sid, {"node": node}))

    def set_requested(self, sid: str, requested: Requested) -> None:
        self.staged.append((sid, {"requested": requested}))

    def clear_lock(self, sid: str, kinds: Collection[str]) -> str | None:
        return None

    def write_groups_as_rules(self, rules: Sequence[Rule]) -> None:
        raise AssertionError("there are no groups here")

    def write_resources_without_groups(self, resources: Sequence[Resource]) -> None:
        raise AssertionError("there are no groups here")

    def delete_groups(self) -> None:
        raise AssertionError("there are no groups here")


class AgentSide(_Side):
    def publish(self, publication: Publication) -> None:
        self._check_write()
        self.world.publications[self.node] = publication
        self.world.forget_earlier_boot(self.node)

    def can_publish(self) -> bool:
        return bool(self.world.publications)

    def guests(self) -> jobs.Guests:
        return _Guests(self.world, self.node)

    def has_manager(self) -> bool:
        return not self.here.store_works or MANAGER_LOCK in self.world.locks

    def left_guests(self) -> bool:
        held = self.world.locks.get(agent_lock(self.node))
        return held is not None and held.owner == self.node and held.left_guests

    def has_left_watchdog(self) -> bool:
        return self.world.take_over_watchdog(self.process)

    def leave_watchdog(self) -> None:
        self.world.leave_watchdog(self.process)

    def begin(self, job: Job) -> None:
        """A guest counts as running from the begin of its start to the end of its stop."""
        boots, world = self.here.boots, self.world
        guests = self.guests()
        early = jobs.run(job, self.node, guests, self.tell) if job.state is ServiceState.STARTED else None

        def end() -> None:
            if self.here.boots == boots:
                code = jobs.run(job, self.node, guests, self.tell) if early is None else early
                self.process.ended_jobs.append((job, code))

        world.at(world.time_s + world.rng.uniform(0.5, 8) + self.here.slow_s, end)

    def finished(self) -> Sequence[tuple[Job, Code]]:
        ended, self.process.ended_jobs = self.process.ended_jobs, []
        return ended


class _Guests:
    def __init__(self, world: World, node: str) -> None:
        self.world = world
        self.node = node
        self.here = world.nodes[node]

    def home(self, sid: str) -> str | None:
        return self.world.view(self.node)[1][sid].node

    def is_running(self, sid: str) -> bool:
        return sid in self.here.running

    def start(self, sid: str) -> bool:
        self.world.place(sid, self.node)
        return True

    def stop(self, sid: str, timeout_s: int | None) -> bool:
        self.here.running.discard(sid)
        return True

    def has_arrived(self, sid: str, target: str) -> bool:
        return self.world.last_moves.get(sid) == (self.node, target) and self.home(sid) == target

    def can_arrive(self, target: str) -> bool:
        held = self.world.locks.get(agent_lock(target))
        said = self.world.publications.get(target)
        covered = held and held.owner == target and not held.left_guests and said and said.watched
        return bool(covered) or not self.world.is_online(target)

    def move(self, sid: str, how: Move, target: str) -> bool:
        """The process arrives and the configuration follows, both or neither; that needs the store and the target."""
        world = self.world
        if not (world.is_online(self.node) and self.here.store_works and world.is_online(target)):
            return False
        was_running = sid in self.here.running
        self.here.running.discard(sid)
        if was_running and how is Move.MIGRATE:
            world.place(sid, target)
        world.configure(sid, node=target)
        world.last_moves[sid] = (self.node, target)
        return True
