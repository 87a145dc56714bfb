"""Scenario files: what a cluster looks like at the beginning, and what happens to it.

Source: conformance area ``ha``, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hostd.ha.config import AutoRebalance, Group, Options, Resource
from hostd.ha.env import Capacity, Load
from hostd.ha.rules import NodeRule, ResourceRule, Rule
from hostd.ha.states import Affinity, Method, Requested, Scheduler, ShutdownPolicy

CPUS = 24.0
MEMORY_BYTES = 128 << 30
VERSION = "9.0.0~2"


def capacity(wire: Mapping[str, Any]) -> Capacity:
    return Capacity(
        cpus=float(wire.get("maxcpu", CPUS)),
        memory_bytes=int(wire.get("maxmem", MEMORY_BYTES)),
        version=str(wire.get("manager_version", VERSION)),
    )


def resource(sid: str, wire: Mapping[str, Any]) -> Resource:
    return Resource(
        sid=sid,
        node=wire["node"],
        requested=Requested(wire.get("state", "started")),
        max_restart=int(wire.get("max_restart", 1)),
        max_relocate=int(wire.get("max_relocate", 1)),
        failback=bool(wire.get("failback", True)),
        group=wire.get("group"),
    )


def rule(order: int, wire: Mapping[str, Any]) -> Rule:
    resources, disabled = frozenset(wire["resources"]), bool(wire.get("disabled"))
    if wire["type"] == "resource-affinity":
        affinity = Affinity(wire["affinity"])
        return ResourceRule(id=wire["id"], order=order, resources=resources, affinity=affinity, disabled=disabled)
    strict = bool(wire.get("strict"))
    nodes = wire["nodes"]
    return NodeRule(id=wire["id"], order=order, resources=resources, nodes=nodes, strict=strict, disabled=disabled)


def group(wire: Mapping[str, Any]) -> Group:
    restricted, nofailback = bool(wire.get("restricted")), bool(wire.get("nofailback"))
    return Group(id=wire["id"], nodes=wire["nodes"], restricted=restricted, nofailback=nofailback)


def options(wire: Mapping[str, Any]) -> Options:
    auto = wire.get("auto_rebalance", {})
    default = AutoRebalance()
    return Options(
        shutdown_policy=ShutdownPolicy(wire.get("shutdown_policy", "conditional")),
        scheduler=Scheduler(wire.get("scheduler", "basic")),
        rebalance_on_start=bool(wire.get("rebalance_on_start")),
        auto_rebalance=AutoRebalance(
            enabled=bool(auto.get("enabled")),
            method=Method(auto.get("method", default.method)),
            threshold=float(auto.get("threshold", default.threshold)),
            hold_rounds=int(auto.get("hold_duration", default.hold_rounds)),
            margin=float(auto.get("margin", default.margin)),
        ),
    )


def load(wire: Mapping[str, Any], cpus: str, memory: str) -> Load:
    return Load(cpus=float(wire.get(cpus, 0)), memory_bytes=float(wire.get(memory, 0)))
