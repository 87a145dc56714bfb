"""What reaches a running machine at once."""

from __future__ import annotations

import pytest

from hostd.guests.qemu import hotplug, plugging
from hostd.guests.qemu.devices.disk import Source
from hostd.guests.qemu.devices.hostdevices import HostDevices
from hostd.guests.qemu.facts import MachineFacts
from hostd.guests.qemu.hotplug import Kind

BASE = {
    "cores": "4", "vcpus": "2", "memory": "1024", "scsihw": "virtio-scsi-single", "scsi0": "st:a",
    "ide2": "st:iso/a,media=cdrom",
    "net0": "virtio=52:54:00:00:00:01,bridge=vmbr0", "boot": "order=scsi0;net0",
}  # fmt: skip


def facts() -> MachineFacts:
    names = ("st:a", "st:b", "st:c", "st:iso/a", "st:iso/b")
    sources = {name: Source(path=f"/v/{name}", format="raw", block=False) for name in names}
    return MachineFacts(
        vmid=100, kvm=False, sockets="/run/x", sources=sources, devices=HostDevices(usb_ports={"1-1": 4})
    )


def plan(running: dict[str, str], **changes: str | None) -> hotplug.Plan:
    wanted = {**running, **{k: v for k, v in changes.items() if v is not None}}
    wanted = {k: v for k, v in wanted.items() if k not in changes or changes[k] is not None}
    return hotplug.plan(running, wanted, facts())


def kinds(found: hotplug.Plan) -> list[tuple[Kind, str]]:
    return [(step.kind, step.key) for step in found.now]


def test_nothing_changed() -> None:
    assert plan(BASE) == hotplug.Plan()


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"virtio1": "st:b"}, [(Kind.ATTACH, "virtio1")]),
        ({"virtio1": "st:b,iothread=1"}, [(Kind.ATTACH, "virtio1")]),
        ({"scsi1": "st:b"}, [(Kind.ATTACH, "scsi1"), (Kind.ATTACH, "scsi1")]),  # its controller first
        ({"scsi0": None}, [(Kind.DETACH, "scsi0")]),
        ({"scsi0": "st:c"}, [(Kind.DETACH, "scsi0"), (Kind.ATTACH, "scsi0")]),
        ({"scsi0": "st:a,mbps_rd=10"}, [(Kind.DISK_LIMITS, "scsi0")]),
        ({"ide2": "st:iso/b,media=cdrom"}, [(Kind.MEDIUM, "ide2")]),
        ({"ide2": "none,media=cdrom"}, [(Kind.MEDIUM, "ide2")]),
        ({"net1": "virtio=52:54:00:00:00:02,bridge=vmbr0"}, [(Kind.ATTACH, "net1")]),
        ({"net0": "virtio=52:54:00:00:00:01,bridge=vmbr1,tag=5,link_down=1"}, [(Kind.UPDATE, "net0")]),
        ({"net0": "e1000=52:54:00:00:00:01,bridge=vmbr0"}, [(Kind.DETACH, "net0"), (Kind.ATTACH, "net0")]),
        ({"net0": None}, [(Kind.DETACH, "net0")]),
        ({"usb0": "host=1-1"}, [(Kind.ATTACH, "usb0")]),
        ({"cpulimit": "1.5", "cpuunits": "50"}, [(Kind.SCHEDULER, "cpulimit")]),
        ({"balloon": "512"}, []),  # the node moves it, when it needs to
        ({"balloon": "512", "shares": "0"}, [(Kind.BALLOON, "balloon")]),
        ({"shares": "0"}, [(Kind.BALLOON, "shares")]),
        ({"shares": "2000"}, []),
        ({"hotplug": "cpu", "vcpus": "3"}, [(Kind.PROCESSORS, "vcpus")]),
    ],
)
def test_steps(changes: dict[str, str | None], steps: list[tuple[Kind, str]]) -> None:
    found = plan(BASE, **changes)
    assert kinds(found) == steps
    assert not found.pending


@pytest.mark.parametrize(
    "changes",
    [
        {"cores": "8"},
        {"memory": "2048"},
        {"vcpus": "3"},
        {"balloon": "0"},
        {"sata0": "st:b"},
        {"scsi0": "st:a,cache=writeback"},
        {"scsi3": "st:b,snapshot=1"},  # it would be refused at a start
        {"machine": "q35"},
        {"bios": "ovmf"},
        {"usb0": "host=1-1,usb3=1"},  # no such controller yet
    ],
)
def test_what_waits(changes: dict[str, str]) -> None:
    found = plan(BASE, **changes)
    assert (found.now, found.settled, found.pending) == ((), frozenset(), frozenset(changes))


def test_what_needs_no_step() -> None:
    found = plan(BASE, name="new", scsi0="st:a,size=2G,backup=0", hotplug="0", hookscript="st:snippets/x")
    assert (found.now, found.settled) == ((), {"name", "scsi0", "hotplug", "hookscript"})


def test_hotplug_can_be_forbidden() -> None:
    found = plan({**BASE, "hotplug": "0"}, virtio1="st:b", net0=None, usb0="host=1-1")
    assert (found.now, found.pending) == ((), {"virtio1", "net0", "usb0"})


def test_an_old_controller_cannot_plug() -> None:
    assert plan({**BASE, "scsihw": "lsi"}, scsi1="st:b").pending == {"scsi1"}


def test_a_first_scsi_disk_would_need_a_bus() -> None:
    running = {k: v for k, v in BASE.items() if k != "scsi0"}
    assert plan(running, scsi1="st:b").pending == {"scsi1"}


def test_a_plan_that_was_done_is_empty() -> None:
    wanted = {**BASE, "virtio1": "st:b", "net0": "virtio=52:54:00:00:00:01,bridge=vmbr9", "cores": "8"}
    found = hotplug.plan(BASE, wanted, facts())
    current = hotplug.applied(BASE, wanted, {step.key for step in found.now} | found.settled)
    again = hotplug.plan(current, wanted, facts())
    assert (again.now, again.settled, again.pending) == ((), frozenset(), {"cores"})


class Recorder:
    """Notes the calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> object:
        def call(vmid: int, *args: object) -> None:
            self.calls.append(name)

        return call


def test_every_kind_of_step_is_done() -> None:
    machine = Recorder()
    steps = [
        hotplug.Step(kind=kind, key="x", iothread=1, values={"vcpus": 1, "memory_mib": 1}) for kind in Kind
    ]  # fmt: skip
    for step in steps:
        plugging.perform(machine, 100, step)  # type: ignore[arg-type]
    assert machine.calls == [
        "need_iothread", "attach", "detach", "update", "change_medium", "set_disk_limits", "set_processors",
        "set_balloon", "set_scheduler",
    ]  # fmt: skip
