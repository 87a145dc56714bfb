"""The target's side of a container's move: forms of volumes, files that come one by one, and who starts it again."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster.store import MemoryStore
from hostd.core.errors import CommandFailed, Conflict, HostError, Unsupported
from hostd.core.formats.keyvalue import LXC_PENDING, format_guest, parse_guest
from hostd.core.run import Arg, Result
from hostd.guests import handover
from hostd.guests.handover import Handover
from hostd.guests.lxc import trees
from hostd.migration import incoming, leftovers
from hostd.migration.incoming_containers import IncomingContainer
from hostd.migration.leftovers import Side
from hostd.migration.wire import Stream
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import ListLog
from tests.fakes.containers import FakeEngine
from tests.fakes.machines import FakeMachines
from tests.fakes.run import FakeRun

OLD = "here:100/subvol-100-disk-0.subvol"


class Unpacking(FakeRun):
    """Reads what comes by stdin, as tar would; ``broken``: it is not whole."""

    broken = False
    got = b""

    def __call__(self, argv: Sequence[Arg], *, stdin: int | None = None, **more: Any) -> Result:
        if stdin is not None:
            while data := os.read(stdin, 1 << 16):
                self.got += data
            if self.broken:
                raise CommandFailed(["tar"], 2, "zstd: premature end")
        return super().__call__(argv, stdin=stdin, **more)


class Target:
    """Node b, to which container 100 of node a moves."""

    def __init__(self, work: Path) -> None:
        self.store = MemoryStore("b")
        self.work = work
        for node in "ab":
            self.store.mkdir(f"nodes/{node}/lxc", parents=True)
        self.store.write("storage.cfg", f"dir: there\n\tpath {work}/vz\n\tcontent rootdir\n\n".encode())
        self.run = Unpacking({"ip": "[]", "qemu-img info": '{"virtual-size": 0, "format": "raw"}'})
        self.host = Host(node="b", store=self.store, mirror=self.store.mirror(), run=self.run)
        self.engine, self.log = FakeEngine(), ListLog()
        self.session = IncomingContainer(self.host, self.log, 100, FakeMachines(), self.engine)
        self.file(Handover(target="b", restart=True))
        (work / "moves").mkdir()

    def file(self, move: Handover) -> None:
        file = handover.marked(parse_guest(f"arch: amd64\nrootfs: {OLD},size=0T\n", pending=LXC_PENDING), move)
        self.store.write("nodes/a/lxc/100.conf", format_guest(file, pending=LXC_PENDING).encode())

    def ask(self, op: str, **more: object) -> dict[str, Any]:
        return self.session.answer({"op": op, **more})

    def make(self) -> str:
        made = self.ask("make", storage="there", name=OLD.partition(":")[2], size=0, format="subvol")
        assert made["format"] == "subvol", "a folder without a limit stays one"
        return str(made["volume"])

    def unpack(self, made: str, data: bytes) -> None:
        self.ask("open", volume=made, tree=True, unprivileged=False)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.connect(incoming.socket_of(Stream.COPY, 100))
            stream.sendall(data)
        self.ask("close")

    def comes(self, moved: dict[str, str]) -> None:
        self.file(Handover(target="b", restart=True, moved=moved))
        self.store.rename("nodes/a/lxc/100.conf", "nodes/b/lxc/100.conf")

    def volumes(self) -> list[str]:
        return sorted(path.name for path in (self.work / "vz/images/100").glob("*"))


@pytest.fixture
def target(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setattr(incoming, "_TRY_S", 0.0)
    monkeypatch.setattr(incoming, "_ARRIVAL_S", 0.0)
    return Target(own_folders)


def test_one_that_does_not_come_leaves_nothing(target: Target) -> None:
    target.ask("begin", source="a")
    made = target.make()
    assert leftovers.noted(Side.INCOMING, 100) == [VolumeId("there", "subvol-100-disk-0")]
    target.unpack(made, b"files")
    assert target.run.got == b"files"
    target.session.leave()
    assert target.volumes() == []
    assert target.engine.calls == []
    assert leftovers.noted(Side.INCOMING, 100) is None


def test_files_that_are_not_whole_are_refused(target: Target) -> None:
    target.ask("begin", source="a")
    made = target.make()
    target.run.broken = True
    with pytest.raises(HostError, match="premature end"):
        target.unpack(made, b"fil")
    with pytest.raises(Conflict, match="not made for this move"):
        target.ask("open", volume="there:100/subvol-100-disk-9.subvol", tree=True)
    target.session.leave()


def test_a_stream_of_another_length_is_refused(target: Target) -> None:
    target.ask("begin", source="a")
    made = target.make()
    target.ask("open", volume=made, tree=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.connect(incoming.socket_of(Stream.COPY, 100))
        stream.sendall(b"files")
    with pytest.raises(HostError, match="of 9 bytes for '.*' 5 came"):
        target.ask("close", count=9)
    with pytest.raises(Unsupported, match="as a stream of kind 'zfs'"):
        target.ask("receive", volume=made, kind="zfs")
    target.session.leave()
    assert target.volumes() == []


def test_one_that_comes_runs_again(target: Target) -> None:
    target.ask("begin", source="a")
    made = target.make()
    with pytest.raises(Conflict, match="has not come"):
        target.ask("finish")
    target.comes({OLD: made})
    assert target.ask("finish") == {"running": True}
    target.session.leave()
    assert target.engine.calls == ["start 100"], "once"
    assert target.store.read("nodes/b/lxc/100.conf").data == f"arch: amd64\nrootfs: {made},size=0T\n".encode()
    assert target.volumes() == ["subvol-100-disk-0.subvol"]


def test_it_runs_again_also_where_the_source_dies_before_it_says_so(target: Target) -> None:
    target.ask("begin", source="a")
    target.comes({OLD: target.make()})
    target.session.leave()
    assert target.engine.up == {100}
    assert b"lock" not in target.store.read("nodes/b/lxc/100.conf").data


def test_one_that_does_not_start_is_here_all_the_same(target: Target) -> None:
    target.engine.refuse = "no memory"
    target.ask("begin", source="a")
    made = target.make()
    target.comes({OLD: made})
    with pytest.raises(HostError, match="no memory"):
        target.ask("finish")
    target.session.leave()
    assert target.engine.calls == ["start 100"], "tried once"
    assert target.store.read("nodes/b/lxc/100.conf").data == f"arch: amd64\nrootfs: {made},size=0T\n".encode()
    assert target.volumes() == ["subvol-100-disk-0.subvol"]


def test_a_stream_has_an_end_of_its_own() -> None:
    assert "--zstd" in trees.pack_argv("/x")
    assert "--zstd" in trees.unpack_argv("/x")
    assert trees.pack_argv("/x")[-2:] == ["/x", "."]
