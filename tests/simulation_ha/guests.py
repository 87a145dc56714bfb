"""Simulated guests: processes on nodes, locks in their configuration, and test services that fail on purpose.

Source: conformance area ``ha``, section 5.6.
"""

from __future__ import annotations

from dataclasses import replace

from hostd.ha.events import Kind, Tell
from hostd.ha.states import Move
from tests.simulation_ha.cluster import Cluster


class Guests:
    """The guests as the agent of ``node`` reaches them."""

    def __init__(self, cluster: Cluster, node: str, tell: Tell) -> None:
        self.cluster = cluster
        self.node = node
        self.tell = tell

    def home(self, sid: str) -> str | None:
        resource = self.cluster.resources.get(sid)
        return resource.node if resource else None

    def is_running(self, sid: str) -> bool:
        return sid in self.cluster.machines[self.node].running

    def start(self, sid: str) -> bool:
        if self._fails(sid, "start", 1) or self._is_locked(sid, "start"):
            return False
        self.cluster.machines[self.node].running.add(sid)
        return True

    def stop(self, sid: str, timeout_s: int | None) -> bool:
        if digit(sid, 3) or self._is_locked(sid, "shutdown"):
            return False
        self.cluster.machines[self.node].running.discard(sid)
        return True

    def has_arrived(self, sid: str, target: str) -> bool:
        return False

    def can_arrive(self, target: str) -> bool:
        return True

    def move(self, sid: str, how: Move, target: str) -> bool:
        """The process is gone afterwards, even when it moved online: its start on the target is the target's job."""
        if self._fails(sid, "move", 2):
            return False
        self.tell(Kind.SERVICE_MOVE_START, sid=sid, how=str(how), target=target)
        if self._is_locked(sid, str(how)):
            return False
        if how is Move.RELOCATE and self.is_running(sid):
            self.tell(Kind.SERVICE_STOP, sid=sid, relocate=True)
            if not self.stop(sid, None):
                return False
            self.tell(Kind.SERVICE_STOPPED, sid=sid)
        self.cluster.machines[self.node].running.discard(sid)
        self.cluster.resources[sid] = replace(self.cluster.resources[sid], node=target)
        self.tell(Kind.SERVICE_MOVE_END, sid=sid, how=str(how), target=target)
        return True

    def _is_locked(self, sid: str, operation: str) -> bool:
        lock = self.cluster.guest_locks.get(sid)
        if lock:
            self.tell(Kind.SERVICE_LOCKED, sid=sid, lock=lock, op=operation)
        return lock is not None

    def _fails(self, sid: str, attempt: str, position: int) -> bool:
        only = digit(sid, 5)
        count = self.cluster.attempts.get((sid, attempt), 0) + 1
        fails = digit(sid, position) >= count and (not only or self.node == f"node{only}")
        self.cluster.attempts[sid, attempt] = count if fails else 0
        return fails


def digit(sid: str, position: int) -> int:
    """A digit of a test service's number, 0 where there is none; other services have none."""
    kind, _, number = sid.partition(":")
    return int(number[position]) if kind == "fa" and number[position : position + 1].isdecimal() else 0
