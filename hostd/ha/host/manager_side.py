"""The manager's environment on a host."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from hostd.cluster import leases
from hostd.cluster.sectionfile import SectionFile
from hostd.cluster.store import mkdir_step, rename_step, write_step
from hostd.cluster.wire import Message
from hostd.core.errors import NotFound
from hostd.core.formats import sectionconfig
from hostd.core.formats.keyvalue import format_guest
from hostd.core.formats.sectionconfig import Section
from hostd.guests import config as files
from hostd.ha import files as sections
from hostd.ha import rules as rule_files
from hostd.ha import status, stored
from hostd.ha.budget import MANAGER_LOCK
from hostd.ha.config import Group, Resource
from hostd.ha.env import Capacity, Load, Measured, StoreFailed
from hostd.ha.host import figures
from hostd.ha.host.side import Side, Surroundings, store_errors
from hostd.ha.rules import Rule
from hostd.ha.states import Requested
from hostd.ha.status import ManagerStatus, Publication

_ACTOR: Final = "ha-manager"


class Devices(Protocol):
    """Fence devices of nodes."""

    def is_off(self, node: str) -> bool:
        """Whether a device has confirmed it; asking starts the device, where there is one, and does not wait."""

    def forget(self, node: str) -> None:
        """The node is there again."""


class NoDevices:
    def is_off(self, node: str) -> bool:
        return False

    def forget(self, node: str) -> None:
        pass


@dataclass
class Staged:
    """What goes into the store with the status."""

    nodes: dict[str, str] = field(default_factory=dict)
    requested: dict[str, Requested] = field(default_factory=dict)
    unlocked: dict[str, tuple[bytes, int]] = field(default_factory=dict)


class ManagerSide(Side):
    """``devices``: what cuts a node's power; ``wall_s``: the date, for those who read the status."""

    def __init__(
        self, around: Surroundings, devices: Devices | None = None, wall_s: Callable[[], float] = time.time
    ) -> None:
        super().__init__(around)
        self._devices = devices or NoDevices()
        self._wall_s = wall_s
        self._staged = Staged()

    def refresh(self) -> bool:
        self._staged = Staged()  # of a round that was aborted
        return super().refresh()

    def members(self) -> Mapping[str, bool]:
        standing = self.mirror.members()
        if standing is None:
            return {self.node: True}
        online = {member.name: standing.quorate and member.online for member in standing.members}
        for node, there in online.items():
            if there:
                self._devices.forget(node)
        return online

    # --- the status and what goes with it

    def write_status(self, status_: ManagerStatus) -> None:
        staged, self._staged = self._staged, Staged()
        wire = status.to_wire(status_) | {"timestamp": int(self._wall_s())}
        data = json.dumps(wire, sort_keys=True, separators=(",", ":")).encode()
        with store_errors():
            steps = [mkdir_step(stored.FOLDER), *self._steps(staged), write_step(stored.STATUS, data)]
            version = self.store.batch([*steps, self._fence_step()], actor=_ACTOR)
            self.mirror.wait_for(version)

    def _fence_step(self) -> Message:
        """Renews the manager's lock with the write: who has lost it meanwhile changes nothing."""
        locks = self.around.locks
        held = locks.holder(MANAGER_LOCK)
        if held is None or held.node != self.node:
            raise StoreFailed("this node is not master any more")
        lease = locks.own(MANAGER_LOCK, held.version)
        return write_step(leases.path_of(MANAGER_LOCK), leases.contents(lease), if_version=held.version)

    def _steps(self, staged: Staged) -> list[Message]:
        """Guests' files first unlocked, then moved; then what is wanted of services."""
        homes = stored.guests(self.mirror)
        steps: list[Message] = []
        for sid, (data, version) in staged.unlocked.items():
            steps.append(write_step(homes[sid].path, data, if_version=version))
        for sid, node in staged.nodes.items():
            where = homes.get(sid)
            if where is None or where.node == node:
                continue
            target = replace(where, node=node)
            steps += [mkdir_step(target.path.rpartition("/")[0]), rename_step(where.path, target.path)]
        if staged.requested:
            file = sections.load(self.store, stored.RESOURCES)
            for sid, requested in staged.requested.items():
                file = _with_state(file, sid, requested)
            steps.append(write_step(file.path, file.text().encode(), if_version=file.version))
        return steps

    def set_node(self, sid: str, node: str) -> None:
        self._staged.nodes[sid] = node

    def set_requested(self, sid: str, requested: Requested) -> None:
        self._staged.requested[sid] = requested

    def clear_lock(self, sid: str, kinds: Collection[str]) -> str | None:
        where = stored.guests(self.mirror).get(sid)
        if where is None:
            return None
        with store_errors():
            guest = files.load(self.store, where)
        mark = guest.file.current.get("lock")
        if mark not in kinds:
            return None
        kept = {key: value for key, value in guest.file.current.items() if key != "lock"}
        text = format_guest(replace(guest.file, current=kept), pending=where.kind.pending)
        self._staged.unlocked[sid] = (text.encode(), guest.version)
        return mark

    # --- what agents and people say

    def read_publication(self, node: str) -> Publication | None:
        with store_errors():
            return stored.publication(self.mirror, node)

    def read_rules(self) -> Sequence[Rule]:
        with store_errors():
            return stored.rules_of(self.mirror)

    def read_groups(self) -> Mapping[str, Group]:
        with store_errors():
            return stored.groups(self.mirror)

    def has_commands(self) -> bool:
        return bool(stored.commands(self.mirror))

    def read_commands(self) -> Sequence[str]:
        return stored.commands(self.mirror)

    def drop_commands(self, count: int) -> None:
        with store_errors():
            file = self.store.read(stored.COMMANDS)
            lines = [line for line in file.data.decode(errors="replace").splitlines() if line.strip()]
            left = "".join(f"{line}\n" for line in lines[count:]).encode()
            version = self.store.write(stored.COMMANDS, left, if_version=file.version, actor=_ACTOR).version
            self.mirror.wait_for(version)

    # --- figures

    def capacities(self) -> Mapping[str, Capacity]:
        return figures.capacities(self.mirror, self.members())

    def limits(self) -> Mapping[str, Load]:
        return {sid: figures.limit(self.mirror, where) for sid, where in stored.guests(self.mirror).items()}

    def measured(self) -> Sequence[Measured]:
        return figures.measured(self.mirror, self.members())

    # --- lost nodes

    def is_powered_off(self, node: str) -> bool:
        return self._devices.is_off(node)

    def seize_lock(self, name: str) -> bool:
        return self.around.locks.seize(name)

    # --- groups become rules

    def write_groups_as_rules(self, rules: Sequence[Rule]) -> None:
        with store_errors():
            file = sections.load(self.store, stored.RULES)
            new = [rule for rule in rules if file.find(rule.id) is None]
            added = tuple(sectionconfig.parse(rule_files.format(new)))
            sections.save(self.store, replace(file, sections=(*file.sections, *added)), actor=_ACTOR)

    def write_resources_without_groups(self, resources: Sequence[Resource]) -> None:
        with store_errors():
            file = sections.load(self.store, stored.RESOURCES)
            known = {resource.sid: resource for resource in resources}
            changed = tuple(_without_group(s, known.get(f"{s.type}:{s.id}")) for s in file.sections)
            sections.save(self.store, replace(file, sections=changed), actor=_ACTOR)

    def delete_groups(self) -> None:
        with store_errors():
            try:
                self.store.delete(stored.GROUPS, actor=_ACTOR)
            except NotFound:
                pass


def _with_state(file: SectionFile, sid: str, requested: Requested) -> SectionFile:
    """A service that was taken out of the file meanwhile stays out."""
    section = file.find(sid.partition(":")[2])
    if section is None:
        return file
    return file.with_section(replace(section, values={**section.values, "state": str(requested)}))


def _without_group(section: Section, resource: Resource | None) -> Section:
    if resource is None:
        return section
    values = {key: text for key, text in section.values.items() if key != "group"}
    return replace(section, values=values if resource.failback else {**values, "failback": "0"})
