"""What manager and agent ask of the world: two sides of one interface, one real and one simulated (STYLE §8).

Clock, store, locks, watchdog and guests exist only behind it. A call that needs the store and cannot reach it raises
``StoreFailed``; nothing else may be raised for a fault of the world.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hostd.core.errors import Unavailable
from hostd.ha.config import Group, Options, Resource
from hostd.ha.events import Tell
from hostd.ha.rules import Rule
from hostd.ha.states import Code, Requested, ServiceState
from hostd.ha.status import ManagerStatus, Publication


class StoreFailed(Unavailable):
    """The store cannot be read or written from here, now."""


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Of a node: cores, bytes, version of the node's software."""

    cpus: float
    memory_bytes: int
    version: str


@dataclass(frozen=True, kw_only=True)
class Load:
    """Of a service or a node: cores and bytes. ``cpus`` 0 as a limit means: all cores of the node."""

    cpus: float = 0.0
    memory_bytes: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A process that really runs on the node where its configuration lies, with what it uses."""

    sid: str
    node: str
    load: Load


@dataclass(frozen=True, kw_only=True)
class Job:
    """What an agent does for a service. ``id`` None: its own stop at shutdown, which nobody waits for an answer of."""

    sid: str
    id: str | None
    state: ServiceState
    target: str | None = None
    timeout_s: int | None = None
    max_restart: int = 1


class Environment(Protocol):
    """What both daemons of a node need. ``node`` is its name, ``tell`` takes what happens."""

    node: str
    tell: Tell

    def now_s(self) -> float:
        """A clock of this process that never jumps; compared with nothing but itself."""

    def is_quorate(self) -> bool: ...

    def refresh(self) -> bool:
        """Bring the view of the store up to date; False when that fails."""

    def read_status(self) -> ManagerStatus: ...

    def read_resources(self) -> Mapping[str, Resource]: ...

    def read_options(self) -> Options: ...

    def take_lock(self, name: str) -> bool:
        """Acquire or renew; the event of a newly taken lock is told. Never waits for a holder."""

    def release_lock(self, name: str, *, leaves_guests: bool = False) -> None:
        """Give a lock back before it runs out.

        ``leaves_guests``: guests go on under it that no watchdog covers any more (an agent that restarts, HA disarmed).
        If this node is lost before it takes the lock again, others must not get it by waiting: nothing resets the node.
        Only a fence device, a boot of the node, or a person's word frees it.
        """

    def open_watchdog(self) -> None: ...

    def feed_watchdog(self) -> None: ...

    def close_watchdog(self) -> None:
        """Disarm in order: from now on nothing resets this node on behalf of this daemon."""


class ManagerEnvironment(Environment, Protocol):
    """What the CRM needs beyond that."""

    def members(self) -> Mapping[str, bool]:
        """All nodes of the cluster by name: whether each is online as this node's quorate partition sees it."""

    def write_status(self, status: ManagerStatus) -> None:
        """Ends a round. What ``set_node``, ``set_requested`` and ``clear_lock`` changed goes with it: all or nothing.

        A configuration that moved alone would leave its service an error: no agent finds it where the status says.
        """

    def read_publication(self, node: str) -> Publication | None: ...

    def read_rules(self) -> Sequence[Rule]: ...

    def read_groups(self) -> Mapping[str, Group]: ...

    def has_commands(self) -> bool: ...

    def read_commands(self) -> Sequence[str]:
        """Commands queued by users, oldest first."""

    def drop_commands(self, count: int) -> None:
        """Take the oldest ones off the queue, after what follows from them was written."""

    def capacities(self) -> Mapping[str, Capacity]: ...

    def limits(self) -> Mapping[str, Load]:
        """What each service may use at most, by sid."""

    def measured(self) -> Sequence[Measured]: ...

    def is_powered_off(self, node: str) -> bool:
        """A fence device has confirmed that the node has no power; asking starts the device where there is one."""

    def seize_lock(self, name: str) -> bool:
        """Take a lock although it has not run out. Only for the agent's lock of a node that is known to be off."""

    def set_node(self, sid: str, node: str) -> None:
        """Let a service's configuration lie on another node. Only while the old node cannot run it."""

    def set_requested(self, sid: str, requested: Requested) -> None: ...

    def clear_lock(self, sid: str, kinds: Collection[str]) -> str | None:
        """Drop a lock that a task on a lost node left in the configuration; which one it was, None if there was none.

        A lock of another kind stays: only a person may judge it.
        """

    def write_groups_as_rules(self, rules: Sequence[Rule]) -> None:
        """Replace ``rules.cfg``."""

    def write_resources_without_groups(self, resources: Sequence[Resource]) -> None:
        """Write failback and drop the group of each service."""

    def delete_groups(self) -> None: ...


# Locks in a guest's configuration that a task of a lost node left behind, and that nobody needs any more.
STALE_LOCKS = frozenset(
    {"backup", "mounted", "migrate", "clone", "rollback", "snapshot", "snapshot-delete", "suspending", "suspended"}
)


class AgentEnvironment(Environment, Protocol):
    """What the LRM needs beyond that."""

    def publish(self, publication: Publication) -> None: ...

    def can_publish(self) -> bool:
        """Whether a publication has reached the store at all: before that an agent does nothing else."""

    def has_manager(self) -> bool:
        """Whether a manager holds its lock, or that cannot be told now."""

    def left_guests(self) -> bool:
        """Whether this node's lock was given back with guests left (``leaves_guests``), since the node has booted."""

    def has_left_watchdog(self) -> bool:
        """Whether the process before this one has left its watchdog armed for this one, with ``leave_watchdog``."""

    def leave_watchdog(self) -> None:
        """Let the process that follows take the watchdog on; one that does not come soon is a cause to reset."""

    def begin(self, job: Job) -> None:
        """Start a job; at most one a service at a time."""

    def finished(self) -> Sequence[tuple[Job, Code]]:
        """Jobs that have ended since the last call, in the order of their beginning."""
