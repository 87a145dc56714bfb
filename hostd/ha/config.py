"""What administrators want of services: ``resources.cfg``, ``groups.cfg`` and the cluster's HA options.

Source: conformance area ``ha`` and the reference's API schema (``/cluster/ha/resources``, ``/cluster/ha/groups``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hostd.core.formats import sections
from hostd.core.formats.lists import split_list
from hostd.core.formats.sections import SectionFormat, SectionOption
from hostd.core.kinds import BOOLEAN
from hostd.core.schema import Kind
from hostd.ha.states import Method, Requested, Scheduler, ShutdownPolicy

_COUNT: Final = Kind(type="integer", minimum=0)
_GROUP: Final = Kind(format="pve-configid")
COMMENT: Final = SectionOption(kind=Kind(max_length=4096), doc="Free text.")
NODES: Final = Kind(type="list", format="pve-ha-node", typetext="<node>[:<pri>]{,<node>[:<pri>]}*")
STATES: Final = ("started", "stopped", "enabled", "disabled", "ignored")

RESOURCE_OPTIONS: Final[Mapping[str, SectionOption]] = {
    "comment": COMMENT,
    "failback": SectionOption(
        kind=BOOLEAN, default=1, doc="Go back to a node of higher priority as soon as there is one."
    ),
    "group": SectionOption(kind=_GROUP, doc="Group whose nodes it prefers (rules have taken the place of groups)."),
    "max_relocate": SectionOption(kind=_COUNT, default=1, doc="How many other nodes are tried when a start fails."),
    "max_restart": SectionOption(kind=_COUNT, default=1, doc="How often a failed start is tried again on its node."),
    "state": SectionOption(kind=Kind(enum=STATES), default="started", doc="What the manager is to make of it."),
}
RESOURCES: Final = SectionFormat.of_options(dict.fromkeys(("ct", "vm"), RESOURCE_OPTIONS))
GROUP_OPTIONS: Final[Mapping[str, SectionOption]] = {
    "comment": COMMENT,
    "nodes": SectionOption(kind=NODES, required=True, doc="Its nodes; those of the highest priority are preferred."),
    "nofailback": SectionOption(kind=BOOLEAN, default=0, doc="Stay where it is when a better node comes back."),
    "restricted": SectionOption(kind=BOOLEAN, default=0, doc="Never run on any other node."),
}
GROUPS: Final = SectionFormat.of_options({"group": GROUP_OPTIONS})


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
    """``hold_rounds`` rounds above ``threshold`` in a row start a move that must gain at least the part ``margin``.

    ``rest_s``: for so long a guest that was moved is not moved again. (Ours; the recorded behaviour knows no rest.)
    """

    enabled: bool = False
    method: Method = Method.BRUTEFORCE
    threshold: float = 0.3
    hold_rounds: int = 3
    margin: float = 0.1
    rest_s: float = 0.0


# What hosts take for ``rest_s``: a move costs a guest some of its speed, and loads need time to show what it brought.
REST_S: Final = 1800.0


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


def options_of(datacenter: Mapping[str, Any]) -> Options:
    """The HA options of ``datacenter.cfg`` as ``datacenter.parse`` gives them; percent become parts of 1."""
    scheduling = datacenter.get("crs", {})
    usual = AutoRebalance()

    def part(key: str, default: float) -> float:
        return float(scheduling[key]) / 100 if key in scheduling else default

    return Options(
        shutdown_policy=ShutdownPolicy(datacenter.get("ha", {}).get("shutdown_policy", "conditional")),
        scheduler=Scheduler(scheduling.get("ha", "basic")),
        rebalance_on_start=bool(scheduling.get("ha-rebalance-on-start")),
        auto_rebalance=AutoRebalance(
            enabled=bool(scheduling.get("ha-auto-rebalance")),
            method=Method(scheduling.get("ha-auto-rebalance-method", "bruteforce")),
            threshold=part("ha-auto-rebalance-threshold", usual.threshold),
            hold_rounds=int(scheduling.get("ha-auto-rebalance-hold-duration", usual.hold_rounds)),
            margin=part("ha-auto-rebalance-margin", usual.margin),
            rest_s=REST_S,
        ),
    )
