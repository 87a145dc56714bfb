"""A cluster in which every daemon keeps its own time, and in which things break at any moment.

Unlike in the recorded scenarios, answers of the store take time, jobs take time, an isolated node sees the store as it
was, locks age as ``hostd.cluster.leases`` counts it, and a watchdog belongs to a process: it bites when that process
hangs or is killed. What must hold is checked as it happens and told in ``broken``.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hostd.cluster.leases import MARGIN
from hostd.ha import agent, crm
from hostd.ha.budget import DEVICE_S, HANDOVER_S, LOCK_S, WATCHDOG_S, agent_lock
from hostd.ha.config import Options, Resource
from hostd.ha.env import Job
from hostd.ha.states import Code, ServiceState, Shutdown
from hostd.ha.status import ManagerStatus, Publication, Service

ROUND_S = 10.0
BOOT_S = 40.0
RESTART_S = 2.0
# A node may be reset this long after the last thing that went wrong with it: a watchdog that was not fed meanwhile.
AFTERMATH_S = WATCHDOG_S + DEVICE_S + 2 * ROUND_S


@dataclass
class Process:
    """A daemon's process. ``ended_jobs`` waits for the agent to ask."""

    kind: str
    node: str
    now: crm.Crm | agent.Agent
    ended_jobs: list[tuple[Job, Code]] = field(default_factory=list)
    asked_s: float | None = None
    answer: bool = False
    status: ManagerStatus | None = None


@dataclass
class Node:
    """``store_fails``: the part of calls that do.

    ``boots`` counts power cycles, so that what was under way before one is known to be gone.
    """

    name: str
    offset_s: float
    power: bool = True
    cable: bool = True
    store_works: bool = True
    store_fails: float = 0.0
    slow_s: float = 0.0
    frozen_until_s: float = 0.0
    stays_off: bool = False
    boots: int = 0
    daemons: dict[str, Process] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    since_s: float = 0.0
    seen: tuple[ManagerStatus, dict[str, Resource]] | None = None
    troubled_s: float = 0.0
    troubles: int = 0


@dataclass(frozen=True)
class Lock:
    """``left_guests``: given back while guests ran on; ``boots``: the owner's power cycles by then."""

    owner: str
    at_s: float
    boots: int
    left_guests: bool = False


