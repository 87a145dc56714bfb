"""The door to LXC and systemd for what changes a container's state; reading it is ``running.py``'s."""

from __future__ import annotations

import time
from typing import Final, Protocol

from hostd.core.errors import Conflict, HostError
from hostd.guests.lxc import live, running, start_log
from hostd.guests.lxc.config import Container
from hostd.guests.lxc.prepared import prepared
from hostd.guests.lxc.running import unit
from hostd.node.host import Host

# A start checks file systems, loads a profile, waits for udev; a stop is LXC's own wait and what the unit allows.
_START_S: Final = 150
_STOP_S: Final = 150
_POLL_S: Final = 0.1


def shutdown_argv(vmid: int, timeout_s: int) -> list[str]:
    """Send the signal that means power-off to its first program, and wait (lxc-stop(1)); it is not killed after."""
    return ["lxc-stop", "--name", str(vmid), "--timeout", str(timeout_s), "--nokill"]


def kill_argv(vmid: int) -> list[str]:
    return ["lxc-stop", "--name", str(vmid), "--kill"]


def freeze_argv(vmid: int, *, hold: bool) -> list[str]:
    """Hold its processes still, or let them go on (lxc-freeze(1), lxc-unfreeze(1))."""
    return ["lxc-freeze" if hold else "lxc-unfreeze", "--name", str(vmid)]


def wait_argv(vmid: int) -> list[str]:
    """Wait until LXC lets others in, or the start has failed after all (the unit does the same)."""
    return ["lxc-wait", "--name", str(vmid), "--state", "RUNNING|STOPPED", "--timeout", "30"]


class Engine(Protocol):
    """What the life cycle needs."""

    def running(self, vmid: int) -> bool: ...

    def start(self, vmid: int, *, debug: bool = False) -> None:
        """Returns when its first program runs. HostError with the reason when that does not come to pass.

        ``debug``: LXC writes down all that it does, whatever the configuration says.
        """

    def shutdown(self, vmid: int, timeout_s: int) -> bool:
        """Ask it to power off; False when it still runs after that time."""

    def kill(self, vmid: int) -> None:
        """Returns when nothing of it is left. Nothing to do when it does not run."""

    def freeze(self, vmid: int) -> None:
        """Hold its processes still."""

    def thaw(self, vmid: int) -> None:
        """Let them go on; harmless where they were not held."""

    def mount_namespace(self, vmid: int) -> str:
        """The path of the namespace in which its volumes are mounted; Conflict when it does not run."""

    def init_pid(self, vmid: int) -> int:
        """Its first program's process; Conflict when it does not run."""

    def set_limits(self, container: Container) -> None:
        """Bring a running container's limits to what its configuration says. HostError where the kernel refuses."""


def _why(vmid: int, otherwise: str) -> str:
    reasons = start_log.reasons(start_log.read(vmid))
    return f"CT {vmid} did not start: {'; '.join(reasons) or otherwise}"


class SystemdEngine:
    """One systemd unit per container: it is no child of ours and outlives every daemon of ours."""

    def __init__(self, host: Host) -> None:
        self._host, self._run = host, host.run

    def running(self, vmid: int) -> bool:
        return running.init_pid(vmid) is not None

    def start(self, vmid: int, *, debug: bool = False) -> None:
        start_log.clear(vmid)
        running.take_reboot(vmid)  # a reboot that never came to its start is none
        try:
            with prepared(self._host, vmid, debug=debug):
                self._run(["systemctl", "start", unit(vmid)], timeout_s=_START_S)
        except HostError as err:
            self._run(["systemctl", "reset-failed", unit(vmid)], check=False)
            raise HostError(_why(vmid, str(err))) from err
        if not self.running(vmid):
            raise HostError(_why(vmid, "its first program ended at once"))

    def shutdown(self, vmid: int, timeout_s: int) -> bool:
        self._run(shutdown_argv(vmid, timeout_s), timeout_s=timeout_s + 30, check=False)
        if self.running(vmid):
            return False
        self._settle(vmid)
        return True

    def kill(self, vmid: int) -> None:
        self._run(kill_argv(vmid), timeout_s=30, check=False)
        self._settle(vmid)

    def freeze(self, vmid: int) -> None:
        self._run(freeze_argv(vmid, hold=True))

    def thaw(self, vmid: int) -> None:
        self._run(freeze_argv(vmid, hold=False))

    def mount_namespace(self, vmid: int) -> str:
        shown = self._run(["systemctl", "show", "--property", "MainPID", "--value", unit(vmid)]).stdout.strip()
        if not shown.isdecimal() or shown == "0":
            raise Conflict(f"CT {vmid} is not running")
        return f"/proc/{shown}/ns/mnt"

    def init_pid(self, vmid: int) -> int:
        pid = running.init_pid(vmid)
        if pid is None:
            raise Conflict(f"CT {vmid} is not running")
        return pid

    def set_limits(self, container: Container) -> None:
        live.set_limits(container)

    def _settle(self, vmid: int) -> None:
        """Wait for the unit to end, which it does by itself; what would keep it is ended by systemd."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            state = self._run(["systemctl", "is-active", unit(vmid)], check=False).stdout.strip()
            if state not in ("active", "activating", "deactivating", "reloading"):
                return
            time.sleep(_POLL_S)
        self._run(["systemctl", "stop", unit(vmid)], timeout_s=_STOP_S)
