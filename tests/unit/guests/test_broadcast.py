"""The lines of .rrd and the rows of .clusterlog, from samples and events as nodes tell them."""

from __future__ import annotations

import json
from collections.abc import Callable

import orjson

from hostd.cluster.fs.mutations import Write, make_directories, new_inode
from hostd.cluster.fs.special import Heard, SpecialFiles, Values
from hostd.cluster.fs.tree import Tree, apply
from hostd.guests.broadcast import Broadcast
from hostd.tasks import shared
from hostd.tasks.eventlog import Event

NODE = {
    "uptime": 100, "loadavg": 0.5, "maxcpu": 4, "cpu": 0.25, "wait": 0.01, "maxmem": 8000, "mem": 3000, "swaptotal": 0,
    "swapused": 0, "maxdisk": 900, "disk": 100, "netin": 11, "netout": 22,
}  # fmt: skip
GUEST = {"cpu": 0.1, "mem": 50, "disk": 0, "netin": 1, "netout": 2, "diskread": 3, "diskwrite": 4, "uptime": 60}
SAMPLE = {"node": NODE, "guests": {"100": GUEST}, "storages": {"local": {"active": 1, "total": 9, "used": 4},
          "away": {"active": 0}}}  # fmt: skip


def tree() -> Tree:
    made = Tree()
    files = {
        "nodes/a/qemu-server/100.conf": b"name: web\ncores: 2\nmemory: 512\n",
        "nodes/a/lxc/101.conf": b"hostname: db\ncores: 1\nmemory: 256\n",
        "nodes/away/qemu-server/102.conf": b"name: unknown\n",
    }
    steps = [make_directories(path.rpartition("/")[0]) for path in files]
    for mutation in [*steps, *(Write(path=p, data=d, inode=new_inode()) for p, d in files.items())]:
        made.absorb(apply(made, mutation, time_ns=1))
    return made


def told(**values: bytes) -> Callable[[str], Values]:
    return lambda key: {"a": Heard(values[key], 1234.5)} if key in values else {}


def test_rrd_has_a_line_for_all_whose_node_has_told() -> None:
    lines = Broadcast().rrd(told(sample=orjson.dumps(SAMPLE)), tree()).decode().splitlines()
    assert lines == [
        "pve2-node/a:100::1234:0.5:4:0.25:0.01:8000:3000:0:0:900:100:11:22",
        "pve2-storage/a/local:1234:9:4",
        f"pve2.3-vm/100:60:web:running:0:1234:2:0.1:{512 << 20}:50:0:0:1:2:3:4",
        f"pve2.3-vm/101:0:db:stopped:0:1234:1.0::{256 << 20}::0:0::::",
    ]


def test_a_sample_of_another_form_and_none_at_all() -> None:
    for values in (told(sample=b"?"), told()):
        assert Broadcast().rrd(values, tree()) == b""


def test_names_cannot_break_a_line() -> None:
    made = tree()
    place = made.find("nodes/a/qemu-server/100.conf")
    assert place is not None
    write = Write(path="nodes/a/qemu-server/100.conf", data=b"name: a:b\n", inode=place.inode)
    made.absorb(apply(made, write, time_ns=1))
    line = Broadcast().rrd(told(sample=orjson.dumps(SAMPLE)), made).decode().splitlines()[2]
    assert line.split(":")[2] == "ab"
    assert len(line.split(":")) == 16


def test_clusterlog_is_newest_first() -> None:
    def event(time: int) -> Event:
        return Event(time=time, node="a", pid=7, pri=6, tag="pvedaemon", user="root@pam", msg="hello", number=time)

    data = shared.events_to_wire([event(1), event(3), event(2)])
    rows = json.loads(Broadcast().clusterlog(told(events=data)))["data"]
    assert [row["time"] for row in rows] == [3, 2, 1]
    assert set(rows[0]) == {"uid", "time", "pri", "tag", "pid", "node", "user", "msg"}
    assert json.loads(Broadcast().clusterlog(told())) == {"data": []}


def test_their_size_is_not_told_before_they_are_opened() -> None:
    files = SpecialFiles(tree(), "a", start_s=1, reports=Broadcast(), values=told(sample=orjson.dumps(SAMPLE)))
    assert files.names >= {".rrd", ".clusterlog"}
    assert files.size(".rrd") == 0
    assert files.content(".rrd").startswith(b"pve2-node/a:")
    assert files.size(".members") == len(files.content(".members"))