class World:
    """``time_s`` is true time, which no daemon knows. ``broken``: the first thing that must not have happened."""

    def __init__(self, rng: random.Random, names: list[str], resources: dict[str, Resource]) -> None:
        self.rng = rng
        self.time_s = 0.0
        self.fence_devices = False
        # What planted mistakes change: how long a lock must stand, whether a device is believed before it has acted,
        # whether the watchdog forgets a process that was killed.
        self.lock_s = LOCK_S * (1 + MARGIN)
        self.believes_devices = False
        self.drops_handles = False
        self.broken = ""
        self.log: list[str] = []
        # Kept by ``change_membership``, outside of which neither power nor cables change.
        self.quorate = True
        self.nodes = {name: Node(name, rng.uniform(-1e6, 1e6)) for name in names}
        self.resources = resources
        self.options = Options()
        self.status = ManagerStatus()
        self.publications: dict[str, Publication] = {}
        self.commands: list[str] = []
        self.locks: dict[str, Lock] = {}
        self.watchdogs: dict[int, tuple[Process, float]] = {}
        self.left_watchdogs: dict[str, Process] = {}
        self.cutting: set[str] = set()
        # From where to where each guest moved last.
        self.last_moves: dict[str, tuple[str, str]] = {}
        self.resets = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._ids = itertools.count()
        for name in names:
            self._boot(name)

    # --- time

    def at(self, time_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time_s, next(self._ids), what))

    def run_until(self, end_s: float) -> None:
        """Let everything happen up to a time, or until something is broken."""
        while self._events and self._events[0][0] <= end_s and not self.broken:
            self.time_s, _, what = heapq.heappop(self._events)
            what()
        self.time_s = max(self.time_s, end_s)

    def note(self, text: str) -> None:
        self.log.append(f"{self.time_s:8.1f} {text}")

    def fail(self, text: str) -> None:
        self.note(f"BROKEN: {text}")
        self.broken = self.broken or text

    # --- membership

    def is_online(self, name: str) -> bool:
        node = self.nodes[name]
        return self.quorate and node.power and node.cable

    def change_membership(self, change: Callable[[], None]) -> None:
        """Nodes that leave keep the store as they saw it last; nodes that come back have to watch locks anew."""
        before = {name for name in self.nodes if self.is_online(name)}
        change()
        self.quorate = sum(node.power and node.cable for node in self.nodes.values()) * 2 > len(self.nodes)
        after = {name for name in self.nodes if self.is_online(name)}
        for name in before - after:
            self.nodes[name].seen = (self.status, self.resources)
        for name in after - before:
            self.nodes[name].since_s = self.time_s
            self.nodes[name].seen = None
        for name in (before ^ after) | (set(self.nodes) - after):
            self.nodes[name].troubled_s = self.time_s
        if not after:
            self.note("no quorum")

    def view(self, name: str) -> tuple[ManagerStatus, dict[str, Resource]]:
        return self.nodes[name].seen or (self.status, self.resources)

    # --- locks

    def take_lock(self, name: str, owner: str) -> bool:
        """Renew one's own, or take one that this node has seen stand for the whole time; no two clocks compared."""
        node = self.nodes[owner]
        if not self.is_online(owner) or not node.store_works:
            return False
        held = self.locks.get(name)
        stood_s = self.time_s - max(held.at_s, node.since_s) if held else 0.0
        if held and held.owner != owner and (held.left_guests or stood_s <= self.lock_s):
            return False
        self.locks[name] = Lock(owner, self.time_s, node.boots)
        return True

    def release_lock(self, name: str, owner: str, *, leaves_guests: bool = False) -> None:
        held = self.locks.get(name)
        if self.is_online(owner) and self.nodes[owner].store_works and held and held.owner == owner:
            del self.locks[name]
            if leaves_guests:
                self.locks[name] = replace(held, left_guests=True)

    def forget_earlier_boot(self, owner: str) -> None:
        """A node that booted since has no guests left: its agent says so with its first word."""
        held = self.locks.get(agent_lock(owner))
        if held and held.owner == owner and held.boots != self.nodes[owner].boots:
            del self.locks[agent_lock(owner)]

    # --- power

    def _boot(self, name: str) -> None:
        node = self.nodes[name]
        node.boots += 1

        def on() -> None:
            node.power = True

        self.change_membership(on)
        for kind in ("crm", "lrm"):
            self.start_daemon(name, kind)

    def power_off(self, name: str, *, boots_after_s: float | None) -> None:
        node = self.nodes[name]
        if not node.power:
            return

        def off() -> None:
            node.power = False

        self.change_membership(off)
        node.boots += 1
        node.daemons.clear()
        node.running.clear()
        node.frozen_until_s = 0.0
        self.watchdogs = {key: each for key, each in self.watchdogs.items() if each[0].node != name}
        if boots_after_s is not None and not node.stays_off:
            self.at(self.time_s + boots_after_s, lambda: None if node.power or node.stays_off else self._boot(name))

    def reset(self, name: str, why: str) -> None:
        """What a watchdog or a fence device does. It must have had a cause."""
        node = self.nodes[name]
        self.note(f"{name} is reset: {why}")
        self.resets += 1
        if not node.troubles and self.time_s - node.troubled_s > AFTERMATH_S:
            self.fail(f"{name} was well for {self.time_s - node.troubled_s:.0f} s and is reset: {why}")
        self.power_off(name, boots_after_s=BOOT_S)

    def cut_power(self, name: str) -> bool:
        """A fence device: it takes some seconds; True once the node is off."""
        if not self.fence_devices:
            return False
        if not self.nodes[name].power:
            return True
        if name not in self.cutting:
            self.cutting.add(name)

            def cut() -> None:
                self.cutting.discard(name)
                if self.nodes[name].power:
                    self.reset(name, "fence device")

            self.at(self.time_s + self.rng.uniform(2, 15), cut)
        return self.believes_devices

    # --- watchdogs

    def feed(self, process: Process) -> None:
        key = id(process)
        fresh = key not in self.watchdogs
        self.watchdogs[key] = (process, self.time_s)
        if fresh:
            self._check_later(key)

    def disarm(self, process: Process) -> None:
        self.watchdogs.pop(id(process), None)

    def leave_watchdog(self, process: Process) -> None:
        """It bites if no process of this node takes it over in time."""
        self.watchdogs[id(process)] = (process, self.time_s + HANDOVER_S - WATCHDOG_S)
        self.left_watchdogs[process.node] = process

    def take_over_watchdog(self, process: Process) -> bool:
        before = self.left_watchdogs.pop(process.node, None)
        if before is None or self.watchdogs.pop(id(before), None) is None:
            return False
        self.feed(process)
        return True

    def _check_later(self, key: int) -> None:
        process, fed_s = self.watchdogs[key]
        boots = self.nodes[process.node].boots

        def check() -> None:
            now = self.watchdogs.get(key)
            if now is None or now[0] is not process or self.nodes[process.node].boots != boots:
                return
            if now[1] > fed_s:
                self._check_later(key)
            else:
                self.reset(process.node, f"watchdog of {process.kind}")

        self.at(fed_s + WATCHDOG_S + self.rng.uniform(0, DEVICE_S), check)

    # --- daemons

    def start_daemon(self, name: str, kind: str) -> None:
        from tests.simulation_ha.worldenv import AgentSide, ManagerSide

        process = Process(kind, name, crm.Crm() if kind == "crm" else agent.Agent())
        side = ManagerSide(self, process) if kind == "crm" else AgentSide(self, process)
        process.now = crm.start(side) if isinstance(side, ManagerSide) else agent.start(side)
        self.nodes[name].daemons[kind] = process
        self.at(self.time_s + self.rng.uniform(0, ROUND_S), lambda: self._turn(process))

    def kill_daemon(self, name: str, kind: str) -> None:
        """Its watchdog stays armed, and nobody feeds it any more; another process follows."""
        node = self.nodes[name]
        process = node.daemons.pop(kind, None)
        if process is None:
            return
        if self.drops_handles:
            self.disarm(process)
        self._restart(name, kind)

    def end_agent(self, name: str) -> None:
        """An upgrade of the package: the agent is asked to end, and another process follows."""
        from tests.simulation_ha.worldenv import AgentSide

        process = self.nodes[name].daemons.get("lrm")
        if process and isinstance(process.now, agent.Agent):
            process.now = agent.ask_to_end(process.now, AgentSide(self, process), Shutdown.RESTART)

    def _restart(self, name: str, kind: str) -> None:
        boots = self.nodes[name].boots

        def again() -> None:
            if self.nodes[name].boots == boots and kind not in self.nodes[name].daemons:
                self.start_daemon(name, kind)

        self.at(self.time_s + RESTART_S, again)

    def _lives(self, process: Process) -> bool:
        return self.nodes[process.node].daemons.get(process.kind) is process

    def _turn(self, process: Process) -> None:
        """One iteration, in two parts where the store is slow: the question is asked, later the answer comes."""
        from tests.simulation_ha.worldenv import lock_of

        node = self.nodes[process.node]
        if not self._lives(process):
            return
        if node.frozen_until_s > self.time_s:
            self.at(node.frozen_until_s, lambda: self._turn(process))
        elif node.slow_s:
            process.status = self.view(process.node)[0]
            process.asked_s = self.time_s
            process.answer = self._wants_lock(process) and self.take_lock(lock_of(process), process.node)
            self.at(self.time_s + node.slow_s * self.rng.uniform(0.5, 1.5), lambda: self._step(process))
        else:
            self._step(process)

    def _wants_lock(self, process: Process) -> bool:
        """Ask ahead only for what is held already: whether to ask for more is for the daemon to decide."""
        held = self.locks.get("ha_manager_lock" if process.kind == "crm" else f"ha_agent_{process.node}_lock")
        return held is not None and held.owner == process.node and not held.left_guests

    def _step(self, process: Process) -> None:
        from tests.simulation_ha.worldenv import AgentSide, ManagerSide

        if not self._lives(process):
            return
        if self.nodes[process.node].frozen_until_s > self.time_s:
            self.at(self.nodes[process.node].frozen_until_s, lambda: self._step(process))
            return
        if isinstance(process.now, crm.Crm):
            process.now = crm.step(process.now, ManagerSide(self, process))
        else:
            process.now = agent.step(process.now, AgentSide(self, process))
        process.asked_s = process.status = None
        if process.now.ended:
            del self.nodes[process.node].daemons[process.kind]
            self._restart(process.node, process.kind)
        else:
            self.at(self.time_s + ROUND_S * self.rng.uniform(0.9, 1.1), lambda: self._turn(process))

    # --- guests

    def place(self, sid: str, name: str) -> None:
        """A guest runs on a node from now on; nowhere else, or everything else is in vain."""
        for other in self.nodes.values():
            if other.name != name and sid in other.running:
                self.fail(f"{sid} is started on {name} while it runs on {other.name}")
        self.note(f"{sid} runs on {name}")
        self.nodes[name].running.add(sid)

    def configure(self, sid: str, **changes: object) -> None:
        """Views of nodes that left hold on to the old table."""
        changed = replace(self.resources[sid], **changes)  # type: ignore[arg-type]
        self.resources = {**self.resources, sid: changed}

    def settled(self) -> bool:
        """Every service that can runs, where the manager says.

        A service that was frozen for its agent's restart waits for that node, also when it never comes back; so does
        one that was left uncovered by it. Without a fence device nobody can know that it does not run there.
        """
        return all(self._is_settled(self.status.services.get(sid), sid) for sid in self.resources)

    def _is_settled(self, service: Service | None, sid: str) -> bool:
        if service is None:
            return False
        if self.nodes[service.node].stays_off:
            held = self.locks.get(agent_lock(service.node))
            uncovered = service.state is ServiceState.FENCE and held and held.left_guests
            return service.state is ServiceState.FREEZE or bool(uncovered)
        return service.state is ServiceState.STARTED and sid in self.nodes[service.node].running
