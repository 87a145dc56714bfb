"""Lost nodes: fence agents on this side, and a node that ends its own guests on the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster.standing import Member, Standing
from hostd.cluster.store import MemoryStore
from hostd.core.errors import CommandFailed, Invalid
from hostd.ha import fencedevices, stored
from hostd.ha.budget import WATCHDOG_S, agent_lock
from hostd.ha.fencedevices import Command
from hostd.ha.host import selffence
from hostd.ha.host.devices import AGAIN_S, FenceAgents
from hostd.ha.host.locks import Locks
from hostd.ha.host.selffence import SelfFence

TWO_SUPPLIES = (
    "device pdu:1 fence_apc ip=10.0.0.1 l=admin 'p=o pen#'\ndevice pdu:2 fence_apc ip=10.0.0.2 l=admin p=sesame\n"
    "device board fence_ipmilan ip=10.0.1.1 password=third lanplus\n"
    "connect pdu:1 node=beta plug=1\nconnect pdu:2 node=beta plug=2\nconnect board node=beta\n"
)


@dataclass
class Agents:
    """Programs that are only remembered; ``broken``: those whose call fails."""

    calls: list[tuple[list[str], str]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def __call__(self, argv: Any, *, input: bytes = b"", **_: Any) -> Any:
        self.calls.append((list(argv), input.decode()))
        if argv[0].rpartition("/")[2] in self.broken:
            raise CommandFailed(list(argv), 1, "unreachable")


class Site:
    def __init__(self, text: str = TWO_SUPPLIES) -> None:
        self.now_s, self.agents, self.waiting = 0.0, Agents(), list[Callable[[], None]]()
        self.devices = FenceAgents(
            lambda: fencedevices.parse(text), self.agents, lambda: self.now_s, start=self.waiting.append
        )

    def work(self) -> None:
        """Let what was started run to its end."""
        while self.waiting:
            self.waiting.pop(0)()


def test_all_parts_of_a_device_are_switched_off_without_a_password_among_the_arguments() -> None:
    site = Site()
    assert not site.devices.is_off("beta")
    assert not site.devices.is_off("beta")
    assert len(site.waiting) == 1
    assert not site.devices.take_news()
    site.work()
    assert [site.devices.take_news() for _ in range(2)] == [True, False]
    assert site.devices.is_off("beta")
    assert sorted(site.agents.calls) == [
        (["/usr/sbin/fence_apc"], "action=off\nip=10.0.0.1\nusername=admin\npassword=o pen#\nplug=1\n"),
        (["/usr/sbin/fence_apc"], "action=off\nip=10.0.0.2\nusername=admin\npassword=sesame\nplug=2\n"),
    ]


def test_the_next_device_when_one_fails_and_all_again_after_a_while() -> None:
    site = Site()
    site.agents.broken = {"fence_apc", "fence_ipmilan"}
    site.devices.is_off("beta")
    site.work()
    assert not site.devices.take_news()
    assert not site.devices.is_off("beta")
    assert not site.waiting
    assert [argv[0].rpartition("_")[2] for argv, _ in site.agents.calls] == ["apc", "apc", "ipmilan"]
    site.now_s += AGAIN_S
    site.agents.broken = {"fence_apc"}
    assert not site.devices.is_off("beta")
    site.work()
    assert site.devices.is_off("beta")
    assert site.agents.calls[-1][1] == "action=off\nip=10.0.1.1\npassword=third\nlanplus=1\n"


def test_a_node_that_is_there_again_is_fenced_anew() -> None:
    site = Site()
    site.devices.is_off("beta")
    site.devices.forget("beta")
    site.work()
    assert not site.devices.is_off("beta")


def test_a_node_without_device_and_a_file_with_mistakes_fence_nobody() -> None:
    site = Site()
    site.devices.is_off("gamma")
    site.work()
    assert not site.devices.is_off("gamma")
    wrong = Site(TWO_SUPPLIES + "connect nowhere node=beta\n")
    wrong.devices.is_off("beta")
    wrong.work()
    assert not wrong.devices.is_off("beta")
    assert not wrong.agents.calls


@pytest.mark.parametrize(
    ("agent", "args"),
    [("../bin/sh", ()), ("fence_x;y", ()), ("fence_x", ("-q", "1")), ("fence_x", ("--password=a\nb",))],
)
def test_what_no_agent_is_called_with(agent: str, args: tuple[str, ...]) -> None:
    with pytest.raises(Invalid):
        fencedevices.stdin_of(Command(agent=agent, args=args))


def test_hardware_is_used_where_the_cluster_says_so() -> None:
    store = MemoryStore("alpha")
    mirror = store.mirror()
    store.mkdir("ha")
    store.write(stored.DEVICES, TWO_SUPPLIES.encode())
    assert not stored.fence_devices(mirror).parts
    for option in ("hardware", "both"):
        store.write("datacenter.cfg", f"fencing: {option}\n".encode())
        assert set(stored.fence_devices(mirror).parts) == {"pdu", "board"}


# --- a node ends its own guests


class Cluster:
    """Node alpha of two with a machine and a container that run, and are services."""

    def __init__(self) -> None:
        self.store = MemoryStore("alpha")
        for path in ("nodes/alpha/lxc", "nodes/beta/qemu-server", "ha"):
            self.store.mkdir(path, parents=True)
        for path in ("alpha/qemu-server/100", "alpha/lxc/101", "alpha/qemu-server/102", "beta/qemu-server/103"):
            self.store.write(f"nodes/{path}.conf", b"memory: 1\n")
        self.store.write(stored.RESOURCES, b"vm: 100\n\nct: 101\n\nvm: 102\n\tstate ignored\n\nvm: 103\n\n")
        self.mirror, self.now_s = self.store.mirror(), 0.0
        self.locks = Locks(self.store, self.mirror, "alpha", "b1", lambda: self.now_s)
        self.asked: list[str] = []
        self.store.join(Standing(version=1, name="c", config=1, quorate=False, members=(Member("alpha", 1, "", True),)))

    def pid_of(self, sid: str) -> int | None:
        self.asked.append(sid)
        return None

    def end(self) -> list[str]:
        return selffence.end_guests(self.mirror, self.locks, pid_of=self.pid_of)


def test_only_services_of_this_node_are_ended() -> None:
    cluster = Cluster()
    assert selffence.services_here(cluster.mirror, "alpha") == ["ct:101", "vm:100"]
    assert not cluster.end()
    assert cluster.asked == ["ct:101", "vm:100"]


def test_a_node_alone_ends_nothing() -> None:
    cluster = Cluster()
    cluster.store.join(None)
    assert not cluster.end()
    assert cluster.asked == []


def test_killing() -> None:
    killed: list[int] = []
    pids = {"vm:100": 7, "vm:101": None}
    assert selffence.kill(["vm:100", "vm:101"], pids.get, lambda pid, _: killed.append(pid))
    assert killed == [7]
    assert not selffence.kill(["vm:101"], pids.get, lambda pid, _: killed.append(pid))


def test_a_lock_that_was_kept_is_given_back_once_nothing_runs() -> None:
    cluster, name = Cluster(), agent_lock("alpha")
    cluster.locks.take(name)
    cluster.end()
    assert cluster.locks.holder(name)
    cluster.locks.release(name, keep=True)
    cluster.end()
    assert cluster.locks.holder(name) is None


def test_it_acts_when_it_was_not_fed_and_only_then(tmp_path: Path) -> None:
    now_s, ended = [0.0], list[float]()

    def end() -> list[str]:
        ended.append(now_s[0])
        return ["vm:101", "vm:100"]

    note = tmp_path / "ended"
    fence = SelfFence(end, lambda: now_s[0], tmp_path / "fed", note, lambda: 1_700_000_000 + now_s[0])
    assert selffence.ended(note) == {}
    fence.look()
    fence.open()
    for second in range(200):
        now_s[0] = second
        if second == 50:
            fence.feed()
        if second == 115:
            fence.close()
        fence.look()
    assert ended == [50 + WATCHDOG_S + late for late in range(1, 5)]
    assert fence.device == ""
    assert selffence.ended(note) == {"at": 1_700_000_114, "guests": ["vm:100", "vm:101"]}


def test_a_process_that_follows_one_that_died_counts_on(tmp_path: Path) -> None:
    now_s, ended = [1000.0], list[float]()

    def end() -> list[str]:
        ended.append(now_s[0])
        return []

    SelfFence(end, lambda: now_s[0], tmp_path / "fed").open()
    now_s[0] += WATCHDOG_S - 5
    after = SelfFence(end, lambda: now_s[0], tmp_path / "fed")
    after.look()
    assert not ended
    now_s[0] += 6
    after.look()
    assert ended == [1000 + WATCHDOG_S + 1]
    after.close()
    SelfFence(end, lambda: now_s[0], tmp_path / "fed").look()
    assert len(ended) == 1


def test_a_process_must_say_that_it_is_the_machine() -> None:
    assert selffence.pid_of("vm:999999999") is None
