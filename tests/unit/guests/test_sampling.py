"""Rates between two samples, guests that come and go, and libvirt being away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hostd.core.errors import Unavailable
from hostd.guests.qemu import process
from hostd.guests.qemu.machines import MachineState, MachineStats
from hostd.guests.qemu.sampling import MachineSampler, Reading, usage
from hostd.guests.sampling import Sampler
from tests.fakes.machines import FakeMachines


def stats(vmid: int, cpu_ns: int, state: MachineState = MachineState.RUNNING) -> MachineStats:
    return MachineStats(
        vmid=vmid, state=state, cpu_ns=cpu_ns, cpus=2, memory_max=2048, memory_host=700, guest_memory_used=0,
        memory_now=2048, guest_memory_usable=None,        net_in=1, net_out=2, disk_read=3, disk_write=4,
    )  # fmt: skip


def test_processor_use_is_a_share_of_the_machines_own() -> None:
    before, now = Reading(cpu_ns=0, at_s=10.0), Reading(cpu_ns=2_000_000_000, at_s=12.0)
    assert usage(before, now, 2) == 0.5
    assert usage(None, now, 2) == 0.0
    assert usage(now, before, 2) == 0.0  # started anew in between
    assert usage(before, Reading(cpu_ns=99_000_000_000, at_s=12.0), 2) == 1.0


def test_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "FOLDER", str(tmp_path))
    (tmp_path / "vm-100.pid").write_text("1\n")
    sampler = MachineSampler()
    assert sampler.sample([stats(100, 0)], 10.0)[100]["cpu"] == 0.0
    row = sampler.sample([stats(100, 1_000_000_000), stats(101, 0, MachineState.STOPPED)], 11.0)
    assert set(row) == {100}
    assert (row[100]["cpu"], row[100]["mem"], row[100]["pid"], row[100]["qmpstatus"]) == (0.5, 700, 1, "running")
    assert int(str(row[100]["uptime"])) > 0
    assert sampler.sample([], 12.0) == {}


def test_a_machine_runs_while_its_process_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "FOLDER", str(tmp_path))
    assert not process.is_running(100)
    (tmp_path / "vm-100.pid").write_text("1")
    assert process.is_running(100)
    (tmp_path / "vm-100.pid").write_text("999999999")
    assert not process.is_running(100)
    assert process.age_s(999999999) == 0


class Away(FakeMachines):
    def stats(self) -> list[MachineStats]:
        raise Unavailable("libvirt does not answer")


class Containers:
    def sample(self, now_s: float) -> dict[int, dict[str, Any]]:
        return {200: {"cpu": 0.1}}


def test_containers_are_told_while_libvirt_is_away(caplog: pytest.LogCaptureFixture) -> None:
    sampler = Sampler(None, Away(), Containers())  # type: ignore[arg-type]
    assert sampler.sample(1.0) == {200: {"cpu": 0.1}}
    sampler.sample(2.0)
    assert len(caplog.records) == 1
