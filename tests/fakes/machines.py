"""libvirt as far as the life cycle needs it: domains are names in a dict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from hostd.core.errors import Conflict, HostError, NotFound
from hostd.guests.qemu.devices.disk import Source
from hostd.guests.qemu.domain_xml import vmid_of
from hostd.guests.qemu.live_move import LiveMove, Progress
from hostd.guests.qemu.machines import MachineState, MachineStats


@dataclass
class FakeMachines:
    """``deaf``: guests that do not react to a shutdown. ``refuse``: libvirt's reason for not starting anything."""

    states: dict[int, MachineState] = field(default_factory=dict)
    xml: dict[int, str] = field(default_factory=dict)
    deaf: bool = False
    refuse: str = ""
    calls: list[str] = field(default_factory=list)
    samples: list[MachineStats] = field(default_factory=list)

    def start(self, xml: str, *, paused: bool = False) -> None:
        if self.refuse:
            raise HostError(self.refuse)
        vmid = vmid_of(ElementTree.fromstring(xml).findtext("name", ""))
        assert vmid is not None
        if vmid in self.states:
            raise Conflict("already running")
        self.states[vmid] = MachineState.PAUSED if paused else MachineState.RUNNING
        self.xml[vmid] = xml

    def state(self, vmid: int) -> MachineState | None:
        return self.states.get(vmid)

    def _running(self, vmid: int, call: str) -> None:
        self.calls.append(call)
        if vmid not in self.states:
            raise NotFound(f"VM {vmid} is not running")

    def shutdown(self, vmid: int) -> None:
        self._running(vmid, "shutdown")
        if not self.deaf:
            del self.states[vmid]

    def stop(self, vmid: int) -> None:
        self._running(vmid, "stop")
        del self.states[vmid]

    def reset(self, vmid: int) -> None:
        self._running(vmid, "reset")

    def suspend(self, vmid: int) -> None:
        self._running(vmid, "suspend")
        self.states[vmid] = MachineState.PAUSED

    def resume(self, vmid: int) -> None:
        self._running(vmid, "resume")
        self.states[vmid] = MachineState.RUNNING

    def wait_gone(self, vmid: int, timeout_s: float) -> bool:
        return vmid not in self.states

    def stats(self) -> list[MachineStats]:
        return self.samples

    def definition(self, vmid: int) -> str:
        self._running(vmid, "definition")
        return self.xml[vmid]

    def save_memory(self, vmid: int, path: str) -> None:
        self._running(vmid, "save_memory")
        with open(path, "wb") as file:
            file.write(b"memory")

    def start_saved(self, path: str, xml: str) -> None:
        self.calls.append(f"start_saved {path}")
        self.start(xml)

    def freeze(self, vmid: int) -> None:
        self._running(vmid, "freeze")

    def thaw(self, vmid: int) -> None:
        self._running(vmid, "thaw")

    def monitor(self, vmid: int, command: str, arguments: Mapping[str, object]) -> Any:
        self._running(vmid, f"monitor {command}")
        if command == "query-block":
            sources = ElementTree.fromstring(self.xml[vmid]).iterfind("devices/disk/source")
            paths = [s.get("file", "") for s in sources]
            return [{"inserted": {"file": p, "node-name": f"node-{n}"}} for n, p in enumerate(paths)]
        return None

    def resize_disk(self, vmid: int, path: str, size_bytes: int) -> None:
        self._running(vmid, f"resize_disk {size_bytes}")
        with open(path, "r+b") as file:
            file.truncate(size_bytes)

    def copy_disk(
        self, vmid: int, path: str, target: Source, limit_bps: int, progress: Callable[[float], object]
    ) -> None:
        self._running(vmid, f"copy_disk {target.path}")
        progress(1.0)

    def abandon_copies(self, vmid: int) -> None:
        self._running(vmid, "abandon_copies")

    def attach(self, vmid: int, xml: str) -> None:
        self._running(vmid, "attach")

    def detach(self, vmid: int, xml: str, alias: str, timeout_s: float) -> None:
        self._running(vmid, f"detach {alias}")

    def update(self, vmid: int, xml: str) -> None:
        self._running(vmid, "update")

    def change_medium(self, vmid: int, xml: str, alias: str) -> None:
        self._running(vmid, f"change_medium {alias}")

    def need_iothread(self, vmid: int, number: int) -> None:
        self._running(vmid, f"need_iothread {number}")

    def set_disk_limits(self, vmid: int, alias: str, values: dict[str, int]) -> None:
        self._running(vmid, f"set_disk_limits {alias}")

    def set_processors(self, vmid: int, online: int) -> None:
        self._running(vmid, f"set_processors {online}")

    def set_balloon(self, vmid: int, memory_mib: int) -> None:
        self._running(vmid, f"set_balloon {memory_mib}")

    def set_scheduler(self, vmid: int, values: dict[str, int]) -> None:
        self._running(vmid, "set_scheduler")

    def ask_agent(self, vmid: int, request: str, timeout_s: int) -> str:
        self._running(vmid, "ask_agent")
        return "{}"

    def human_monitor(self, vmid: int, command: str) -> str:
        self._running(vmid, "human_monitor")
        return ""

    def move_definition(self, vmid: int, xml: str) -> str:
        self._running(vmid, "move_definition")
        return xml

    def migrate(self, vmid: int, move: LiveMove, progress: Callable[[Progress], object]) -> None:
        self._running(vmid, "migrate")
        if self.refuse:
            raise HostError(self.refuse)
        progress(Progress(done=1, remaining=0, total=1))
        del self.states[vmid]

    def cancel_migration(self, vmid: int) -> None:
        self.calls.append("cancel_migration")

    def downtime_ms(self, vmid: int) -> int:
        return 50

    def qemu_version(self) -> str:
        return "10.0.2"

    def command_line(self, xml: str) -> str:
        return f"qemu-system-x86_64 -name {ElementTree.fromstring(xml).findtext('name', '')} -m 64 -S"

    def close(self) -> None:
        self.calls.append("close")
