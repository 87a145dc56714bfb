"""Doing the steps of a hotplug plan on a running machine."""

from __future__ import annotations

from typing import Final, Protocol, assert_never

from hostd.guests.qemu.hotplug import Kind, Step

_GONE_S: Final = 10.0


class Plugs(Protocol):
    """What the steps need of libvirt."""

    def attach(self, vmid: int, xml: str) -> None: ...

    def detach(self, vmid: int, xml: str, alias: str, timeout_s: float) -> None:
        """Raises TimedOut when the guest does not let go of it."""

    def update(self, vmid: int, xml: str) -> None: ...

    def change_medium(self, vmid: int, xml: str, alias: str) -> None: ...

    def need_iothread(self, vmid: int, number: int) -> None:
        """Make an I/O thread unless there is one with this number."""

    def set_disk_limits(self, vmid: int, alias: str, values: dict[str, int]) -> None: ...

    def set_processors(self, vmid: int, online: int) -> None: ...

    def set_balloon(self, vmid: int, memory_mib: int) -> None: ...

    def set_scheduler(self, vmid: int, values: dict[str, int]) -> None: ...


def perform(machine: Plugs, vmid: int, step: Step) -> None:
    """One step. HostError with libvirt's reason, or TimedOut when the guest does not follow; the key then waits."""
    match step.kind:
        case Kind.ATTACH:
            if step.iothread:
                machine.need_iothread(vmid, step.iothread)
            machine.attach(vmid, step.xml)
        case Kind.DETACH:
            machine.detach(vmid, step.xml, step.alias, _GONE_S)
        case Kind.UPDATE:
            machine.update(vmid, step.xml)
        case Kind.MEDIUM:
            machine.change_medium(vmid, step.xml, step.alias)
        case Kind.DISK_LIMITS:
            machine.set_disk_limits(vmid, step.alias, dict(step.values))
        case Kind.PROCESSORS:
            machine.set_processors(vmid, step.values["vcpus"])
        case Kind.BALLOON:
            machine.set_balloon(vmid, step.values["memory_mib"])
        case Kind.SCHEDULER:
            machine.set_scheduler(vmid, dict(step.values))
        case _:
            assert_never(step.kind)
