"""``/cluster/tasks``: what is going on and what was done lately, on all nodes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from hostd.api.context import Context
from hostd.api.endpoint import ALL, array, endpoint, fields
from hostd.api.nodes.params import NoParams
from hostd.api.nodes.tasks import describe, may_see
from hostd.tasks import shared
from hostd.tasks.archive import Archive, Entry

RECENT = 25


def _others(ctx: Context) -> Iterator[Entry]:
    """What the other nodes that are there have told of theirs, as many of each as of this one."""
    for node, value in ctx.mirror.shared(shared.TASKS).items():
        if node != ctx.node:
            entries = shared.tasks_from_wire(value.data)
            yield from (entry for entry in entries if entry.endtime is None)
            yield from itertools.islice((entry for entry in entries if entry.endtime is not None), RECENT)


@endpoint("GET", "/cluster/tasks", params=NoParams, returns=array(fields(upid="string")), allow=ALL)
def tasks(ctx: Context, p: NoParams) -> object:
    """Recent and running tasks of all nodes, newest first."""
    archive = Archive()
    see = may_see(ctx)
    told = [entry for entry in _others(ctx) if see(entry.upid)]
    running = [entry for entry in archive.running() if see(entry.upid)] + [e for e in told if e.endtime is None]
    recent = [*itertools.islice((entry for entry in archive.ended() if see(entry.upid)), RECENT)]
    recent += [entry for entry in told if entry.endtime is not None]
    shown = [describe(e) for e in running] + [describe(e) | {"saved": "1"} for e in recent]
    return sorted(shown, key=lambda task: int(str(task["starttime"])), reverse=True)
