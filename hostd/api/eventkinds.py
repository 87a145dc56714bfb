"""Events that listeners are told, and who may see them: of tasks, of guests, of files of the tree. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from hostd.cluster.store import Change
from hostd.guests.config import parse_path
from hostd.tasks.archive import Entry

# Path in the tree → kind of event, ACL path, privilege. What is not named here is told to nobody.
FILES: Final = (
    (re.compile(r"storage\.cfg\Z"), "storage", "/storage", "Datastore.Audit"),
    (re.compile(r"user\.cfg\Z"), "access", "/access", "Sys.Audit"),
    (re.compile(r"domains\.cfg\Z"), "access", "/access", "Sys.Audit"),
    (re.compile(r"datacenter\.cfg\Z"), "cluster", "/", "Sys.Audit"),
    (re.compile(r"nodes/([^/]+)/config\Z"), "node", "/nodes/{0}", "Sys.Audit"),
)


@dataclass(frozen=True, kw_only=True)
class Event:
    """``path`` and ``privilege`` say who may see it; ``owner``: a user who may see it in any case."""

    kind: str
    data: Mapping[str, object]
    path: str
    privilege: str
    owner: str = ""

    def encoded(self) -> bytes:
        """As server-sent events are written (WHATWG HTML, "Server-sent events"); the data is one line of JSON."""
        return f"event: {self.kind}\ndata: ".encode() + orjson.dumps(dict(self.data)) + b"\n\n"


def of_task(entry: Entry) -> Event:
    """A task that began (``status`` is ``running``) or ended."""
    upid = entry.upid
    data: dict[str, object] = {
        "upid": str(upid), "node": upid.node, "type": upid.type, "id": upid.id, "user": upid.user,
        "starttime": upid.starttime, "status": entry.status or "running",
    }  # fmt: skip
    if entry.endtime is not None:
        data["endtime"] = entry.endtime
    return Event(kind="task", data=data, path=f"/nodes/{upid.node}", privilege="Sys.Audit", owner=upid.user)


def of_change(change: Change) -> Event | None:
    """A file of the tree that changed; None for what nobody is told of."""
    guest = parse_path(change.path)
    what = "config" if change.file else "removed"
    if guest is not None:
        data = {"vmid": guest.vmid, "type": str(guest.kind), "node": guest.node, "change": what}
        return Event(kind="guest", data=data, path=f"/vms/{guest.vmid}", privilege="VM.Audit")
    for pattern, kind, path, privilege in FILES:
        if match := pattern.match(change.path):
            data = {"file": change.path, "change": what}
            return Event(kind=kind, data=data, path=path.format(*match.groups()), privilege=privilege)
    return None


def of_status(vmid: int, node: str, status: str) -> Event:
    """A guest that started or stopped."""
    data = {"vmid": vmid, "node": node, "change": "status", "status": status}
    return Event(kind="guest", data=data, path=f"/vms/{vmid}", privilege="VM.Audit")


def of_presence(node: str, *, online: bool) -> Event:
    """A node that was lost or is back."""
    data = {"node": node, "change": "status", "status": "online" if online else "offline"}
    return Event(kind="node", data=data, path=f"/nodes/{node}", privilege="Sys.Audit")
