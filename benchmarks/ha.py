"""One round of the HA manager by size: ``python3 benchmarks/ha.py``. A table on stdout; times are of this machine.

Rounds that are measured: every service is started for the first time where there is room; nothing changes; a node was
fenced, so that its services are recovered (by static load, the most expensive choice); a move is looked for that
balances the load (all moves of all services are compared, by both methods).
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hostd.ha import manager
from hostd.ha.config import AutoRebalance
from hostd.ha.round import Memory
from hostd.ha.states import Method
from hostd.ha.status import Publication
from tests.simulation_ha.cluster import Cluster
from tests.simulation_ha.environments import ManagerSide
from tests.simulation_ha.hardware import Hardware


def cluster_of(services: int, nodes: int) -> Cluster:
    names = [f"node{number:02}" for number in range(nodes)]
    case = {
        "hardware": {name: {"power": "off", "network": "off"} for name in names},
        "services": {f"vm:{100 + n}": {"node": names[n % nodes], "state": "started"} for n in range(services)},
        "static_stats": {f"vm:{100 + n}": {"maxcpu": 1 + n % 4, "maxmem": (1 + n % 8) << 30} for n in range(services)},
        "rules": [
            {
                "id": f"apart{n}",
                "type": "resource-affinity",
                "resources": [f"vm:{100 + n}", f"vm:{101 + n}"],
                "affinity": "negative",
            }
            for n in range(0, services, 50)
        ],
        "datacenter": {"scheduler": "static", "rebalance_on_start": True},
    }
    cluster = Cluster(case, lambda event: None)
    hardware = Hardware(cluster)
    for name in names:
        hardware.run(f"power {name} on", "benchmark")
        cluster.publications[name] = Publication()
    return cluster


def measure(services: int, nodes: int) -> list[float]:
    """Seconds of: first starts, a round without changes, balancing by each method, recovery of one node's services."""
    cluster = cluster_of(services, nodes)
    side = ManagerSide(cluster, "node00")
    seconds = []

    def step(memory: Memory) -> Memory:
        start = time.perf_counter()
        result = manager.step(memory, side)
        seconds.append(time.perf_counter() - start)
        return result

    memory = step(manager.begin(cluster.status, side))
    for sid, service in memory.status.services.items():
        if service.target:
            cluster.publications["node00"] = Publication(
                results={**cluster.publications["node00"].results, service.job: 0}
            )
            side.set_node(sid, service.target)
    memory = manager.step(memory, side)
    memory = step(memory)
    usual = cluster.options  # a margin of all that there is to gain: looks, and moves nothing
    for method in (Method.BRUTEFORCE, Method.TOPSIS):
        wanted = AutoRebalance(
            enabled=True, method=method, threshold=0, hold_rounds=1, margin=1
        )  # looks, moves nothing
        cluster.options = replace(usual, auto_rebalance=wanted)
        memory = step(memory)
    cluster.options = usual
    cluster.machines[f"node{nodes - 1:02}"].network = False
    memory = manager.step(memory, side)
    cluster.machines["node00"].clocks_s["crm"] += 1000
    step(memory)
    return seconds


def main() -> None:
    heads = (
        "services",
        "nodes",
        "first starts",
        "nothing changes",
        "balanced, brute force",
        "balanced, topsis",
        "one node recovered",
    )
    print(f"| {' | '.join(heads)} |\n|{'---:|' * len(heads)}")
    for services, nodes in ((500, 32), (1000, 32), (2500, 32), (5000, 32), (5000, 8)):
        cells = [str(services), str(nodes), *(f"{seconds * 1000:.0f} ms" for seconds in measure(services, nodes))]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
