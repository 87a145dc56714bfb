"""All guests of a node: the order, and what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Mapping

from hostd.core.errors import HostError
from hostd.guests import bulk
from hostd.guests.config import GuestKind
from hostd.tasks.log import ListLog

CONFIGS: dict[int, tuple[GuestKind, Mapping[str, str]]] = {
    100: (GuestKind.QEMU, {"onboot": "1"}),
    101: (GuestKind.LXC, {"onboot": "1", "startup": "order=2,up=7"}),
    102: (GuestKind.QEMU, {"onboot": "1", "startup": "1,down=30"}),
    103: (GuestKind.QEMU, {"startup": "order=2"}),
    104: (GuestKind.QEMU, {"onboot": "1", "template": "1"}),
    105: (GuestKind.QEMU, {"onboot": "1"}),
}


class Tasks:
    """Every task ends at the second look; ``refuse`` cannot be started, ``fail`` ends badly."""

    def __init__(self, refuse: int = 0, fail: int = 0) -> None:
        self.calls: list[tuple[str, int, Mapping[str, object]]] = []
        self.most = 0
        self._open: dict[str, int] = {}
        self._refuse, self._fail = refuse, fail

    def spawn(self, type: str, vmid: int, args: Mapping[str, object]) -> str:
        if vmid == self._refuse:
            raise HostError("no")
        self.calls.append((type, vmid, args))
        self._open[str(vmid)] = 0
        self.most = max(self.most, len(self._open))
        return str(vmid)

    def status(self, upid: str) -> str | None:
        self._open[upid] += 1
        if self._open[upid] < 2:
            return None
        del self._open[upid]
        return "broken" if int(upid) == self._fail else "OK"


def ids(groups: list[list[bulk.Member]]) -> list[list[int]]:
    return [[m.vmid for m in group] for group in groups]


def test_who_starts_with_the_node() -> None:
    members = bulk.wanted(CONFIGS, onboot=True, leave=[105])
    assert ids(bulk.in_order(members)) == [[102], [101], [100]]
    assert ids(bulk.in_order(bulk.wanted(CONFIGS), reverse=True)) == [[100, 105], [101, 103], [102]]
    assert ids(bulk.in_order(bulk.wanted(CONFIGS, only=[103]))) == [[103]]


def test_a_startup_line_that_nobody_can_read_holds_no_other_guest_up() -> None:
    for text in ("order=first", "order=1,order=2", "up=", "=", "2,3"):
        broken = {**CONFIGS, 106: (GuestKind.QEMU, {"startup": text})}
        assert ids(bulk.in_order(bulk.wanted(broken, only=[102, 106]))) == [[102], [106]]


def test_starting_waits_as_told() -> None:
    waits: list[float] = []
    tasks, log = Tasks(refuse=100), ListLog()
    groups = bulk.in_order(bulk.wanted(CONFIGS, onboot=True))
    bulk.start(log, tasks, groups, lambda m: m.vmid == 105, waits.append)
    assert [(type, vmid) for type, vmid, _ in tasks.calls] == [("qmstart", 102), ("vzstart", 101)]
    assert 7 in waits
    assert any("VM 100: no" in line for line in log.lines)


def test_stopping_goes_by_groups() -> None:
    tasks, log = Tasks(fail=105), ListLog()
    groups = bulk.in_order(bulk.wanted(CONFIGS), reverse=True)
    bulk.stop(log, tasks, groups, lambda m: True, workers=2, sleep=lambda s: None)
    assert [vmid for _, vmid, _ in tasks.calls] == [100, 105, 101, 103, 102]
    assert [args["timeout_s"] for _, _, args in tasks.calls] == [180, 180, 180, 180, 30]
    assert tasks.most == 2
    assert any("VM 105: broken" in line for line in log.lines)


def test_only_machines_are_suspended() -> None:
    tasks = Tasks()
    groups = bulk.in_order(bulk.wanted(CONFIGS), reverse=True)
    bulk.suspend(ListLog(), tasks, groups, lambda m: m.vmid != 100, sleep=lambda s: None)
    assert [(type, vmid) for type, vmid, _ in tasks.calls] == [("qmsuspend", n) for n in (105, 103, 102)]


def test_machines_move_while_they_run_and_containers_by_a_restart() -> None:
    tasks = Tasks()
    members = bulk.wanted(CONFIGS, only=[100, 101, 103])
    args = {"target": "b", "with_local_disks": True}
    bulk.migrate(ListLog(), tasks, members, lambda m: m.vmid != 103, args, sleep=lambda _s: None)
    assert tasks.calls == [
        ("qmigrate", 100, {"vmid": 100, "target": "b", "with_local_disks": True, "online": True}),
        ("vzmigrate", 101, {"vmid": 101, "target": "b", "restart": True}),
        ("qmigrate", 103, {"vmid": 103, "target": "b", "with_local_disks": True, "online": False}),
    ]
    assert tasks.most == 1
