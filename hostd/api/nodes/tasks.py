"""``/nodes/{node}/tasks``: lists, logs, status and stop."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.wrappers import Response

from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, array, endpoint, fields
from hostd.api.wire import Paged
from hostd.core.errors import Denied, Invalid, ParseError
from hostd.core.kinds import BOOLEAN, INTEGER, NODE, STRING, VMID
from hostd.core.schema import Kind, param
from hostd.tasks.archive import Archive, Entry
from hostd.tasks.log import UNEXPECTED, progress, read_lines
from hostd.tasks.upid import Upid

COUNT = Kind(type="integer", minimum=0)
STATUS_TYPES = Kind(type="list", format="pve-task-status-type", enum=("ok", "error", "warning", "unknown"))


@dataclass(frozen=True, kw_only=True)
class ListParams:
    """Which tasks to list."""

    node: str = param(NODE, doc="Cluster node.")
    start: int = param(COUNT, default=0, shown_default=0, doc="Skip this many.")
    limit: int = param(COUNT, default=50, shown_default=50, doc="List at most this many; 0 means all.")
    userfilter: str = param(STRING, default="", doc="Only tasks of users whose name holds this text.")
    typefilter: str = param(STRING, default="", doc="Only tasks of this type.")
    vmid: int | None = param(VMID, default=None, doc="Only tasks about this guest.")
    errors: bool = param(BOOLEAN, default=False, shown_default=0, doc="Only tasks that failed.")
    source: str = param(
        Kind(enum=("archive", "active", "all")), default="archive", shown_default="archive", doc="Where to look."
    )
    since: int | None = param(INTEGER, default=None, doc="Only tasks started at or after this time (epoch).")
    until: int | None = param(INTEGER, default=None, doc="Only tasks started at or before this time (epoch).")
    statusfilter: tuple[str, ...] = param(STATUS_TYPES, default=(), doc="Only these kinds of end.")


@dataclass(frozen=True, kw_only=True)
class TaskParams:
    """One task."""

    node: str = param(NODE, doc="Cluster node.")
    upid: str = param(STRING, doc="The task's id.")


@dataclass(frozen=True, kw_only=True)
class LogParams:
    """A page of a task's log."""

    node: str = param(NODE, doc="Cluster node.")
    upid: str = param(STRING, doc="The task's id.")
    start: int = param(COUNT, default=0, shown_default=0, doc="Skip this many lines.")
    limit: int = param(COUNT, default=50, shown_default=50, doc="At most this many lines; 0 means all.")
    download: bool = param(BOOLEAN, default=False, doc="The whole log as a text file; takes no page.")


def describe(entry: Entry) -> dict[str, object]:
    """A task as lists show it."""
    upid = entry.upid
    shown: dict[str, object] = {
        "upid": str(upid),
        "node": upid.node,
        "pid": upid.pid,
        "pstart": upid.pstart,
        "starttime": upid.starttime,
        "type": upid.type,
        "id": upid.id,
        "user": upid.user.partition("!")[0],
    }
    if "!" in upid.user:
        shown["tokenid"] = upid.user.partition("!")[2]
    if entry.endtime is not None:
        shown["endtime"] = entry.endtime
    if entry.status is not None:
        shown["status"] = entry.status
    return shown


def may_see(ctx: Context) -> Callable[[Upid], bool]:
    """Whether the caller may see a task: holders of Sys.Audit on its node, its user, and that user for its tokens."""
    auditor = functools.lru_cache(lambda node: ctx.may(f"/nodes/{node}", "Sys.Audit"))

    def see(upid: Upid) -> bool:
        return owns(ctx, upid) or auditor(upid.node)

    return see


def owns(ctx: Context, upid: Upid) -> bool:
    """A token owns what it started itself; a user also what its tokens started."""
    return ctx.user in (upid.user, upid.user.partition("!")[0])


def kind_of_end(status: str) -> str:
    """``ok``, ``warning``, ``error`` or ``unknown``, as ``statusfilter`` names them."""
    if status == "OK":
        return "ok"
    if status.startswith("WARNINGS"):
        return "warning"
    return "unknown" if status == UNEXPECTED else "error"


def wanted(entry: Entry, p: ListParams) -> bool:
    """Whether the filters let an entry pass."""
    upid, status = entry.upid, entry.status
    return (
        (not p.userfilter or p.userfilter.lower() in upid.user.lower())
        and (not p.typefilter or upid.type == p.typefilter)
        and (p.vmid is None or upid.id == str(p.vmid))
        and (p.since is None or upid.starttime >= p.since)
        and (p.until is None or upid.starttime <= p.until)
        and (not p.errors or (status is not None and kind_of_end(status) not in ("ok", "warning")))
        and (not p.statusfilter or (status is not None and kind_of_end(status) in p.statusfilter))
    )


