"""Hooks, suspending, going on, booting anew, on a real folder storage and a fake libvirt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hostd.core.errors import CommandFailed, Conflict, HostError, TimedOut
from hostd.guests import config as files
from hostd.guests.qemu import lifecycle, power
from hostd.guests.qemu.machines import MachineState
from hostd.guests.qemu.volumes import where
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.fakes.machines import FakeMachines
from tests.unit.guests.test_qemu_lifecycle import current, host, made

__all__ = ["host"]


@pytest.fixture
def machines() -> FakeMachines:
    return FakeMachines()


def started(host: Host, machines: FakeMachines, **values: str) -> None:
    made(host, machines, scsi0="local:1", **values)
    lifecycle.start(host, ListLog(), 100, machines=machines)


def states(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "vz").rglob("*state*"))


def mark(host: Host, **values: str) -> None:
    guest = files.load(host.store, where(host, 100))
    files.save(host.store, guest, replace(guest.file, current={**guest.file.current, **values}))


def test_pausing_and_going_on(host: Host, machines: FakeMachines) -> None:
    started(host, machines)
    power.suspend(host, ListLog(), 100, machines=machines)
    power.suspend(host, ListLog(), 100, machines=machines)  # twice is once
    assert machines.states[100] is MachineState.PAUSED
    power.resume(host, ListLog(), 100, machines=machines)
    assert machines.states[100] is MachineState.RUNNING


def test_only_what_runs_can_be_held(host: Host, machines: FakeMachines) -> None:
    made(host, machines)
    for operation in (power.suspend, power.suspend_to_disk, power.resume, power.reboot):
        with pytest.raises(Conflict, match="not running"):
            operation(host, ListLog(), 100, machines=machines)
    assert "lock" not in current(host).current


def test_to_disk_and_back(host: Host, machines: FakeMachines, tmp_path: Path) -> None:
    started(host, machines)
    power.suspend_to_disk(host, ListLog(), 100, machines=machines)
    config = current(host).current
    assert 100 not in machines.states
    assert (config["lock"], config["runningmachine"]) == ("suspended", "pc")
    assert len(states(tmp_path)) == 1
    with pytest.raises(Conflict, match="locked"):
        lifecycle.stop(host, ListLog(), 100, machines=machines)
    power.resume(host, ListLog(), 100, machines=machines)
    assert machines.states[100] is MachineState.RUNNING
    assert any(call.startswith("start_saved") for call in machines.calls)
    assert not {"lock", "vmstate", "runningmachine"} & set(current(host).current)
    assert states(tmp_path) == []


def test_memory_that_cannot_be_saved(
    host: Host, machines: FakeMachines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(vmid: int, path: str) -> None:
        raise HostError("no space")

    started(host, machines)
    monkeypatch.setattr(machines, "save_memory", full)
    with pytest.raises(HostError, match="no space"):
        power.suspend_to_disk(host, ListLog(), 100, machines=machines)
    assert machines.states[100] is MachineState.RUNNING
    assert not {"lock", "vmstate"} & set(current(host).current)
    assert states(tmp_path) == []


@pytest.mark.parametrize("lock", ["suspending", "suspended"])
def test_killed_before_the_machine_ended(host: Host, machines: FakeMachines, tmp_path: Path, lock: str) -> None:
    """The machine is there and held still: it goes on, and half of a memory is dropped."""
    started(host, machines)
    volume = tmp_path / "vz/images/100/vm-100-state-suspend-2026-01-01.raw"
    volume.write_bytes(b"half")
    mark(host, lock=lock, vmstate=f"local:100/{volume.name}")
    machines.suspend(100)
    lifecycle.stop(host, ListLog(), 100, machines=machines)
    assert machines.calls[-2:] == ["resume", "stop"]
    assert not {"lock", "vmstate"} & set(current(host).current)
    assert not volume.exists()


def test_killed_while_memory_was_written_and_the_machine_is_gone(host: Host, machines: FakeMachines) -> None:
    made(host, machines, scsi0="local:1")
    mark(host, lock="suspending")
    lifecycle.start(host, ListLog(), 100, machines=machines)
    assert machines.states[100] is MachineState.RUNNING
    assert "lock" not in current(host).current


def test_booting_anew_makes_changes_count(host: Host, machines: FakeMachines) -> None:
    started(host, machines)
    guest = files.load(host.store, where(host, 100))
    files.save(host.store, guest, replace(guest.file, pending={"cores": "4"}))
    power.reboot(host, ListLog(), 100, machines=machines)
    assert current(host).current["cores"] == "4"
    assert machines.states[100] is MachineState.RUNNING


def test_a_deaf_guest_is_not_booted_anew(host: Host, machines: FakeMachines) -> None:
    started(host, machines)
    machines.deaf = True
    with pytest.raises(TimedOut):
        power.reboot(host, ListLog(), 100, timeout_s=0, machines=machines)
    assert machines.states[100] is MachineState.RUNNING


# --- hookscripts


class Scripts:
    """Notes the calls of a script; fails in one phase."""

    def __init__(self, host: Host, fail: str = "") -> None:
        self.phases: list[str] = []
        self._run, self._fail = host.run, fail

    def __call__(self, argv, **kwargs):  # type: ignore[no-untyped-def]
        if not argv[0].endswith("/snippets/hook.sh"):
            return self._run(argv, **kwargs)
        self.phases.append(argv[2])
        if argv[2] == self._fail:
            raise CommandFailed(argv, 3, "no")
        return self._run(argv, **kwargs)


@pytest.mark.parametrize("fail", ["", "post-start", "pre-stop", "post-stop"])
def test_a_script_is_told_of_each_phase(host: Host, machines: FakeMachines, fail: str) -> None:
    scripts = Scripts(host, fail)
    hooked = replace(host, run=scripts)
    log = ListLog()
    made(hooked, machines)
    mark(host, hookscript="local:snippets/hook.sh")
    lifecycle.start(hooked, log, 100, machines=machines)
    lifecycle.stop(hooked, log, 100, machines=machines)
    assert scripts.phases == ["pre-start", "post-start", "pre-stop", "post-stop"]
    assert any(f"failed in {fail}: exit code 3" in line for line in log.lines) is bool(fail)


def test_a_script_can_stop_a_start(host: Host, machines: FakeMachines) -> None:
    hooked = replace(host, run=Scripts(host, "pre-start"))
    made(hooked, machines)
    mark(host, hookscript="local:snippets/hook.sh")
    with pytest.raises(HostError, match="pre-start: exit code 3"):
        lifecycle.start(hooked, ListLog(), 100, machines=machines)
    assert 100 not in machines.states
