"""The one step that hands a machine over, on a store that does not always answer; limits; stopping in between."""

from __future__ import annotations

import os
import signal

import pytest

from hostd.cluster.store import MemoryStore
from hostd.core.errors import NotFound, Unavailable
from hostd.guests import config as files
from hostd.guests.config import GuestKind, GuestPath
from hostd.migration import machines, switch
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.fakes.run import FakeRun

HERE, THERE = (GuestPath(node=node, kind=GuestKind.QEMU, vmid=100) for node in "ab")


class Shaky(MemoryStore):
    """Its renames fail ``before`` times without effect, then ``after`` times although they were done."""

    def __init__(self, *, before: int = 0, after: int = 0) -> None:
        super().__init__("a")
        self.before, self.after = before, after

    def rename(
        self, source: str, target: str, *, if_version: int | None = None, actor: str = "", task: str = ""
    ) -> None:
        if self.before:
            self.before -= 1
            raise Unavailable("no quorum")
        super().rename(source, target, if_version=if_version, actor=actor, task=task)
        if self.after:
            self.after -= 1
            raise Unavailable("outcome unknown")


def switched(store: Shaky, monkeypatch: pytest.MonkeyPatch) -> ListLog:
    waited: list[float] = []
    monkeypatch.setattr(switch.time, "sleep", waited.append)
    for node in "ab":
        store.mkdir(f"nodes/{node}/qemu-server", parents=True)
    store.write(HERE.path, b"name: x\n")
    host, log = Host(node="a", store=store, mirror=store.mirror(), run=FakeRun({})), ListLog()
    switch.switch(host, log, files.load(store, HERE), "b")
    return log


def test_a_store_that_takes_no_writes_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Shaky(before=3)
    log = switched(store, monkeypatch)
    assert store.read(THERE.path).data == b"name: x\n"
    assert len([line for line in log.lines if "no quorum" in line]) == 3


def test_an_unknown_outcome_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Shaky(after=1)
    log = switched(store, monkeypatch)
    assert log.lines == []
    assert store.read(THERE.path).data == b"name: x\n"
    with pytest.raises(NotFound):
        store.read(HERE.path)


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "_SWITCH_S", 0.0)
    store = Shaky(before=3)
    with pytest.raises(Unavailable):
        switched(store, monkeypatch)
    assert store.read(HERE.path).data == b"name: x\n"


def test_the_slowest_limit_counts() -> None:
    assert machines._slowest(0, {}) == 0
    assert machines._slowest(100, {}) == 100
    assert machines._slowest(0, {"migrate_speed": "2"}) == 2048
    assert machines._slowest(100, {"migrate_speed": "2"}) == 100


def test_a_signal_waits_until_the_step_is_over() -> None:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with switch.uninterrupted():
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
