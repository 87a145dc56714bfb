"""Rules of ``rules.cfg``: which nodes a service may or should use, which services go together or apart.

Source: conformance area ``ha``, section 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hostd.core.formats import sections
from hostd.core.formats.lists import split_list
from hostd.core.formats.sections import SectionFormat, SectionOption
from hostd.core.kinds import BOOLEAN
from hostd.core.schema import Kind
from hostd.ha.config import COMMENT, NODES, Group, Resource, parse_nodes
from hostd.ha.states import Affinity

_RESOURCES: Final = Kind(type="list", format="pve-ha-resource-id", typetext="<type>:<name>{,<type>:<name>}*")
_COMMON: Final[Mapping[str, SectionOption]] = {
    "comment": COMMENT,
    "disable": SectionOption(kind=BOOLEAN, doc="The rule does not count."),
    "resources": SectionOption(kind=_RESOURCES, required=True, doc="The services that it is about."),
}
OPTIONS: Final[Mapping[str, Mapping[str, SectionOption]]] = {
    "node-affinity": {
        **_COMMON,
        "nodes": SectionOption(kind=NODES, required=True, doc="Nodes; those of the highest priority are preferred."),
        "strict": SectionOption(kind=BOOLEAN, default=0, doc="They may run on no other node."),
    },
    "resource-affinity": {
        **_COMMON,
        "affinity": SectionOption(
            kind=Kind(enum=("positive", "negative")),
            required=True,
            doc="All on one node, or each on a node of its own.",
        ),
    },
}
FORM: Final = SectionFormat.of_options(OPTIONS)


@dataclass(frozen=True, kw_only=True)
class NodeRule:
    """Services prefer (``strict``: need) these nodes, those of the highest priority first."""

    id: str
    order: int
    resources: frozenset[str]
    nodes: Mapping[str, int]
    strict: bool = False
    disabled: bool = False


@dataclass(frozen=True, kw_only=True)
class ResourceRule:
    """Services stay on one node (positive), or each on a node of its own (negative)."""

    id: str
    order: int
    resources: frozenset[str]
    affinity: Affinity
    disabled: bool = False


Rule = NodeRule | ResourceRule


def parse(text: str) -> list[Rule]:
    """Rules in the order of the file; ``order`` counts from 1. A rule without its required options is left out."""
    found = sections.parse(text, FORM)
    return [_rule(id, found.order[id], values) for id, values in found.ids.items() if values is not None]


def _rule(id: str, order: int, values: Mapping[str, Any]) -> Rule:
    resources = frozenset(split_list(values["resources"]))
    disabled = bool(values.get("disable"))
    if values["type"] == "node-affinity":
        nodes = parse_nodes(values["nodes"])
        strict = bool(values.get("strict"))
        return NodeRule(id=id, order=order, resources=resources, nodes=nodes, strict=strict, disabled=disabled)
    affinity = Affinity(values["affinity"])
    return ResourceRule(id=id, order=order, resources=resources, affinity=affinity, disabled=disabled)


def of_groups(groups: Mapping[str, Group], resources: Iterable[Resource], after: int) -> list[Rule]:
    """Legacy groups as rules, those that services use, numbered from ``after`` + 1."""
    members: dict[str, set[str]] = {}
    for resource in resources:
        if resource.group and resource.group in groups:
            members.setdefault(resource.group, set()).add(resource.sid)
    return [
        NodeRule(
            id=f"ha-group-{id}",
            order=after + place,
            resources=frozenset(members[id]),
            nodes=groups[id].nodes,
            strict=groups[id].restricted,
        )
        for place, id in enumerate(sorted(members), 1)
    ]


def format(rules: Iterable[Rule]) -> str:
    """The text of ``rules.cfg``, by order."""
    ordered = sorted(rules, key=lambda rule: rule.order)
    ids = {rule.id: _values(rule) for rule in ordered}
    order = {rule.id: place for place, rule in enumerate(ordered, 1)}
    return sections.format(sections.Sections(ids=ids, order=order), FORM)


def _values(rule: Rule) -> dict[str, Any]:
    values: dict[str, Any] = {"resources": ",".join(sorted(rule.resources)), "disable": int(rule.disabled)}
    if isinstance(rule, ResourceRule):
        return values | {"type": "resource-affinity", "affinity": str(rule.affinity)}
    nodes = ",".join(f"{node}:{priority}" if priority else node for node, priority in sorted(rule.nodes.items()))
    return values | {"type": "node-affinity", "nodes": nodes, "strict": int(rule.strict)}
