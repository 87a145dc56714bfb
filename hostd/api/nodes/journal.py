"""``/nodes/{node}/journal`` and ``/syslog``: the system's journal."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import Check, array, endpoint, fields
from hostd.api.nodes.params import NodeParams
from hostd.api.wire import Paged
from hostd.core.errors import Invalid
from hostd.core.kinds import BOOLEAN, STRING
from hostd.core.schema import Kind, param
from hostd.node import journal
from hostd.node.journal import Query

COUNT = Kind(type="integer", minimum=0)
MOMENT = Kind(pattern=r"^\d{4}-\d{2}-\d{2}( \d{2}:\d{2}(:\d{2})?)?$")
PATTERN = Kind(max_length=128, pattern=r"^[A-Za-z0-9_.@:*?!\[\]\/-]+$")
UNIT = Kind(max_length=256, pattern=r"^[A-Za-z0-9_.@:-]+$")
PRIORITY = Kind(pattern=r"^([0-7](\.\.[0-7])?)?$")
LOG = Check("/nodes/{node}", "Sys.Syslog")


@dataclass(frozen=True, kw_only=True)
class SyslogParams(NodeParams):
    """A page of the log."""

    start: int = param(COUNT, default=0, doc="Skip this many lines.")
    limit: int = param(COUNT, default=50, doc="At most this many lines.")
    since: str = param(MOMENT, default="", doc="Only lines since this time of the node's zone.")
    until: str = param(MOMENT, default="", doc="Only lines until this time of the node's zone.")
    service: str = param(Kind(max_length=128), default="", doc="Only lines of this service.")


@dataclass(frozen=True, kw_only=True)
class JournalParams(NodeParams):
    """Which entries."""

    since: int | None = param(COUNT, default=None, doc="Only entries since this time (epoch).")
    until: int | None = param(COUNT, default=None, doc="Only entries until this time (epoch).")
    lastentries: int | None = param(COUNT, default=None, doc="Only so many entries, the newest.")
    startcursor: str = param(STRING, default="", doc="Only entries after this cursor.")
    endcursor: str = param(STRING, default="", doc="Only entries before this cursor.")
    service: str = param(PATTERN, default="", doc="Only entries of units with this name or pattern.")
    unit: str = param(UNIT, default="", doc="Only entries of this unit.")
    priority: str = param(PRIORITY, default="", doc="Only entries of this priority or range of them, as 3..5.")
    kernel: bool = param(BOOLEAN, default=False, shown_default=0, doc="Only what the kernel said.")
    structured: bool = param(BOOLEAN, default=False, shown_default=0, doc="Entries as objects, not as lines.")
    units: bool = param(BOOLEAN, default=False, shown_default=0, doc="List the units that the journal knows instead.")
    identifiers: bool = param(
        BOOLEAN, default=False, shown_default=0, doc="List the identifiers that the journal knows instead."
    )


@endpoint(
    "GET",
    "/nodes/{node}/syslog",
    params=SyslogParams,
    returns=array(fields(n="integer", t="string")),
    allow=LOG,
    runs_on="node",
    privileged=True,
    slow=True,
)
def syslog(ctx: Context, p: SyslogParams) -> object:
    """Lines of the log, numbered from the oldest one."""
    if p.service.startswith("-") or "\n" in p.service:
        raise Invalid({"service": f"value '{p.service}' is no name of a service"})
    lines = journal.read(ctx.run, Query(since=p.since, until=p.until, service=p.service))
    page = lines[p.start : p.start + p.limit] if p.limit else lines[p.start :]
    data: list[object] = [{"n": number, "t": journal.shown(line)} for number, line in enumerate(page, p.start + 1)]
    return Paged(data=data or [{"n": 1, "t": "no content"}], total=max(len(lines), 1))


@endpoint(
    "GET",
    "/nodes/{node}/journal",
    params=JournalParams,
    returns={"type": "array", "items": {"type": "string"}},
    allow=LOG,
    runs_on="node",
    privileged=True,
    slow=True,
)
def read_journal(ctx: Context, p: JournalParams) -> object:
    """Entries of the journal as lines, between two cursors by which to read on."""
    if p.units or p.identifiers:
        return journal.values(ctx.run, "_SYSTEMD_UNIT" if p.units else "SYSLOG_IDENTIFIER")
    query = Query(
        since=journal.epoch(p.since), until=journal.epoch(p.until), start_cursor=p.startcursor,
        end_cursor=p.endcursor, last=p.lastentries or 0, service=p.unit or p.service, priority=p.priority,
        kernel=p.kernel,
    )  # fmt: skip
    lines = journal.read(ctx.run, query)
    if p.structured:
        return [journal.structured(line) for line in lines]
    return journal.with_cursors(lines, [journal.shown(line) for line in lines], query)
