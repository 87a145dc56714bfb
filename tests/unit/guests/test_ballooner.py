"""The edge of ballooning: which machines are left alone, what is told to libvirt, and once."""

from __future__ import annotations

import pytest

from hostd.cluster.store import MemoryStore
from hostd.core.errors import HostError
from hostd.core.units import GIB, MIB
from hostd.guests.ballooner import Ballooner
from hostd.guests.qemu.machines import MachineState, MachineStats
from hostd.node import config as node_config
from hostd.node.host import Host
from tests.fakes.machines import FakeMachines
from tests.unit.api.conftest import no_programs

CONFIG = "memory: 2048\nballoon: 1024\n"


def stats(
    now_mib: int = 2048, usable_mib: int | None = 1000, state: MachineState = MachineState.RUNNING
) -> MachineStats:
    return MachineStats(
        vmid=100, state=state, cpu_ns=0, cpus=1, memory_max=2048 * MIB, memory_host=0, guest_memory_used=0,
        memory_now=now_mib * MIB, guest_memory_usable=None if usable_mib is None else usable_mib * MIB,
        net_in=0, net_out=0, disk_read=0, disk_write=0,
    )  # fmt: skip


class Node:
    """A node of 16 GiB, of which ``used`` are taken, with machine 100."""

    def __init__(self, config: str = CONFIG, used: int = 15) -> None:
        self.store = MemoryStore("alpha")
        self.store.write("nodes/alpha/qemu-server/100.conf", config.encode())
        self.used = used
        self.machines = FakeMachines(states={100: MachineState.RUNNING}, samples=[stats()])
        host = Host(node="alpha", store=self.store, mirror=self.store.mirror(), run=no_programs)
        self.ballooner = Ballooner(host, self.machines, self.memory)

    def memory(self) -> dict[str, int]:
        return {"total": 16 * GIB, "available": (16 - self.used) * GIB}

    def told(self, *samples: MachineStats) -> list[str]:
        """What libvirt was told in rounds with these samples."""
        self.machines.calls.clear()
        for sample in samples or (stats(),):
            self.machines.samples = [sample]
            self.ballooner.round()
        return self.machines.calls


def test_a_machine_is_shrunk_and_grows_again() -> None:
    node = Node()
    assert node.told(stats(2048), stats(1948)) == ["set_balloon 1948", "set_balloon 1848"]
    node.used = 4
    assert node.told(stats(1848), stats(1948), stats(2048)) == ["set_balloon 1948", "set_balloon 2048"]


@pytest.mark.parametrize(
    ("config", "sample"),
    [
        (CONFIG + "shares: 0\n", stats()),
        (CONFIG + "lock: migrate\n", stats()),
        (CONFIG + "lock: suspended\n", stats()),
        ("memory: 2048\nballoon: 0\n", stats()),
        ("memory: 2048\n", stats()),  # it has its memory at least
        ("memory: 2048\nballoon: 4096\n", stats()),
        ("memory: nonsense\nballoon: 12\n", stats()),
        (CONFIG, stats(state=MachineState.PAUSED)),
        (CONFIG, stats(usable_mib=None)),
    ],
)
def test_machines_that_are_left_alone(config: str, sample: MachineStats) -> None:
    assert Node(config).told(sample) == []


def test_the_nodes_mark() -> None:
    node = Node(used=10)
    assert node.told() == []
    node.store.write(node_config.path("alpha"), b"ballooning-target: 50\n")
    assert node.told() == ["set_balloon 1948"]
    assert node_config.ballooning_percent(b"ballooning-target: 0\n") == 0
    assert node_config.ballooning_percent(b"ballooning-target: 101\n") == 80  # no percentage: it is not in force


def test_a_guest_that_does_not_follow_is_asked_again_from_where_it_is() -> None:
    node = Node(used=13)  # 0.2 GiB too much
    assert node.told(stats(2048), stats(2048)) == ["set_balloon 1948", "set_balloon 1848"]
    assert node.told(*[stats(2000)] * 20)[0] != "set_balloon 1848", "what it has not done counts as done for a while"
    assert min(int(call.split()[1]) for call in node.machines.calls) >= 1024


def test_a_machine_that_libvirt_refuses_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node()

    def refuse(vmid: int, memory_mib: int) -> None:
        raise HostError("cannot acquire state change lock")

    monkeypatch.setattr(node.machines, "set_balloon", refuse)
    assert node.told() == []
    monkeypatch.undo()
    assert node.told() == ["set_balloon 1948"], "it was not told, so it is told again"
