"""The cluster as one node sees it: which nodes there are, where, and who is there; quorum. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the cluster. ``online``: its store's daemon is in the group.

    ``address``: of its first link ("" where it has none); ``others``: of its further links, in their order.
    """

    name: str
    node_id: int
    address: str
    online: bool
    others: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """All that are known, the first link's first."""
        return tuple(address for address in (self.address, *self.others) if address)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """The cluster as this node sees it. ``version`` rises with each change of it, ``config`` is corosync.conf's."""

    version: int
    name: str
    config: int
    quorate: bool
    members: tuple[Member, ...]

    def member(self, name: str) -> Member | None:
        return next((member for member in self.members if member.name == name), None)


def to_wire(standing: Standing | None) -> list[Any] | None:
    """As the watch socket tells it; None on a host that belongs to no cluster."""
    if standing is None:
        return None
    members = [[m.name, m.node_id, m.address, m.online, list(m.others)] for m in standing.members]
    return [standing.version, standing.name, standing.config, standing.quorate, members]


def from_wire(told: list[Any] | None) -> Standing | None:
    """The opposite of ``to_wire``. Raises ValueError, TypeError on anything else."""
    if told is None:
        return None
    version, name, config, quorate, members = told
    return Standing(
        version=version,
        name=name,
        config=config,
        quorate=quorate,
        members=tuple(Member(n, i, a, online, tuple(others)) for n, i, a, online, others in members),
    )
