"""Rules made ready for decisions: what follows from them is added, then each service's nodes and partners are known.

Source: conformance area ``ha``, section 9 (transforms, compiled).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hostd.ha.rulechecks import connected
from hostd.ha.rules import NodeRule, ResourceRule, Rule
from hostd.ha.states import Affinity

# The priority of nodes that a rule which is not strict does not name.
ELSEWHERE = -1
Partners = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """``nodes``: sid → node → priority. ``positive``, ``negative``: sid → its partners, sorted."""

    nodes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    positive: Partners = field(default_factory=dict)
    negative: Partners = field(default_factory=dict)


def complete(rules: Iterable[Rule]) -> list[Rule]:
    """Sound rules with what follows from them; disabled ones stay as they are and take part in nothing."""
    given = list(rules)
    disabled = [rule for rule in given if rule.disabled]
    node_rules = [rule for rule in given if isinstance(rule, NodeRule) and not rule.disabled]
    apart = _with(given, Affinity.NEGATIVE)
    together = [_merged(rules) for rules in connected(_with(given, Affinity.POSITIVE))]
    first = min((rule.order for rule in [*disabled, *node_rules, *apart, *together]), default=0)
    implied = _implied(together, _partners(apart), first + 1)
    widened = [_widened(rule, together) for rule in node_rules]
    return sorted([*disabled, *widened, *apart, *together, *implied], key=lambda rule: (rule.order, rule.id))


def _with(rules: Iterable[Rule], affinity: Affinity) -> list[ResourceRule]:
    enabled = (rule for rule in rules if isinstance(rule, ResourceRule) and not rule.disabled)
    return [rule for rule in enabled if rule.affinity is affinity]


def _merged(rules: Sequence[ResourceRule]) -> ResourceRule:
    if len(rules) == 1:
        return rules[0]
    resources = frozenset[str]().union(*(rule.resources for rule in rules))
    return replace(rules[0], id=f"_merged-{'-'.join(rule.id for rule in rules)}", resources=resources)


def _implied(together: Sequence[ResourceRule], apart: Partners, order: int) -> list[ResourceRule]:
    """Who stays with somebody avoids whom that one avoids."""
    found = {}
    for rule in together:
        avoided = sorted({other for sid in rule.resources for other in apart.get(sid, ())})
        for other in avoided:
            for sid in sorted(rule.resources):
                if other not in apart.get(sid, ()):
                    id = f"_implicit-negative-{rule.id}-{sid}-{other}"
                    pair = frozenset({sid, other})
                    found[id] = ResourceRule(id=id, order=order, resources=pair, affinity=Affinity.NEGATIVE)
    return list(found.values())


def _widened(rule: NodeRule, together: Sequence[ResourceRule]) -> NodeRule:
    touching = [positive.resources for positive in together if positive.resources & rule.resources]
    return replace(rule, resources=rule.resources.union(*touching))


def _partners(rules: Iterable[Rule]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for rule in rules:
        for sid in rule.resources:
            found.setdefault(sid, set()).update(rule.resources - {sid})
    return {sid: tuple(sorted(others)) for sid, others in sorted(found.items())}


def compiled(rules: Iterable[Rule], nodes: Sequence[str]) -> Compiled:
    """What complete rules mean for each service in a cluster of these ``nodes``."""
    enabled = [rule for rule in rules if not rule.disabled]
    priorities = {}
    for rule in enabled:
        if isinstance(rule, NodeRule):
            others = {} if rule.strict else dict.fromkeys(nodes, ELSEWHERE)
            by_node = dict(sorted({**others, **rule.nodes}.items()))
            priorities.update(dict.fromkeys(rule.resources, by_node))
    return Compiled(
        nodes=dict(sorted(priorities.items())),
        positive=_partners(_with(enabled, Affinity.POSITIVE)),
        negative=_partners(_with(enabled, Affinity.NEGATIVE)),
    )
