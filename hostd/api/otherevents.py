"""What happens on the other nodes of a cluster: they come and go, tasks begin and end, guests start and stop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from hostd.api.eventkinds import Event, of_presence, of_status, of_task
from hostd.cluster.store import Mirror
from hostd.tasks import shared
from hostd.tasks.archive import Entry


class Live(Protocol):
    """``node.samples.ClusterSamples``, or what stands for it in a test."""

    def known(self, node: str = "") -> bool: ...

    def guests(self, node: str = "") -> Mapping[int, Mapping[str, Any]]: ...


class OtherNodes:
    """``step`` tells what changed since the step before.

    The first look at a node, also after it was away, tells nothing: what happened meanwhile is in the lists.
    """

    def __init__(self, node: str, mirror: Mirror, samples: Live) -> None:
        self._node, self._mirror, self._samples = node, mirror, samples
        self._tasks: dict[str, tuple[object, dict[str, str | None]]] = {}
        self._up: dict[str, set[int]] = {}
        self._present: dict[str, bool] = {}

    def forget(self) -> None:
        """Nobody listens: what happens meanwhile is not told later."""
        self._tasks, self._up, self._present = {}, {}, {}

    def step(self) -> list[Event]:
        told = {node: value for node, value in self._mirror.shared(shared.TASKS).items() if node != self._node}
        found: list[Event] = []
        tasks: dict[str, tuple[object, dict[str, str | None]]] = {}
        for node, value in told.items():
            before = self._tasks.get(node)
            if before is not None and before[0] is value:
                tasks[node] = before
                continue
            entries = shared.tasks_from_wire(value.data)
            tasks[node] = (value, {str(entry.upid): entry.status for entry in entries})
            if before is not None:
                found += [of_task(entry) for entry in _news(entries, before[1])]
        self._tasks = tasks
        names = self._names()
        return self._presence(names) + found + self._guests(names)

    def _names(self) -> dict[str, bool]:
        """The other nodes of the cluster, and whether they are there."""
        members = self._mirror.members()
        return {m.name: m.online for m in members.members if m.name != self._node} if members else {}

    def _presence(self, names: Mapping[str, bool]) -> list[Event]:
        before, self._present = self._present, dict(names)
        return [of_presence(name, online=names[name]) for name in names if before.get(name, names[name]) != names[name]]

    def _guests(self, names: Iterable[str]) -> list[Event]:
        up = {name: set(self._samples.guests(name)) for name in names if self._samples.known(name)}
        found: list[Event] = []
        for name in up.keys() & self._up.keys():
            found += [of_status(vmid, name, "running") for vmid in sorted(up[name] - self._up[name])]
            found += [of_status(vmid, name, "stopped") for vmid in sorted(self._up[name] - up[name])]
        self._up = up
        return found


def _news(entries: list[Entry], before: Mapping[str, str | None]) -> list[Entry]:
    """Entries that began or ended since, oldest first."""
    fresh = [entry for entry in entries if before.get(str(entry.upid), "") != entry.status]
    return fresh[::-1]