def text_file(path: str, name: str) -> Response:
    """A text file for the browser to save."""
    with open(path, "rb") as file:
        response = Response(file.read(), content_type="text/plain;charset=UTF-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def find(ctx: Context, text: str) -> tuple[Upid, Entry]:
    """The task of a parameter, if it exists and the caller may see it."""
    try:
        upid = Upid.parse(text)
    except ParseError as err:
        raise Invalid({"upid": str(err)}) from err
    entry = Archive().status(upid)
    if entry is None:
        raise Invalid({"upid": "no such task"})
    if not may_see(ctx)(upid):
        raise Denied(f"Permission check failed (/nodes/{ctx.node}, Sys.Audit)")
    return upid, entry


@endpoint(
    "GET",
    "/nodes/{node}/tasks",
    params=ListParams,
    returns=array(
        fields(
            upid="string", node="string", pid="integer", pstart="integer", starttime="integer", type="string",
            id="string", user="string", endtime="integer?", status="string?",
        ),
        child="upid",
    ),
    allow=ALL,
    runs_on="node",
    checked_in_code=True,
)  # fmt: skip
def node_tasks(ctx: Context, p: ListParams) -> object:
    """Tasks of this node, newest first."""
    archive = Archive()
    running = archive.running() if p.source != "archive" else []
    ended = archive.ended() if p.source != "active" else iter(())
    see = may_see(ctx)
    found = [e for e in itertools.chain(running, ended) if wanted(e, p) and see(e.upid)]
    page = found[p.start : p.start + p.limit] if p.limit else found[p.start :]
    return Paged(data=[describe(e) | ({} if e.status else {"status": "RUNNING"}) for e in page], total=len(found))


@endpoint(
    "GET",
    "/nodes/{node}/tasks/{upid}",
    params=TaskParams,
    returns=array({}, child="name"),
    allow=ALL,
)
def upid_index(ctx: Context, p: TaskParams) -> object:
    """What can be asked about a task."""
    return [{"name": "log"}, {"name": "status"}]


@endpoint(
    "GET",
    "/nodes/{node}/tasks/{upid}/status",
    params=TaskParams,
    returns={
        "type": "object",
        "properties": fields(
            upid="string", node="string", pid="integer", pstart="integer", starttime="integer", type="string",
            id="string", user="string", status="string", exitstatus="string?",
        ),
    },
    allow=ALL,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)  # fmt: skip
def read_task_status(ctx: Context, p: TaskParams) -> object:
    """Whether a task still runs, and how it ended."""
    upid, entry = find(ctx, p.upid)
    shown = describe(Entry(upid=upid))
    if entry.status is None:
        done = progress(Archive().log_path(upid))
        return shown | {"status": "running"} | ({} if done is None else {"progress": done})
    return shown | {"status": "stopped", "exitstatus": entry.status}


@endpoint(
    "GET",
    "/nodes/{node}/tasks/{upid}/log",
    params=LogParams,
    returns=array(fields(n="integer", t="string")),
    allow=ALL,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
    downloads=True,
)
def read_task_log(ctx: Context, p: LogParams) -> object:
    """Lines of a task's log."""
    upid, _ = find(ctx, p.upid)
    if p.download:
        if p.start or p.limit != 50:
            raise Invalid({"download": "a download is the whole log; leave out start and limit"})
        return text_file(Archive().log_path(upid), f"task-{upid.node}-{upid.type}-{upid.starttime:X}.log")
    lines, total = read_lines(Archive().log_path(upid), start=p.start, limit=p.limit)
    return Paged(data=[{"n": number, "t": text} for number, text in lines], total=total)


@endpoint(
    "DELETE",
    "/nodes/{node}/tasks/{upid}",
    params=TaskParams,
    returns=NULL,
    allow=ALL,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def stop_task(ctx: Context, p: TaskParams) -> object:
    """Stop a running task."""
    upid, entry = find(ctx, p.upid)
    if not owns(ctx, upid) and not ctx.may(f"/nodes/{ctx.node}", "Sys.Modify"):
        raise Denied(f"Permission check failed (/nodes/{ctx.node}, Sys.Modify)")
    if entry.status is None:
        ctx.tasks.stop(str(upid))
    return None
