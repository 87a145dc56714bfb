"""What administrators want of services: ``resources.cfg``, ``groups.cfg`` and the cluster's HA options.

Source: conformance area ``ha`` and the reference's API schema (``/cluster/ha/resources``, ``/cluster/ha/groups``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hostd.core.formats import sections
from hostd.core.formats.lists import split_list
from hostd.core.formats.sections import SectionFormat, SectionType
from hostd.ha.states import Method, Requested, Scheduler, ShutdownPolicy

Schema = Mapping[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
OPTIONAL: Final[Mapping[str, Any]] = {"optional": 1}
REQUIRED: Final[Mapping[str, Any]] = {}

_RESOURCE: Final[Mapping[str, Schema]] = {
    "state": {"type": "string", "enum": ["started", "stopped", "enabled", "disabled", "ignored"]},
    "group": {"type": "string", "format": "pve-configid"},
    "max_restart": _COUNT,
    "max_relocate": _COUNT,
    "failback": _FLAG,
    "comment": _TEXT,
}
RESOURCES: Final = SectionFormat(
    common={"type": {"type": "string", "enum": ["ct", "vm"]}, **_RESOURCE},
    types={type: SectionType(options=dict.fromkeys(_RESOURCE, OPTIONAL)) for type in ("ct", "vm")},
)
_GROUP: Final[Mapping[str, Schema]] = {
    "nodes": {"type": "string", "format": "pve-ha-node-list"},
    "restricted": _FLAG,
    "nofailback": _FLAG,
    "comment": _TEXT,
}
GROUPS: Final = SectionFormat(
    common={"type": {"type": "string", "enum": ["group"]}, **_GROUP},
    types={"group": SectionType(options={key: REQUIRED if key == "nodes" else OPTIONAL for key in _GROUP})},
)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A service as configured. ``node``: where its guest's configuration lies, None if there is no such guest."""

    sid: str
    node: str | None
    requested: Requested = Requested.STARTED
    max_restart: int = 1
    max_relocate: int = 1
    failback: bool = True
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class Group:
    """Legacy: nodes with priorities for the services that name it."""

    id: str
    nodes: Mapping[str, int]
    restricted: bool = False
    nofailback: bool = False


@dataclass(frozen=True, kw_only=True)
class AutoRebalance:
    """``hold_rounds`` rounds above ``threshold`` in a row start a move that must gain at least the part ``margin``."""

    enabled: bool = False
    method: Method = Method.BRUTEFORCE
    threshold: float = 0.3
    hold_rounds: int = 3
    margin: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Options:
    """The cluster's HA options (``ha`` and ``crs`` of ``datacenter.cfg``)."""

    shutdown_policy: ShutdownPolicy = ShutdownPolicy.CONDITIONAL
    scheduler: Scheduler = Scheduler.BASIC
    rebalance_on_start: bool = False
    auto_rebalance: AutoRebalance = AutoRebalance()


def parse_resources(text: str, homes: Mapping[str, str]) -> dict[str, Resource]:
    """Services by sid, sorted. ``homes``: the node of each guest by its id. What is not readable has its default."""
    found = {}
    for block in sections.parse(text, RESOURCES).ids.items():
        name, values = block
        if values is None:
            continue
        requested = str(values.get("state", "started"))
        sid = f"{values['type']}:{name}"
        found[sid] = Resource(
            sid=sid,
            node=homes.get(name),
            requested=Requested.STARTED if requested == "enabled" else Requested(requested),
            max_restart=int(values.get("max_restart", 1)),
            max_relocate=int(values.get("max_relocate", 1)),
            failback=bool(values.get("failback", True)),
            group=values.get("group"),
        )
    return dict(sorted(found.items()))


def parse_groups(text: str) -> dict[str, Group]:
    """Groups by id, sorted; one without nodes is left out."""
    return {
        id: Group(
            id=id,
            nodes=parse_nodes(values["nodes"]),
            restricted=bool(values.get("restricted")),
            nofailback=bool(values.get("nofailback")),
        )
        for id, values in sorted(sections.parse(text, GROUPS).ids.items())
        if values is not None
    }


def parse_nodes(text: str) -> dict[str, int]:
    """Priority by node of ``name[:priority]`` separated by commas; 0 where none is given."""
    pairs = (part.partition(":") for part in split_list(text))
    return {node: int(priority or 0) for node, _, priority in pairs}
