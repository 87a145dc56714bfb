"""A scenario live in a terminal: one screen a round, nodes above, services below, then what just happened."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import Any, Final

from tests.simulation_ha.cluster import Cluster, Machine

_CLEAR: Final = "\033[H\033[2J"
_RESET: Final = "\033[0m"
_BOLD: Final = "\033[1m"
_DIM: Final = "\033[2m"
_COLOURS: Final = {
    **dict.fromkeys(("master", "active", "online", "started", "on"), "\033[32m"),
    **dict.fromkeys(("fence", "error", "lost_agent_lock", "lost_manager_lock", "recovery", "off"), "\033[31m"),
    **dict.fromkeys(("migrate", "relocate", "maintenance", "freeze", "unknown", "request_stop"), "\033[33m"),
}
_EVENTS: Final = 14


class Screen:
    """Takes events as they come and draws the cluster after each round, ``pause_s`` apart."""

    def __init__(self, pause_s: float) -> None:
        self.pause_s = pause_s
        self._events: deque[str] = deque(maxlen=_EVENTS)

    def take(self, event: dict[str, Any]) -> None:
        if event["event"] == "final":
            return
        fields = " ".join(f"{k}={v}" for k, v in event.items() if k not in ("t", "on", "by", "event"))
        who = f"{event['on']}/{event['by']}" if "on" in event else event["by"]
        self._events.append(f"{event['t']:6} {who:<14} {event['event']} {fields}")

    def draw(self, cluster: Cluster) -> None:
        sys.stdout.write(_CLEAR + self.text(cluster))
        sys.stdout.flush()
        time.sleep(self.pause_s)

    def text(self, cluster: Cluster) -> str:
        """One screen; nothing in it depends on the terminal."""
        quorum = "quorate" if cluster.is_quorate() else "\033[31mno quorum\033[0m"
        lines = [f"{_BOLD}{cluster.time_s} s{_RESET}   {quorum}   scheduler {cluster.options.scheduler}", ""]
        lines.append(_row("node", "power", "network", "crm", "agent", "seen as", "dogs", "runs", style=_BOLD))
        for machine in cluster.machines.values():
            lines.append(_node(cluster, machine))
        lines += ["", _row("service", "wanted", "state", "node", "target", "runs on", style=_BOLD)]
        for sid in sorted({*cluster.resources, *cluster.status.services}):
            lines.append(_service(cluster, sid))
        lines += ["", *(f"{_DIM}{event[:110]}{_RESET}" for event in self._events)]
        return "\n".join(lines) + "\n"


def _node(cluster: Cluster, machine: Machine) -> str:
    return _row(
        machine.name,
        "on" if machine.power else "off",
        "on" if machine.network else "off",
        machine.crm.now.state if machine.crm else "-",
        machine.lrm.now.state if machine.lrm else "-",
        cluster.status.nodes.get(machine.name, "-"),
        sum(node == machine.name for node, _ in cluster.watchdogs),
        len(machine.running),
    )


def _service(cluster: Cluster, sid: str) -> str:
    resource, known = cluster.resources.get(sid), cluster.status.services.get(sid)
    running = [name for name, machine in cluster.machines.items() if sid in machine.running]
    return _row(
        sid,
        resource.requested if resource else "-",
        known.state if known else "-",
        known.node if known else resource.node if resource else "-",
        (known and known.target) or "-",
        ",".join(running) or "-",
    )


def _row(*cells: object, style: str = "") -> str:
    widths = (10, 9, 20, 18, 20, 12, 5, 5)
    parts = []
    for width, cell in zip(widths, cells, strict=False):
        colour = style or _COLOURS.get(str(cell), "")
        parts.append(f"{colour}{cell!s:<{width}}{_RESET if colour else ''}")
    return " ".join(parts).rstrip()
