"""The simulated side of the environments of manager and agent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from hostd.ha import jobs
from hostd.ha.config import Group, Options, Resource
from hostd.ha.env import Capacity, Job, Load, Measured, StoreFailed
from hostd.ha.events import Kind, Value
from hostd.ha.rules import Rule
from hostd.ha.states import Code, Requested
from hostd.ha.status import ManagerStatus, Publication
from tests.simulation_ha.cluster import Cluster
from tests.simulation_ha.guests import Guests


class _Daemon:
    """What both daemons of a node are given."""

    by = ""

    def __init__(self, cluster: Cluster, node: str) -> None:
        self.cluster = cluster
        self.node = node
        self.machine = cluster.machines[node]

    def clock_s(self) -> int:
        return self.machine.clocks_s[self.by]

    def now_s(self) -> float:
        return self.clock_s()

    def tell(self, kind: Kind, /, **fields: Value) -> None:
        given = {key: list(v) if isinstance(v, tuple) else v for key, v in fields.items() if v is not None}
        self.cluster.emit({"t": self.clock_s(), "on": self.node, "by": self.by, "event": str(kind), **given})

    def is_quorate(self) -> bool:
        return self.cluster.is_online(self.node)

    def refresh(self) -> bool:
        return self.machine.update_works

    def check_store(self) -> None:
        if not self.machine.store_works:
            raise StoreFailed(f"the store of {self.node} does not answer")

    def read_status(self) -> ManagerStatus:
        self.check_store()
        return self.cluster.status

    def read_resources(self) -> Mapping[str, Resource]:
        self.check_store()
        return dict(sorted(self.cluster.resources.items()))

    def read_options(self) -> Options:
        self.check_store()
        return self.cluster.options

    def take_lock(self, name: str) -> bool:
        taken = self.cluster.take_lock(name, self.node, self.clock_s())
        if taken:
            self.tell(Kind.LOCK_ACQUIRED, lock=name)
        return taken is not None

    def release_lock(self, name: str, *, leaves_guests: bool = False) -> None:
        self.cluster.release_lock(name, self.node, self.clock_s())

    def open_watchdog(self) -> None:
        self.cluster.watchdogs[self.node, self.by] = self.cluster.time_s

    def feed_watchdog(self) -> None:
        self.cluster.watchdogs[self.node, self.by] = self.cluster.time_s

    def close_watchdog(self) -> None:
        del self.cluster.watchdogs[self.node, self.by]


class ManagerSide(_Daemon):
    by = "crm"

    def members(self) -> Mapping[str, bool]:
        return {node: self.cluster.is_online(node) for node in self.cluster.machines}

    def write_status(self, status: ManagerStatus) -> None:
        self.check_store()
        self.cluster.status = status

    def read_publication(self, node: str) -> Publication | None:
        self.check_store()
        return self.cluster.publications.get(node)

    def read_rules(self) -> Sequence[Rule]:
        self.check_store()
        return list(self.cluster.rules)

    def read_groups(self) -> Mapping[str, Group]:
        self.check_store()
        return dict(self.cluster.groups)

    def has_commands(self) -> bool:
        return bool(self.cluster.commands)

    def read_commands(self) -> Sequence[str]:
        self.check_store()
        return list(self.cluster.commands)

    def drop_commands(self, count: int) -> None:
        del self.cluster.commands[:count]

    def capacities(self) -> Mapping[str, Capacity]:
        return {node: machine.capacity for node, machine in self.cluster.machines.items()}

    def limits(self) -> Mapping[str, Load]:
        return dict(self.cluster.limits)

    def measured(self) -> Sequence[Measured]:
        found = []
        for sid, resource in sorted(self.cluster.resources.items()):
            if resource.node and sid in self.cluster.machines[resource.node].running:
                found.append(Measured(sid=sid, node=resource.node, load=self.cluster.uses.get(sid, Load())))
        return found

    def is_powered_off(self, node: str) -> bool:
        return False

    def seize_lock(self, name: str) -> bool:
        raise AssertionError("there are no fence devices in recorded cases")

    def set_node(self, sid: str, node: str) -> None:
        self._change(sid, node=node)

    def set_requested(self, sid: str, requested: Requested) -> None:
        self._change(sid, requested=requested)

    def _change(self, sid: str, **changes: object) -> None:
        self.check_store()
        if sid in self.cluster.resources:
            self.cluster.resources[sid] = replace(self.cluster.resources[sid], **changes)  # type: ignore[arg-type]

    def clear_lock(self, sid: str, kinds: Collection[str]) -> str | None:
        if self.cluster.guest_locks.get(sid) in kinds:
            return self.cluster.guest_locks.pop(sid)
        return None

    def write_groups_as_rules(self, rules: Sequence[Rule]) -> None:
        self.check_store()
        self.cluster.rules = list(rules)

    def write_resources_without_groups(self, resources: Sequence[Resource]) -> None:
        self.check_store()
        self.cluster.resources = {resource.sid: resource for resource in resources}

    def delete_groups(self) -> None:
        self.check_store()
        self.cluster.groups = {}


class AgentSide(_Daemon):
    by = "lrm"

    def __init__(self, cluster: Cluster, node: str) -> None:
        super().__init__(cluster, node)
        self._ended: list[tuple[Job, Code]] = []

    def publish(self, publication: Publication) -> None:
        self.check_store()
        self.cluster.publications[self.node] = publication

    def can_publish(self) -> bool:
        """The recorded agents share this knowledge: once one has published, all go on."""
        return bool(self.cluster.publications)

    def has_manager(self) -> bool:
        """The recorded agents do not ask."""
        return True

    def left_guests(self) -> bool:
        """The recorded locks do not say so."""
        return False

    def has_left_watchdog(self) -> bool:
        return False

    def leave_watchdog(self) -> None:
        """The recorded agents take leave."""
        self.close_watchdog()

    def begin(self, job: Job) -> None:
        guests = Guests(self.cluster, self.node, self.tell)
        self._ended.append((job, jobs.run(job, self.node, guests, self.tell)))

    def finished(self) -> Sequence[tuple[Job, Code]]:
        ended, self._ended = self._ended, []
        return ended
