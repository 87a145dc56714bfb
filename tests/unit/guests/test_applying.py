"""Changes of a running machine through the function that the API calls: what counts at once, what waits."""

from __future__ import annotations

import pytest

from hostd.core.errors import HostError
from hostd.guests.changes import Change
from hostd.guests.qemu import lifecycle, making
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.fakes.machines import FakeMachines
from tests.unit.guests.test_qemu_lifecycle import current, host, made

__all__ = ["host"]


def running(host: Host) -> FakeMachines:
    machines = FakeMachines()
    made(host, machines, scsi0="local:1", scsihw="virtio-scsi-pci", ide2="none,media=cdrom", cores="2")
    lifecycle.start(host, ListLog(), 100, machines=machines)
    return machines


def change(host: Host, machines: FakeMachines, wanted: Change) -> ListLog:
    log = ListLog()
    making.change(host, log, 100, wanted, running=True, machines=machines)
    return log


def test_a_disk_is_plugged_in_and_out(host: Host) -> None:
    machines = running(host)
    change(host, machines, Change(values={"virtio1": "local:1", "cores": "4", "cpulimit": "1"}))
    file = current(host)
    assert file.current["virtio1"].startswith("local:100/vm-100-disk-1")
    assert (file.current["cpulimit"], file.current["cores"], file.pending) == ("1", "2", {"cores": "4"})
    assert {"attach", "set_scheduler"} <= set(machines.calls)
    change(host, machines, Change(delete={"virtio1": False}))
    file = current(host)
    assert "virtio1" not in file.current
    assert file.current["unused0"].startswith("local:100/vm-100-disk-1")
    assert "detach ua-virtio1" in machines.calls


def test_what_the_guest_refuses_waits(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise HostError("no")

    machines = running(host)
    monkeypatch.setattr(machines, "detach", refuse)
    log = change(host, machines, Change(delete={"scsi0": False}))
    file = current(host)
    assert "scsi0" in file.current
    assert file.pending == {"delete": "scsi0"}
    assert any("scsi0 waits for the next start: no" in line for line in log.lines)


def test_a_bridge_that_is_not_there_waits(host: Host) -> None:
    machines = running(host)
    change(host, machines, Change(values={"net0": "virtio=52:54:00:00:00:01,bridge=nobridge"}))
    assert "net0" in current(host).pending
    assert "attach" not in machines.calls
