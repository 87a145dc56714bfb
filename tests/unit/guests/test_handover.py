"""What a machine's file says while it changes nodes, and what becomes of it when nobody attends to that any more."""

from __future__ import annotations

from hostd.cluster.store import MemoryStore
from hostd.core.formats.keyvalue import QEMU_PENDING, format_guest, parse_guest
from hostd.guests import config as files
from hostd.guests.config import GuestKind, GuestPath, StoredGuest
from hostd.guests.qemu import handover
from hostd.guests.qemu.handover import Handover
from hostd.guests.qemu.machines import MachineState
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.fakes.machines import FakeMachines
from tests.fakes.run import FakeRun

TEXT = (
    "name: x\nscsi0: local:100/vm-100-disk-0.raw,size=1G\nscsi1: size=1G,file=local:100/vm-100-disk-1.raw\n"
    "\n[PENDING]\nscsi2: local:100/vm-100-disk-2.raw\n\n[special:cloudinit]\nciuser: ann\n"
)
MOVE = Handover(
    target="b",
    moved={f"local:100/vm-100-disk-{n}.raw": f"thin:vm-100-disk-{n}" for n in range(3)},
)


def test_a_mark_is_read_back_and_taken_away_whole() -> None:
    file = parse_guest(TEXT, pending=QEMU_PENDING)
    for move in (MOVE, Handover(target="b", paused=True)):
        written = format_guest(handover.marked(file, move), pending=QEMU_PENDING)
        again = parse_guest(written, pending=QEMU_PENDING)
        assert handover.told(again) == move
        assert handover.unmarked(again) == file
    assert handover.told(file) is None
    assert handover.told(parse_guest("lock: migrate\n")) is None, "somebody else's mark is not ours to judge"


def test_completed_names_the_new_volumes_everywhere() -> None:
    file = handover.completed(handover.marked(parse_guest(TEXT, pending=QEMU_PENDING), MOVE))
    assert file.current["scsi0"] == "thin:vm-100-disk-0,size=1G"
    assert file.current["scsi1"] == "size=1G,file=thin:vm-100-disk-1"
    assert file.pending["scsi2"] == "thin:vm-100-disk-2"
    assert "lock" not in file.current
    assert set(file.special) == {"special:cloudinit"}


def settled(node: str, move: Handover, state: MachineState | None) -> tuple[StoredGuest, FakeMachines]:
    store = MemoryStore(node)
    store.mkdir(f"nodes/{node}/qemu-server", parents=True)
    host = Host(node=node, store=store, mirror=store.mirror(), run=FakeRun({}))
    machines = FakeMachines({100: state} if state else {})
    where = GuestPath(node=node, kind=GuestKind.QEMU, vmid=100)
    guest = files.create(store, where, handover.marked(parse_guest(TEXT, pending=QEMU_PENDING), move))
    return handover.settle(host, ListLog(), guest, machines), machines


def test_on_the_target_a_move_is_completed() -> None:
    guest, machines = settled("b", MOVE, MachineState.PAUSED)
    assert guest.file.current["scsi0"] == "thin:vm-100-disk-0,size=1G"
    assert machines.states == {100: MachineState.RUNNING}
    assert "cancel_migration" not in machines.calls


def test_on_the_source_it_never_happened() -> None:
    for state in (MachineState.PAUSED, MachineState.RUNNING, None):
        guest, machines = settled("a", MOVE, state)
        assert guest.file == parse_guest(TEXT, pending=QEMU_PENDING)
        assert machines.states == ({100: MachineState.RUNNING} if state else {})
        assert "cancel_migration" in machines.calls


def test_a_machine_that_was_held_still_before_stays_so() -> None:
    for node in ("a", "b"):
        _, machines = settled(node, Handover(target="b", paused=True), MachineState.PAUSED)
        assert machines.states == {100: MachineState.PAUSED}
