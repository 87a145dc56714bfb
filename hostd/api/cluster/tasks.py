"""``/cluster/tasks``: what is going on and what was done lately, on all nodes."""

from __future__ import annotations

import itertools

from hostd.api.context import Context
from hostd.api.endpoint import ALL, array, endpoint, fields
from hostd.api.nodes.params import NoParams
from hostd.api.nodes.tasks import describe, may_see
from hostd.tasks.archive import Archive

RECENT = 25


@endpoint("GET", "/cluster/tasks", params=NoParams, returns=array(fields(upid="string")), allow=ALL)
def tasks(ctx: Context, p: NoParams) -> object:
    """Recent and running tasks of all nodes, newest first."""
    archive = Archive()
    see = may_see(ctx)
    running = [entry for entry in archive.running() if see(entry.upid)]
    recent = itertools.islice((entry for entry in archive.ended() if see(entry.upid)), RECENT)
    shown = [describe(e) for e in running] + [describe(e) | {"saved": "1"} for e in recent]
    return sorted(shown, key=lambda task: int(str(task["starttime"])), reverse=True)
