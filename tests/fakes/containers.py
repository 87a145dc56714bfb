"""LXC and systemd as far as the life cycle needs them: containers are numbers in a set."""

from __future__ import annotations

from dataclasses import dataclass, field

from hostd.core.errors import Conflict, HostError
from hostd.guests.lxc.config import Container


@dataclass
class FakeEngine:
    """``deaf``: containers that do not react to a shutdown. ``refuse``: why nothing starts."""

    up: set[int] = field(default_factory=set)
    deaf: bool = False
    refuse: str = ""
    calls: list[str] = field(default_factory=list)
    frozen: set[int] = field(default_factory=set)
    limits: list[Container] = field(default_factory=list)
    limits_refused: str = ""

    def running(self, vmid: int) -> bool:
        return vmid in self.up

    def start(self, vmid: int, *, debug: bool = False) -> None:
        self.calls.append(f"start {vmid}" + (" debug" if debug else ""))
        if self.refuse:
            raise HostError(self.refuse)
        self.up.add(vmid)

    def shutdown(self, vmid: int, timeout_s: int) -> bool:
        self.calls.append(f"shutdown {vmid} {timeout_s}")
        if not self.deaf:
            self.up.discard(vmid)
        return not self.deaf

    def kill(self, vmid: int) -> None:
        self.calls.append(f"kill {vmid}")
        self.up.discard(vmid)

    def freeze(self, vmid: int) -> None:
        self.calls.append(f"freeze {vmid}")
        self.frozen.add(vmid)

    def thaw(self, vmid: int) -> None:
        self.calls.append(f"thaw {vmid}")
        self.frozen.discard(vmid)

    def mount_namespace(self, vmid: int) -> str:
        if vmid not in self.up:
            raise Conflict(f"CT {vmid} is not running")
        return f"/proc/{vmid}/ns/mnt"

    def init_pid(self, vmid: int) -> int:
        if vmid not in self.up:
            raise Conflict(f"CT {vmid} is not running")
        return vmid

    def set_limits(self, container: Container) -> None:
        if self.limits_refused:
            raise HostError(self.limits_refused)
        self.limits.append(container)
