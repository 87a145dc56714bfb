"""What a cut-off move leaves on a node goes, and nothing that the machine uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostd.cluster.store import MemoryStore
from hostd.core.formats.keyvalue import QEMU_PENDING, format_guest, parse_guest
from hostd.guests import config as files
from hostd.guests import handover
from hostd.guests.handover import Handover
from hostd.guests.qemu.machines import MachineState
from hostd.migration import leftovers
from hostd.migration.leftovers import Side, stem
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import ListLog
from tests.fakes.machines import FakeMachines
from tests.fakes.run import FakeRun


class Node:
    """Node b with a folder of volumes of machine 100, which is a's."""

    def __init__(self, work: Path) -> None:
        self.images = work / "vz/images/100"
        self.images.mkdir(parents=True)
        for number in range(3):
            (self.images / f"vm-100-disk-{number}.raw").write_bytes(b"x")
        self.store = MemoryStore("b")
        for node in "ab":
            self.store.mkdir(f"nodes/{node}/qemu-server", parents=True)
        self.store.write("storage.cfg", f"dir: local\n\tpath {work}/vz\n\tcontent images\n\n".encode())
        self.host = Host(node="b", store=self.store, mirror=self.store.mirror(), run=FakeRun({}))
        self.log, self.machines = ListLog(), FakeMachines()

    def write(self, node: str, text: str, move: Handover | None = None) -> None:
        file = parse_guest(text, pending=QEMU_PENDING)
        file = handover.marked(file, move) if move else file
        self.store.write(f"nodes/{node}/qemu-server/100.conf", format_guest(file, pending=QEMU_PENDING).encode())

    def clear(self) -> set[str]:
        """The numbers of the volumes that are left."""
        leftovers.clear_all(self.host, self.log, self.machines)
        return {path.stem[-1] for path in self.images.glob("*.raw")}


@pytest.fixture
def node(own_folders: Path) -> Node:
    return Node(own_folders)


def made(*numbers: int) -> list[VolumeId]:
    return [VolumeId("local", f"vm-100-disk-{n}") for n in numbers]


def test_a_machine_that_did_not_come_leaves_nothing(node: Node) -> None:
    node.write("a", "scsi0: local:100/vm-100-disk-1.raw\n", Handover(target="b"))
    node.machines.states[100] = MachineState.PAUSED
    leftovers.note(Side.INCOMING, 100, made(1, 2))
    assert node.clear() == {"0"}, "a's volumes of the same names are elsewhere; 0 was not made by this move"
    assert node.machines.states == {}
    assert leftovers.noted(Side.INCOMING, 100) is None


def test_a_machine_that_came_is_let_go_on(node: Node) -> None:
    moved = {"local:100/vm-100-disk-7.raw": "local:100/vm-100-disk-1.raw"}
    node.write("b", "scsi0: local:100/vm-100-disk-7.raw,size=1\n", Handover(target="b", moved=moved))
    node.machines.states[100] = MachineState.PAUSED
    leftovers.note(Side.INCOMING, 100, made(1, 2))
    assert node.clear() == {"0", "1"}
    assert node.machines.states == {100: MachineState.RUNNING}
    file = node.store.read("nodes/b/qemu-server/100.conf").data
    assert b"lock" not in file
    assert b"vm-100-disk-1.raw,size=1" in file


def test_what_was_left_behind_goes_unless_the_machine_came_back(node: Node) -> None:
    leftovers.note(Side.DEPARTED, 100, made(0, 1))
    node.write("a", "name: x\n")
    node.machines.states[100] = MachineState.RUNNING
    with files.lock(100):
        assert node.clear() == {"0", "1", "2"}, "somebody works on it"
    node.store.rename("nodes/a/qemu-server/100.conf", "nodes/b/qemu-server/100.conf")
    node.write("b", "scsi0: local:100/vm-100-disk-1.raw\n")
    assert node.clear() == {"1", "2"}
    assert node.machines.states == {100: MachineState.RUNNING}


def test_without_notes_nothing_is_touched(node: Node) -> None:
    node.machines.states[100] = MachineState.RUNNING
    assert node.clear() == {"0", "1", "2"}
    assert node.machines.states == {100: MachineState.RUNNING}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("100/vm-100-disk-0.raw", "vm-100-disk-0"),
        ("vm-100-disk-0", "vm-100-disk-0"),
        ("9/base-9-disk-0.raw/100/vm-100-disk-1.qcow2", "vm-100-disk-1"),
        ("vm-100-state-x.y", "vm-100-state-x.y"),
    ],
)
def test_stems(name: str, wanted: str) -> None:
    assert stem(name) == wanted
