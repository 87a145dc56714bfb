"""One round of the HA manager by size: ``python3 benchmarks/ha.py``. A table on stdout; times are of this machine.

Three rounds are measured: nothing changes; a node was fenced, so that its services are recovered (by static load, the
most expensive choice); every service is started for the first time where there is room.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hostd.ha import manager
from hostd.ha.round import Memory
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


def measure(services: int, nodes: int) -> tuple[float, float, float]:
    """Seconds of: first starts, a round without changes, recovery of one node's services."""
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
    cluster.machines[f"node{nodes - 1:02}"].network = False
    memory = manager.step(memory, side)
    cluster.machines["node00"].clocks_s["crm"] += 1000
    step(memory)
    return seconds[0], seconds[1], seconds[2]


def main() -> None:
    print("| services | nodes | first starts | nothing changes | one node recovered |\n|---:|---:|---:|---:|---:|")
    for services, nodes in ((500, 32), (1000, 32), (2500, 32), (5000, 32), (5000, 8)):
        first, calm, recovery = measure(services, nodes)
        print(f"| {services} | {nodes} | {first * 1000:.0f} ms | {calm * 1000:.0f} ms | {recovery * 1000:.0f} ms |")


if __name__ == "__main__":
    main()
