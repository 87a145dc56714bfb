"""Which rules contradict each other, and are therefore left out. Every check looks at the complete set.

Source: conformance area ``ha``, section 9 (checks).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hostd.ha.rules import NodeRule, ResourceRule, Rule
from hostd.ha.states import Affinity


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """Why a rule does not count. ``sid``: the service about which two rules disagree, where it is one."""

    rule: str
    code: str
    sid: str | None = None


def sound(rules: Sequence[Rule], nodes: Sequence[str]) -> tuple[list[Rule], list[Dropped]]:
    """The rules without those that conflict, and each conflict found, sorted by rule (then in the order of checks)."""
    enabled = [rule for rule in rules if not rule.disabled]
    dropped = sorted(_conflicts(enabled, len(nodes)), key=lambda each: each.rule)
    gone = {each.rule for each in dropped}
    return [rule for rule in rules if rule.id not in gone], dropped


def connected(rules: Iterable[ResourceRule]) -> list[list[ResourceRule]]:
    """Rules that share services, as sets, by smallest service and id.

    One pass: a rule joins the first set with which it shares a service. Two sets that only a later rule connects
    stay two sets.
    """
    found: list[tuple[set[str], list[ResourceRule]]] = []
    for rule in sorted(rules, key=lambda rule: (min(rule.resources, default=""), rule.id)):
        for resources, members in found:
            if resources & rule.resources:
                resources |= rule.resources
                members.append(rule)
                break
        else:
            found.append((set(rule.resources), [rule]))
    return [members for _, members in found]


def _conflicts(rules: Sequence[Rule], nodes: int) -> Iterator[Dropped]:
    node_rules = sorted((rule for rule in rules if isinstance(rule, NodeRule)), key=lambda rule: rule.id)
    resource_rules = sorted((rule for rule in rules if isinstance(rule, ResourceRule)), key=lambda rule: rule.id)
    positive = connected(rule for rule in resource_rules if rule.affinity is Affinity.POSITIVE)
    negative = [rule for rule in resource_rules if rule.affinity is Affinity.NEGATIVE]
    yield from _shared_resources(node_rules)
    for rule in resource_rules:
        if len(rule.resources) < 2:
            yield Dropped(rule=rule.id, code="fewer_than_two_resources")
    for rule in negative:
        if len(rule.resources) > nodes:
            yield Dropped(rule=rule.id, code="more_resources_than_nodes")
    yield from _overlaps(positive, negative)
    yield from _priorities(node_rules, resource_rules)
    yield from _split(positive, node_rules)
    yield from _starved(negative, node_rules)


def _shared_resources(node_rules: Sequence[NodeRule]) -> Iterator[Dropped]:
    for sid in sorted({sid for rule in node_rules for sid in rule.resources}):
        users = [rule for rule in node_rules if sid in rule.resources]
        if len(users) > 1:
            for rule in users:
                yield Dropped(rule=rule.id, code="resource_in_other_node_affinity_rule", sid=sid)


def _overlaps(positive: Sequence[Sequence[ResourceRule]], negative: Sequence[ResourceRule]) -> Iterator[Dropped]:
    for together in positive:
        resources = frozenset[str]().union(*(rule.resources for rule in together))
        for apart in negative:
            if len(resources & apart.resources) >= 2:
                for rule in together:
                    yield Dropped(rule=rule.id, code="overlaps_negative_rule")
                yield Dropped(rule=apart.id, code="overlaps_positive_rule")


def _priorities(node_rules: Sequence[NodeRule], resource_rules: Sequence[ResourceRule]) -> Iterator[Dropped]:
    for rule in resource_rules:
        touched = _touching(rule.resources, node_rules)
        if any(len(set(node_rule.nodes.values())) > 1 for node_rule in touched):
            yield Dropped(rule=rule.id, code="node_affinity_has_multiple_priorities")
            for node_rule in touched:
                yield Dropped(rule=node_rule.id, code="multi_priority_with_resource_affinity")


def _split(positive: Sequence[Sequence[ResourceRule]], node_rules: Sequence[NodeRule]) -> Iterator[Dropped]:
    for together in positive:
        resources = frozenset[str]().union(*(rule.resources for rule in together))
        touched = _touching(resources, node_rules)
        if len(touched) > 1:
            for rule in together:
                yield Dropped(rule=rule.id, code="positive_spans_node_affinity_rules")
            for node_rule in touched:
                yield Dropped(rule=node_rule.id, code="node_affinity_splits_positive_rule")


def _starved(negative: Sequence[ResourceRule], node_rules: Sequence[NodeRule]) -> Iterator[Dropped]:
    strict = [rule for rule in node_rules if rule.strict]
    for rule in negative:
        touched = _touching(rule.resources, strict)
        restricted = {sid for node_rule in touched for sid in rule.resources & node_rule.resources}
        room = {node for node_rule in touched for node in node_rule.nodes}
        if len(restricted) > len(room):
            yield Dropped(rule=rule.id, code="negative_restricted_to_too_few_nodes")
            for node_rule in touched:
                yield Dropped(rule=node_rule.id, code="node_affinity_starves_negative_rule")


def _touching(resources: frozenset[str], node_rules: Sequence[NodeRule]) -> list[NodeRule]:
    return [rule for rule in node_rules if rule.resources & resources]
