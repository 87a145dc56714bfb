"""Why an agent's process is asked to end: the node goes down, boots anew, or only the process is replaced."""

from __future__ import annotations

from typing import Final

from hostd.core.errors import HostError
from hostd.core.run import Run
from hostd.ha.states import Shutdown

ARGV: Final = ("systemctl", "list-jobs", "--no-legend", "--plain")
_ANEW: Final = frozenset({"reboot.target", "soft-reboot.target", "kexec.target"})
_DOWN: Final = frozenset({"shutdown.target", "poweroff.target", "halt.target"})


def parse(out: str) -> Shutdown:
    """Of systemd's jobs, ``id unit type state`` a line. Source: systemctl(1), list-jobs; systemd.special(7)."""
    starts = {words[1] for line in out.splitlines() if len(words := line.split()) >= 3 and words[2] == "start"}
    if starts & _ANEW:
        return Shutdown.REBOOT
    return Shutdown.SHUTDOWN if starts & _DOWN else Shutdown.RESTART


def kind(run: Run) -> Shutdown:
    """Where systemd does not say, the node stays: guests are then left running, which harms nobody."""
    try:
        return parse(run(ARGV, timeout_s=10).stdout)
    except HostError:
        return Shutdown.RESTART
