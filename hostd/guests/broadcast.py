"""``/etc/pve/.rrd`` and ``.clusterlog``: what the nodes tell each other, in the words of the reference's files. Pure.

``.rrd``: a line for each node, guest and storage whose node has told a sample: the key, then values between colons.

- ``pve2-node/NODE``: uptime, level of support (none here), time, load, processors, their use and their waiting (0 to
  1), memory and its use, swap and its use, root file system and its use, bytes received and sent.
- ``pve2.3-vm/ID``: uptime, name, status, template, time, processors, their use, memory and its use, disk and its use,
  bytes received and sent, read and written. What only a running guest has is empty for one that does not run.
- ``pve2-storage/NODE/ID``: time, size, use; those that answer.

Time is when the sample came here, in seconds; memory, disks, traffic in bytes. ``.clusterlog``: JSON, newest first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from hostd.cluster.fs.special import Values
from hostd.cluster.fs.tree import View
from hostd.guests.config import parse_path
from hostd.guests.index import summarize
from hostd.node import samples
from hostd.tasks import shared

LIVE_OF_NODE: Final = ("maxcpu", "cpu", "wait", "maxmem", "mem", "swaptotal", "swapused", "maxdisk", "disk", "netin",
                       "netout")  # fmt: skip


class Broadcast:
    """``special.Reports``."""

    def rrd(self, values: Callable[[str], Values], view: View) -> bytes:
        lines: list[str] = []
        running: dict[str, tuple[int, Mapping[int, Mapping[str, Any]]]] = {}
        for node, heard in sorted(values(samples.KEY).items()):
            sample, guests = samples.tables(node, heard.data)
            if sample:
                running[node] = int(heard.time_s), guests
                lines += _node_lines(node, int(heard.time_s), sample)
        lines += _guest_lines(view, running)
        return "".join(f"{line}\n" for line in sorted(lines)).encode()

    def clusterlog(self, values: Callable[[str], Values]) -> bytes:
        events = [event for heard in values(shared.EVENTS).values() for event in shared.events_from_wire(heard.data)]
        rows = [
            {"uid": e.number, "time": e.time, "pri": e.pri, "tag": e.tag, "pid": e.pid, "node": e.node, "user": e.user,
             "msg": e.msg}
            for e in sorted(events, key=lambda event: -event.time)
        ]  # fmt: skip
        return (json.dumps({"data": rows}, indent=1) + "\n").encode()


def _line(key: str, values: list[object]) -> str:
    return ":".join([key, *(str(value).translate({10: None, 58: None}) for value in values)])


def _node_lines(node: str, time_s: int, sample: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    live = sample["node"]
    head = [live.get("uptime", 0), "", time_s, live.get("loadavg", 0)]
    yield _line(f"pve2-node/{node}", [*head, *(live.get(name, 0) for name in LIVE_OF_NODE)])
    for storage, space in sample["storages"].items():
        if space.get("active"):
            yield _line(f"pve2-storage/{node}/{storage}", [time_s, space["total"], space["used"]])


def _guest_lines(view: View, running: Mapping[str, tuple[int, Mapping[int, Mapping[str, Any]]]]) -> Iterator[str]:
    nodes = view.find("nodes")
    for path, entry in view.walk(nodes, "nodes") if nodes else ():
        where = None if entry.data is None else parse_path(path)
        if where is None or entry.data is None or where.node not in running:
            continue
        time_s, guests = running[where.node]
        summary, live = summarize(where.kind, where.vmid, entry.data), guests.get(where.vmid)
        status = "stopped" if live is None else "running"

        def of(name: str, live: Mapping[str, Any] | None = live) -> object:
            return "" if live is None else live.get(name, 0)

        yield _line(f"pve2.3-vm/{where.vmid}", [
            of("uptime") or 0, summary.name, status, int(summary.template), time_s, summary.cpus, of("cpu"),
            summary.memory, of("mem"), summary.disk, of("disk") or 0,
            *(of(name) for name in ("netin", "netout", "diskread", "diskwrite")),
        ])  # fmt: skip
