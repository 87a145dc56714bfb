"""Answers to questions that need no simulation: rules, fence devices, bundles.

Source: conformance area ``ha``, sections 9 to 11.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hostd.ha import affinity, bundles, fencedevices, rulechecks, rules
from hostd.ha.rules import NodeRule, Rule
from hostd.ha.states import ServiceState


def of_rules(case: Mapping[str, Any]) -> dict[str, Any]:
    nodes = sorted(case["nodes"])
    sound, dropped = rulechecks.sound(rules.parse(case["config"]), nodes)
    complete = affinity.complete(sound)
    compiled = affinity.compiled(complete, nodes)
    return {
        "digest": hashlib.sha1(case["config"].encode(), usedforsecurity=False).hexdigest(),
        "dropped": [
            {"rule": each.rule, "property": "resources", "code": each.code, **({"sid": each.sid} if each.sid else {})}
            for each in dropped
        ],
        "rules": {rule.id: _rule(rule) for rule in complete},
        "compiled": {
            "node_affinity": compiled.nodes,
            "positive": compiled.positive,
            "negative": compiled.negative,
        },
    }


def _rule(rule: Rule) -> dict[str, Any]:
    common = {"resources": sorted(rule.resources), "disabled": rule.disabled, "order": rule.order}
    if isinstance(rule, NodeRule):
        return common | {"type": "node-affinity", "nodes": rule.nodes, "strict": rule.strict}
    return common | {"type": "resource-affinity", "affinity": str(rule.affinity)}


def of_fence(case: Mapping[str, Any]) -> dict[str, Any]:
    devices = fencedevices.parse(case["config"])
    errors = [
        {"line": each.line, "code": each.code, "device": each.device, **({"node": each.node} if each.node else {})}
        for each in devices.mistakes
    ]
    tries: list[dict[str, Any]] = []
    while not errors and (not tries or any(tries[-1]["commands"].values())):
        number = len(tries)
        calls = {
            node: [
                {"agent": command.agent, "args": list(command.args)}
                for command in fencedevices.commands(devices, node, number)
            ]
            for node in case["nodes"]
        }
        tries.append({"try": number, "commands": calls})
    return {"errors": errors, "tries": tries}


@dataclass(frozen=True, kw_only=True)
class _Placed:
    state: ServiceState
    node: str


def of_bundles(case: Mapping[str, Any]) -> dict[str, Any]:
    services = {sid: _Placed(state=ServiceState(s["state"]), node=s["node"]) for sid, s in case["services"].items()}
    return {"bundles": bundles.bundles(services, case["positive"])}
