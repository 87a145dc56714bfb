"""The target's side of a move: volumes are noted before they are made, and whose the machine is in the end decides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster.store import MemoryStore
from hostd.core.errors import Conflict, HostError
from hostd.core.formats.keyvalue import QEMU_PENDING, format_guest, parse_guest
from hostd.core.run import Arg, Result
from hostd.guests import handover
from hostd.guests.handover import Handover
from hostd.guests.qemu.machines import MachineState
from hostd.migration import incoming, leftovers
from hostd.migration.incoming import Incoming
from hostd.migration.leftovers import Side
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import ListLog
from tests.fakes.machines import FakeMachines
from tests.fakes.run import FakeRun

OLD = "local:100/vm-100-disk-0.raw"
SIZE = 1 << 20


class Making(FakeRun):
    """``qemu-img create`` makes an empty file, as the real one would; ``noted``: the note at that moment."""

    noted: list[VolumeId] | None = None

    def __call__(self, argv: Sequence[Arg], **more: Any) -> Result:
        if argv[:2] == ["qemu-img", "create"]:
            self.noted = leftovers.noted(Side.INCOMING, 100)
            path = next(str(word) for word in argv if str(word).startswith("/"))
            Path(path).write_bytes(bytes(SIZE))
        return super().__call__(argv, **more)


class Target:
    """Node b, to which machine 100 of node a moves."""

    def __init__(self, work: Path) -> None:
        self.store = MemoryStore("b")
        self.work = work
        for node in "ab":
            self.store.mkdir(f"nodes/{node}/qemu-server", parents=True)
        self.store.write("storage.cfg", f"dir: there\n\tpath {work}/vz\n\tcontent images\n\n".encode())
        self.run = Making({"ip": "[]", "qemu-img info": f'{{"virtual-size": {SIZE}, "format": "raw"}}'})
        host = Host(node="b", store=self.store, mirror=self.store.mirror(), run=self.run)
        self.machines = FakeMachines()
        self.session = Incoming(host, ListLog(), 100, self.machines)
        self.file(Handover(target="b"))

    def file(self, move: Handover) -> None:
        file = handover.marked(parse_guest(f"scsi0: {OLD}\n", pending=QEMU_PENDING), move)
        data = format_guest(file, pending=QEMU_PENDING).encode()
        self.store.write("nodes/a/qemu-server/100.conf", data)

    def ask(self, op: str, **more: object) -> dict[str, Any]:
        return self.session.answer({"op": op, **more})

    def make(self) -> str:
        name = "100/vm-100-disk-0.raw"
        return str(self.ask("make", storage="there", name=name, size=SIZE, format="raw")["volume"])

    def comes(self, moved: dict[str, str]) -> None:
        self.file(Handover(target="b", moved=moved))
        self.store.rename("nodes/a/qemu-server/100.conf", "nodes/b/qemu-server/100.conf")

    def volumes(self) -> list[str]:
        return sorted(path.name for path in (self.work / "vz").rglob("*.raw"))


@pytest.fixture
def target(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setattr(incoming, "_TRY_S", 0.0)
    monkeypatch.setattr(incoming, "_ARRIVAL_S", 0.0)
    return Target(own_folders)


def test_only_a_machine_that_says_so_comes(target: Target) -> None:
    target.file(Handover(target="c"))
    with pytest.raises(Conflict, match="not marked as moving to node 'b'"):
        target.ask("begin", source="a")
    with pytest.raises(HostError):
        target.ask("begin", source="c")
    with pytest.raises(HostError, match="another version"):
        target.ask("dance")
    target.session.leave()
    assert leftovers.noted(Side.INCOMING, 100) is None


def test_a_machine_that_does_not_come_leaves_nothing(target: Target) -> None:
    assert len(target.ask("begin", source="a")["token"]) == 64
    made = target.make()
    assert made == "there:100/vm-100-disk-0.raw"
    assert target.run.noted == [VolumeId("there", "vm-100-disk-0")], "noted before it was made"
    assert target.volumes() == ["vm-100-disk-0.raw"]
    with pytest.raises(Conflict, match="not made for this move"):
        target.ask("open", volume="there:100/vm-100-disk-9.raw")
    target.machines.states[100] = MachineState.PAUSED
    target.session.leave()
    assert target.volumes() == []
    assert target.machines.states == {}
    assert leftovers.noted(Side.INCOMING, 100) is None
    assert list((target.work / "moves").iterdir()) == []


def test_a_machine_that_comes_goes_on(target: Target) -> None:
    target.ask("begin", source="a")
    made = target.make()
    target.machines.states[100] = MachineState.PAUSED
    with pytest.raises(Conflict, match="has not come"):
        target.ask("finish")
    assert target.machines.states == {100: MachineState.PAUSED}, "not before the file is here"
    target.comes({OLD: made})
    assert target.ask("finish") == {"downtime_ms": 50}
    assert target.machines.states == {100: MachineState.RUNNING}
    assert target.store.read("nodes/b/qemu-server/100.conf").data == f"scsi0: {made}\n".encode()
    target.session.leave()
    assert target.volumes() == ["vm-100-disk-0.raw"]
    assert target.machines.states == {100: MachineState.RUNNING}


def test_a_file_that_this_node_gets_after_the_majority_is_waited_for(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.ask("begin", source="a")
    made = target.make()
    target.machines.states[100] = MachineState.PAUSED
    monkeypatch.setattr(incoming, "_ARRIVAL_S", 60.0)
    monkeypatch.setattr(incoming.time, "sleep", lambda _s: target.comes({OLD: made}))
    assert target.ask("finish") == {"downtime_ms": 50}
    assert target.machines.states == {100: MachineState.RUNNING}


def test_disks_that_were_copied_are_trimmed_where_the_machine_asks_for_it(target: Target) -> None:
    target.ask("begin", source="a")
    target.comes({OLD: target.make()})
    target.machines.states[100] = MachineState.PAUSED
    target.ask("finish")
    assert target.ask("trim") == {}
    assert "ask_agent" not in target.machines.calls
    file = target.store.read("nodes/b/qemu-server/100.conf")
    target.store.write("nodes/b/qemu-server/100.conf", b"agent: 1,fstrim_cloned_disks=1\n" + file.data)
    target.ask("trim")
    assert target.machines.calls.count("ask_agent") == 1
    target.session.leave()


def test_the_source_dies_after_the_file_came(target: Target) -> None:
    target.ask("begin", source="a")
    target.comes({OLD: target.make()})
    target.machines.states[100] = MachineState.PAUSED
    target.session.leave()
    assert target.machines.states == {100: MachineState.RUNNING}
    assert target.volumes() == ["vm-100-disk-0.raw"]
    assert b"lock" not in target.store.read("nodes/b/qemu-server/100.conf").data


def test_libvirt_that_is_just_starting_is_waited_for(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    target.ask("begin", source="a")
    target.make()
    answers = [HostError("Broken pipe"), HostError("Connection reset")]
    real = target.machines.state

    def state(vmid: int) -> MachineState | None:
        if answers:
            raise answers.pop()
        return real(vmid)

    monkeypatch.setattr(target.machines, "state", state)
    target.session.leave()
    assert target.volumes() == []
