"""Running machines as everything but the connection sees them: what can be asked of them, and plain data.

``connection.py`` does it by libvirt; tests have a fake of the same form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from hostd.guests.qemu.devices.disk import Source
from hostd.guests.qemu.live_move import LiveMove, Progress


class MachineState(StrEnum):
    """What a domain does, in the words of the API's ``qmpstatus``."""

    RUNNING = "running"
    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    CRASHED = "internal-error"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class MachineStats:
    """Counters of one domain since its start. Memory in bytes; ``guest_memory_used`` 0 where no balloon driver answers.

    ``memory_now``: what the balloon leaves it. ``guest_memory_usable``: what its programs could have without swapping;
    None where no driver answers.

    ``net_in`` is what the guest received (libvirt turns the tap device's view around).
    """

    vmid: int
    state: MachineState
    cpu_ns: int
    cpus: int
    memory_max: int
    memory_host: int
    guest_memory_used: int
    memory_now: int
    guest_memory_usable: int | None
    net_in: int
    net_out: int
    disk_read: int
    disk_write: int


class Machines(Protocol):
    """What life cycle and sampling need."""

    def start(self, xml: str, *, paused: bool = False) -> None:
        """Start a transient domain; ``paused``: it waits to be resumed before its first instruction.

        Raises Conflict when it runs already, HostError with libvirt's reason.
        """

    def state(self, vmid: int) -> MachineState | None:
        """None: there is no such domain."""

    def shutdown(self, vmid: int) -> None: ...

    def stop(self, vmid: int) -> None: ...

    def reset(self, vmid: int) -> None: ...

    def suspend(self, vmid: int) -> None: ...

    def resume(self, vmid: int) -> None: ...

    def wait_gone(self, vmid: int, timeout_s: float) -> bool:
        """Whether the domain was gone in time."""

    def stats(self) -> list[MachineStats]: ...

    def definition(self, vmid: int) -> str:
        """The running domain's XML."""

    def save_memory(self, vmid: int, path: str) -> None:
        """Write the memory of a machine that is held still; it stays so."""

    def start_saved(self, path: str, xml: str) -> None:
        """Start a transient domain that goes on from saved memory."""

    def freeze(self, vmid: int) -> None:
        """Have the guest's agent write everything to its disks and hold writes."""

    def thaw(self, vmid: int) -> None: ...

    def monitor(self, vmid: int, command: str, arguments: Mapping[str, object]) -> Any:
        """A command of QEMU's monitor (QMP); its answer."""

    def resize_disk(self, vmid: int, path: str, size_bytes: int) -> None:
        """Tell a running machine (and its image file) the new size of the disk at ``path``."""

    def copy_disk(
        self, vmid: int, path: str, target: Source, limit_bps: int, progress: Callable[[float], object]
    ) -> None:
        """Copy the disk at ``path`` to a volume that is there while the machine runs, and go on with the copy."""

    def abandon_copies(self, vmid: int) -> None:
        """Give up copies of disks that are under way; the machine goes on with the originals."""

    def attach(self, vmid: int, xml: str) -> None:
        """Plug a device in."""

    def detach(self, vmid: int, xml: str, alias: str, timeout_s: float) -> None:
        """Ask the guest to let go of a device and wait; TimedOut when it does not."""

    def update(self, vmid: int, xml: str) -> None:
        """Change a device where it is: a card's bridge or link."""

    def change_medium(self, vmid: int, xml: str, alias: str) -> None:
        """Put what the drive in ``xml`` holds into the running one; nothing takes the old one out."""

    def need_iothread(self, vmid: int, number: int) -> None:
        """Make an I/O thread unless there is one with this number."""

    def set_disk_limits(self, vmid: int, alias: str, values: dict[str, int]) -> None:
        """Rates by libvirt's names; 0 is no limit."""

    def set_processors(self, vmid: int, online: int) -> None: ...

    def set_balloon(self, vmid: int, memory_mib: int) -> None: ...

    def set_scheduler(self, vmid: int, values: dict[str, int]) -> None: ...

    def ask_agent(self, vmid: int, request: str, timeout_s: int) -> str:
        """The guest agent's answer to a request, both JSON."""

    def human_monitor(self, vmid: int, command: str) -> str:
        """What QEMU's monitor for people answers to a command."""

    def move_definition(self, vmid: int, xml: str) -> str:
        """The running machine as a target must define it, its volumes where those of ``xml`` are."""

    def migrate(self, vmid: int, move: LiveMove, progress: Callable[[Progress], object]) -> None:
        """Move the running machine; it is held still on the target afterwards, and gone here.

        ``progress`` is called each second. An interruption takes everything back, unless it comes too late: then this
        returns as if there had been none. Raises HostError; the machine runs on here then.
        """

    def cancel_migration(self, vmid: int) -> None:
        """End a migration that nobody attends to any more, if there is one."""

    def downtime_ms(self, vmid: int) -> int:
        """How long the machine that came here stood still until it was complete."""

    def qemu_version(self) -> str: ...

    def command_line(self, xml: str) -> str:
        """QEMU's command line for a definition, as a shell would take it."""

    def close(self) -> None: ...
