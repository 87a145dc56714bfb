"""``/cluster/tasks`` and ``/cluster/status``."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, Check, array, endpoint, fields
from hostd.api.nodes.tasks import describe
from hostd.tasks.archive import Archive

RECENT = 25


@dataclass(frozen=True, kw_only=True)
class NoParams:
    """No parameters."""


@endpoint("GET", "/cluster/tasks", params=NoParams, returns=array(fields(upid="string")), allow=ALL)
def tasks(ctx: Context, p: NoParams) -> object:
    """Recent and running tasks of all nodes, newest first."""
    archive = Archive()
    recent = itertools.islice(archive.ended(), RECENT)
    everything = ctx.may(f"/nodes/{ctx.node}", "Sys.Audit")
    shown = [describe(e) for e in [*archive.running(), *recent] if everything or e.upid.user == ctx.user]
    return sorted(shown, key=lambda task: int(str(task["starttime"])), reverse=True)


@endpoint(
    "GET",
    "/cluster/status",
    params=NoParams,
    returns=array(
        fields(id="string", name="string", type="string", online="boolean?", local="boolean?", nodeid="integer?")
    ),
    allow=Check("/", "Sys.Audit"),
)
def cluster_status(ctx: Context, p: NoParams) -> object:
    """The nodes of the cluster; a host that joined none is its own only node."""
    node = {
        "id": f"node/{ctx.node}",
        "name": ctx.node,
        "type": "node",
        "online": 1,
        "local": 1,
        "nodeid": 0,
        "level": "",
    }
    return [node]
