"""Three nodes with real Corosync in namespaces: durable writes, and how long they stall when a node dies."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from benchmarks.storebench.places import fresh_data
from hostd.cluster.corosync import conf
from hostd.core.errors import Unavailable
from tests.lib.storenodes import StoreNode, stores, together

NODES = 3
WRITES = 500
SLACK_S = 1.0
TOKEN_S = (conf.TOKEN_MS + (NODES - 2) * conf.TOKEN_COEFFICIENT_MS) / 1000
CONSENSUS_S = 1.2 * TOKEN_S  # corosync.conf(5): what it is where it is not set
STALL_LIMIT_S = TOKEN_S + CONSENSUS_S + SLACK_S


@dataclass(frozen=True, kw_only=True)
class Members:
    """Seconds of each write acknowledged by a majority, and of the longest one around a node's death."""

    writes_s: list[float]
    stall_s: float


def writes(node: StoreNode, count: int = WRITES) -> list[float]:
    found = []
    with node.client() as store:
        for number in range(count):
            begin = time.perf_counter()
            store.write(f"bench{number % 20}", fresh_data())
            found.append(time.perf_counter() - begin)
    return found


def stall(survivor: StoreNode, victim: StoreNode) -> float:
    """Seconds during which no write was acknowledged when ``victim`` lost its power; it stays off."""
    with survivor.client(timeout_s=60) as store:
        store.write("stall", b"before")
        victim.node.power_off()
        last = time.monotonic()
        longest = 0.0
        until = last + 2 * STALL_LIMIT_S
        while time.monotonic() < until:
            try:
                store.write("stall", os.urandom(8))
            except Unavailable:  # the gate is closed, or an outcome is unknown
                time.sleep(0.01)
                continue
            now = time.monotonic()
            longest, last = max(longest, now - last), now
    return max(longest, time.monotonic() - last)


def measure() -> Members:
    with stores(NODES) as (_, nodes):
        together(nodes.values())
        writes(nodes[1], 50)
        return Members(writes_s=writes(nodes[1]), stall_s=stall(nodes[1], nodes[2]))
