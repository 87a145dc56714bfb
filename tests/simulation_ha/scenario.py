"""A scenario from its first to its last round: daemons take turns, commands come in between.

Source: conformance area ``ha``, sections 5.1 and 5.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hostd.ha import agent, crm
from tests.simulation_ha.cluster import Cluster, Emit
from tests.simulation_ha.environments import AgentSide, ManagerSide
from tests.simulation_ha.hardware import Hardware

_SHORTEST_S = 20
_ROUNDS_BETWEEN_COMMANDS = 5
_AFTER_LAST_COMMAND_S = 500


class Scenario:
    """``watch`` is called after each round with the cluster as it is then."""

    def __init__(
        self, case: Mapping[str, Any], emit: Emit, watch: Callable[[Cluster], None] = lambda cluster: None
    ) -> None:
        self.emit = emit
        self.watch = watch
        self.commands: list[list[str]] = [list(each) for each in case.get("commands", ())]
        self.cluster = Cluster(case, emit)
        self.hardware = Hardware(self.cluster)
        self.length_s = max(_SHORTEST_S, 2 * len(self.cluster.machines))

    def run(self) -> None:
        cluster = self.cluster
        cluster.tell("sim", "sim_start")
        counter, last_s = 0, 0
        while True:
            self.round()
            self.watch(cluster)
            if cluster.time_s < self.hardware.resume_s:
                continue
            if counter % _ROUNDS_BETWEEN_COMMANDS == 0:
                if self.commands:
                    for command in self.commands.pop(0):
                        self.hardware.run(command, "cmdlist")
                        last_s = cluster.time_s
                elif cluster.time_s - last_s > _AFTER_LAST_COMMAND_S:
                    break
            counter += 1
        cluster.tell("sim", "sim_end")
        self.emit(cluster.final())

    def round(self) -> None:
        """Every daemon once, node by node."""
        cluster, skipped = self.cluster, self.hardware.skipped
        begin_s = cluster.time_s
        for place, machine in enumerate(cluster.machines.values()):
            for kind, turn in (("crm", self._crm), ("lrm", self._lrm)):
                process = machine.crm if kind == "crm" else machine.lrm
                if process is None:
                    continue
                if not skipped[kind]:
                    turn(machine.name)
                elif place == 0:
                    cluster.tell("runloop", "round_skipped", what=kind)
            while node := cluster.expired_watchdog():
                self.hardware.run(f"power {node} off", "watchdog")
                cluster.tell("sim", "watchdog_poweroff", node=node)
        for kind in skipped:
            skipped[kind] = max(0, skipped[kind] - 1)
        cluster.time_s = max(cluster.time_s, begin_s + self.length_s)
        for machine in cluster.machines.values():
            machine.clocks_s = {"crm": cluster.time_s, "lrm": cluster.time_s}

    def _crm(self, node: str) -> None:
        machine, cluster = self.cluster.machines[node], self.cluster
        process = machine.crm
        if process is None:
            return
        machine.clocks_s["crm"] = cluster.time_s
        process.now = crm.step(process.now, ManagerSide(cluster, node))
        machine.clocks_s["crm"] += 1
        cluster.time_s = max(cluster.time_s, machine.clocks_s["crm"])
        if not process.now.ended:
            return
        cluster.emit({"t": machine.clocks_s["crm"], "on": node, "by": "crm", "event": "daemon_exit"})
        machine.crm = None
        flag = machine.flag
        if flag in ("reboot", "shutdown"):
            self.hardware.run(f"power {node} off", flag)
        if flag == "reboot":
            self.hardware.run(f"power {node} on", flag)

    def _lrm(self, node: str) -> None:
        machine, cluster = self.cluster.machines[node], self.cluster
        process = machine.lrm
        if process is None:
            return
        machine.clocks_s["lrm"] = cluster.time_s
        process.now = agent.step(process.now, AgentSide(cluster, node))
        machine.clocks_s["lrm"] += 1
        cluster.time_s = max(cluster.time_s, machine.clocks_s["lrm"])
        if not process.now.ended:
            return
        cluster.emit({"t": machine.clocks_s["lrm"], "on": node, "by": "lrm", "event": "daemon_exit"})
        machine.lrm = None
        if process.restarts:
            self.hardware.start_lrm(node)
        elif machine.flag:
            self.hardware.run(f"crm {node} stop", machine.flag)
