"""The world that daemons live in: machines, one store, locks, watchdogs. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hostd.ha import agent, crm
from hostd.ha.budget import LOCK_S, WATCHDOG_S
from hostd.ha.config import Group, Options, Resource
from hostd.ha.env import Capacity, Load
from hostd.ha.rules import Rule
from hostd.ha.status import ManagerStatus, Publication, from_wire
from tests.simulation_ha import casefile

Emit = Callable[[dict[str, Any]], None]


@dataclass
class Crm:
    """A process of the cluster resource manager."""

    now: crm.Crm


@dataclass
class Lrm:
    """A process of the agent. ``restarts``: another one follows when it ends."""

    now: agent.Agent
    restarts: bool = False


@dataclass
class Machine:
    """``clocks_s``: one for each kind of daemon; they go on where the last process left them."""

    name: str
    capacity: Capacity
    power: bool = False
    network: bool = False
    flag: str = ""
    store_works: bool = True
    update_works: bool = True
    crm: Crm | None = None
    lrm: Lrm | None = None
    running: set[str] = field(default_factory=set)
    clocks_s: dict[str, int] = field(default_factory=lambda: {"crm": 0, "lrm": 0})


@dataclass
class Lock:
    owner: str
    at_s: int


class Cluster:
    """``time_s``: the hardware's clock. ``emit`` takes every event as it will be printed."""

    def __init__(self, case: Mapping[str, Any], emit: Emit) -> None:
        self.emit = emit
        self.time_s = 0
        self.machines: dict[str, Machine] = {}
        for name, wire in sorted(case["hardware"].items()):
            power, network = wire.get("power") == "on", wire.get("network") == "on"
            self.machines[name] = Machine(name, casefile.capacity(wire), power=power, network=network)
        self.resources: dict[str, Resource] = {
            sid: casefile.resource(sid, wire) for sid, wire in sorted(case.get("services", {}).items())
        }
        self.limits: dict[str, Load] = {
            sid: casefile.load(wire, "maxcpu", "maxmem") for sid, wire in case.get("static_stats", {}).items()
        }
        self.uses: dict[str, Load] = {
            sid: casefile.load(wire, "cpu", "mem") for sid, wire in case.get("dynamic_stats", {}).items()
        }
        self.rules: list[Rule] = [casefile.rule(n, wire) for n, wire in enumerate(case.get("rules", ()), 1)]
        self.groups: dict[str, Group] = {wire["id"]: casefile.group(wire) for wire in case.get("groups", ())}
        self.options: Options = casefile.options(case.get("datacenter", {}))
        self.status: ManagerStatus = from_wire(case.get("manager_status", {}))
        self.publications: dict[str, Publication] = {}
        self.commands: list[str] = []
        self.guest_locks: dict[str, str] = {}
        self.locks: dict[str, Lock] = {}
        self.watchdogs: dict[tuple[str, str], int] = {}
        # Failed attempts of test services by sid and kind of attempt.
        self.attempts: dict[tuple[str, str], int] = {}

    # --- membership

    def is_reachable(self, node: str) -> bool:
        machine = self.machines[node]
        return machine.power and machine.network

    def is_quorate(self) -> bool:
        return sum(map(self.is_reachable, self.machines)) * 2 > len(self.machines)

    def is_online(self, node: str) -> bool:
        return self.is_quorate() and self.is_reachable(node)

    # --- locks

    def take_lock(self, name: str, owner: str, clock_s: int) -> bool | None:
        """True: newly taken, False: renewed, None: not got."""
        if not self.is_online(owner):
            return None
        held = self.locks.get(name)
        if held and clock_s - held.at_s <= LOCK_S:
            if held.owner != owner:
                return None
            held.at_s = clock_s
            return False
        self.locks[name] = Lock(owner, clock_s)
        return True

    def release_lock(self, name: str, owner: str, clock_s: int) -> None:
        held = self.locks.get(name)
        if self.is_online(owner) and held and held.owner == owner and clock_s - held.at_s <= LOCK_S:
            del self.locks[name]

    # --- watchdogs

    def expired_watchdog(self) -> str | None:
        """The node of a watchdog that was not fed for too long; it is removed."""
        for key in sorted(self.watchdogs):
            if self.time_s - self.watchdogs[key] > WATCHDOG_S:
                del self.watchdogs[key]
                return key[0]
        return None

    # --- telling

    def tell(self, by: str, event: str, **fields: Any) -> None:
        """An event of the hardware itself or of who acts on it."""
        self.emit({"t": self.time_s, "by": by, "event": event, **fields})

    def final(self) -> dict[str, Any]:
        """How everything stands."""
        services = {}
        for sid in sorted({*self.resources, *self.status.services}):
            resource, known = self.resources.get(sid), self.status.services.get(sid)
            services[sid] = {
                "configured": str(resource.requested) if resource else None,
                "node": resource.node if resource else None,
                "running_on": [name for name, machine in self.machines.items() if sid in machine.running],
                "manager_state": str(known.state) if known else None,
                "manager_node": known.node if known else None,
                **({"manager_target": known.target} if known and known.target else {}),
            }
        nodes = {}
        for name, machine in self.machines.items():
            view = self.status.nodes.get(name)
            nodes[name] = {
                "power": "on" if machine.power else "off",
                "network": "on" if machine.network else "off",
                "crm": str(machine.crm.now.state) if machine.crm else None,
                "lrm": str(machine.lrm.now.state) if machine.lrm else None,
                "view": str(view) if view else None,
            }
        return {"t": self.time_s, "by": "sim", "event": "final", "services": services, "nodes": nodes}
