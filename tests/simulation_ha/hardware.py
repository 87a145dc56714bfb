"""Commands on the cluster: power, network, store, users. Who runs one is told with it.

Source: conformance area ``ha``, section 5.3.
"""

from __future__ import annotations

from dataclasses import replace

from hostd.ha import agent, crm
from hostd.ha.config import Resource
from hostd.ha.env import Load
from hostd.ha.states import Requested, Shutdown
from tests.simulation_ha.cluster import Cluster, Crm, Lrm
from tests.simulation_ha.environments import AgentSide, ManagerSide

_MIB = 1 << 20


class Hardware:
    """``skipped``: rounds in which daemons of a kind do not run; ``resume_s``: no command before that time."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.skipped = {"crm": 0, "lrm": 0}
        self.resume_s = 0

    def run(self, command: str, by: str) -> None:
        """Raises ValueError for a command that is none."""
        self.cluster.tell(by, "exec", cmd=command)
        match command.split():
            case ["power", node, "on"]:
                self._power_on(node)
            case ["power", node, "off"]:
                self._power_off(node)
            case ["network", node, ("on" | "off") as state]:
                self.cluster.machines[node].network = state == "on"
            case ["cfs", node, "rw", ("work" | "fail") as state]:
                self.cluster.machines[node].store_works = state == "work"
            case ["cfs", node, "update", ("work" | "fail") as state]:
                self.cluster.machines[node].update_works = state == "work"
            case [("reboot" | "shutdown") as kind, node]:
                self.cluster.machines[node].flag = kind
                self._end_agent(node, Shutdown(kind))
            case ["restart-lrm", node]:
                self._end_agent(node, Shutdown.RESTART)
            case ["crm", node, *what]:
                self._crm(node, what)
            case ["pve-manager-version", node, "set", version]:
                machine = self.cluster.machines[node]
                machine.capacity = replace(machine.capacity, version=version)
            case ["service", sid, verb, *args]:
                self._service(sid, verb, args)
            case ["delay", seconds]:
                self.resume_s = self.cluster.time_s + int(seconds)
            case ["skip-round", ("crm" | "lrm") as kind, *rounds]:
                self.skipped[kind] = int(rounds[0]) if rounds else 1
            case _:
                raise ValueError(f"unknown command {command!r}")

    def start_crm(self, node: str) -> None:
        machine = self.cluster.machines[node]
        machine.crm = Crm(crm.start(ManagerSide(self.cluster, node)))

    def start_lrm(self, node: str) -> None:
        machine = self.cluster.machines[node]
        machine.lrm = Lrm(agent.start(AgentSide(self.cluster, node)))

    def _power_on(self, node: str) -> None:
        machine = self.cluster.machines[node]
        if not machine.power:
            machine.store_works = machine.update_works = True
            machine.power = True
            self.start_crm(node)
            self.start_lrm(node)
        machine.network = True
        machine.flag = ""

    def _power_off(self, node: str) -> None:
        machine = self.cluster.machines[node]
        if machine.power:
            for by, process in (("crm", machine.crm), ("lrm", machine.lrm)):
                if process:
                    self.cluster.emit({"t": machine.clocks_s[by], "on": node, "by": by, "event": "daemon_killed"})
            machine.crm = machine.lrm = None
            machine.running.clear()
            for key in [key for key in self.cluster.watchdogs if key[0] == node]:
                del self.cluster.watchdogs[key]
        machine.power = machine.network = False
        machine.flag = ""

    def _end_agent(self, node: str, kind: Shutdown) -> None:
        if lrm := self.cluster.machines[node].lrm:
            lrm.restarts = kind is Shutdown.RESTART and lrm.now.shutdown in (None, Shutdown.RESTART)
            lrm.now = agent.ask_to_end(lrm.now, AgentSide(self.cluster, node), kind)

    def _crm(self, node: str, what: list[str]) -> None:
        machine = self.cluster.machines[node]
        match what:
            case ["stop"]:
                if machine.crm:
                    machine.crm.now = crm.ask_to_end(machine.crm.now, ManagerSide(self.cluster, node))
            case ["start"]:
                if machine.crm is None:
                    self.start_crm(node)
            case [("enable-node-maintenance" | "disable-node-maintenance") as verb]:
                self.cluster.commands.append(f"{verb} {node}")
            case ["disarm-ha", mode]:
                self.cluster.commands.append(f"disarm-ha {mode}")
            case ["arm-ha"]:
                self.cluster.commands.append("arm-ha")
            case _:
                raise ValueError(f"unknown command 'crm {node} {' '.join(what)}'")

    def _service(self, sid: str, verb: str, args: list[str]) -> None:
        cluster = self.cluster
        match verb, args:
            case (("started" | "stopped" | "disabled" | "ignored"), []):
                self._configure(sid, requested=Requested(verb))
            case (("migrate" | "relocate" | "stop"), [what]):
                cluster.commands.append(f"{verb} {sid} {what}")
            case "add", [node, *rest]:
                requested = Requested(rest[0]) if rest else Requested.STARTED
                cluster.resources[sid] = Resource(sid=sid, node=node, requested=requested)
                if rest[1:] and int(rest[1]):
                    cluster.machines[node].running.add(sid)
            case "delete", []:
                cluster.resources.pop(sid, None)
            case "lock", names:
                cluster.guest_locks[sid] = names[0] if names else "backup"
            case "unlock", []:
                cluster.guest_locks.pop(sid, None)
            case "manual-migrate", [node]:
                self._configure(sid, node=node)
            case "set-static-stats", words:
                cluster.limits[sid] = _figures(cluster.limits.get(sid, Load()), words, "maxcpu", "maxmem")
            case "set-dynamic-stats", words:
                cluster.uses[sid] = _figures(cluster.uses.get(sid, Load()), words, "cpu", "mem")
            case _:
                raise ValueError(f"unknown command 'service {sid} {verb} {' '.join(args)}'")

    def _configure(self, sid: str, **changes: object) -> None:
        self.cluster.resources[sid] = replace(self.cluster.resources[sid], **changes)  # type: ignore[arg-type]


def _figures(load: Load, words: list[str], cpus: str, memory: str) -> Load:
    given = dict(zip(words[::2], words[1::2], strict=True))
    if cpus in given:
        load = replace(load, cpus=float(given[cpus]))
    if memory in given:
        load = replace(load, memory_bytes=float(given[memory]) * _MIB)
    return load
