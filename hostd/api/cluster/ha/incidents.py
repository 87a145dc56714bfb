"""``/cluster/ha/incidents``: what happened to nodes and services, and why what was decided (own addition)."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.cluster.ha.common import AUDIT
from hostd.api.context import Context
from hostd.api.endpoint import Schema, array, endpoint, fields
from hostd.api.nodes.params import NoParams
from hostd.core.schema import Kind, param
from hostd.ha import accounts, incidents, stored

_PATH = "/cluster/ha/incidents"
_ROW = fields(
    incident="string", about="string", subject="string", state="string", title="string", begun="integer",
    returned="integer?", closed="integer?", services="integer", pending="integer",
)  # fmt: skip
_LINES: Schema = {"type": "array", "items": {"type": "string"}}


@dataclass(frozen=True, kw_only=True)
class IncidentParams:
    """One incident."""

    incident: str = param(Kind(pattern="[A-Za-z0-9.-]{1,100}"), doc="Id of the incident.")


@endpoint("GET", _PATH, params=NoParams, returns=array(_ROW, child="incident"), allow=AUDIT)
def index(ctx: Context, p: NoParams) -> object:
    """Nodes that were lost and services that ended in error, the newest first (own addition).

    ``state``: ``recovering`` while services are not started again, ``open`` until the node is back, then ``closed``.
    """
    return [accounts.row(each) for each in reversed(stored.incidents(ctx.mirror))]


@endpoint(
    "GET",
    f"{_PATH}/{{incident}}",
    params=IncidentParams,
    returns={
        "type": "object",
        "properties": {
            **_ROW,
            "first": {"type": "string"},
            "summary": _LINES,
            "timeline": _LINES,
            "seen": {"type": "array", "items": {"type": "object"}},
        },
    },
    allow=AUDIT,
)
def read(ctx: Context, p: IncidentParams) -> object:
    """The account of one: the signal that failed first, what was seen, what was decided and why (own addition).

    ``seen``: the same for programs: time, node that saw it, what, of which node and service.
    """
    found = stored.incident(ctx.mirror, p.incident)
    told = accounts.account(found)
    lines = {"first": told.first, "summary": list(told.summary), "timeline": list(told.timeline)}
    return {**accounts.row(found), **lines, "seen": incidents.to_wire(found)["entries"]}
