"""Rules of ``rules.cfg``: which nodes a service may or should use, which services go together or apart.

Source: conformance area ``ha``, section 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hostd.core.formats import sections
from hostd.core.formats.lists import split_list
from hostd.core.formats.sections import SectionFormat, SectionType
from hostd.ha.config import OPTIONAL, REQUIRED, Group, Resource, parse_nodes
from hostd.ha.states import Affinity

_PROPERTIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "resources": {"type": "string", "format": "pve-ha-resource-id-list"},
    "nodes": {"type": "string", "format": "pve-ha-node-list"},
    "strict": {"type": "boolean"},
    "affinity": {"type": "string", "enum": ["positive", "negative"]},
    "disable": {"type": "boolean"},
    "comment": {"type": "string"},
}


def _type(*required: str, optional: Sequence[str]) -> SectionType:
    return SectionType(options={**dict.fromkeys(required, REQUIRED), **dict.fromkeys(optional, OPTIONAL)})


FORM: Final = SectionFormat(
    common={"type": {"type": "string", "enum": ["node-affinity", "resource-affinity"]}, **_PROPERTIES},
    types={
        "node-affinity": _type("resources", "nodes", optional=("strict", "disable", "comment")),
        "resource-affinity": _type("resources", "affinity", optional=("disable", "comment")),
    },
)


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
