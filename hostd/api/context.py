"""What a handler is given: the host's handles and who calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from hostd.access.authority import Authority
from hostd.access.login import Login
from hostd.access.rights import Rights
from hostd.cluster.store import Mirror, Store
from hostd.core.run import Run
from hostd.node.host import Host
from hostd.tasks.client import TaskClient


class Samples(Protocol):
    """The last sample of each node's statistics daemon, as plain tables; each answer comes from memory.

    ``node`` "" is this node. Of a node that is not ``known`` (away, or silent for a minute) all tables are empty.
    """

    def known(self, node: str = "") -> bool:
        """Whether there is a sample of the node."""

    def node(self, node: str = "") -> Mapping[str, Any]:
        """Live values of the node itself."""

    def guests(self, node: str = "") -> Mapping[int, Mapping[str, Any]]:
        """Live values by guest id; a guest of a known node without an entry is not running."""

    def storages(self, node: str = "") -> Mapping[str, Mapping[str, Any]]:
        """total, used, avail (bytes) and active by storage id."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything that handlers share in one process; made in ``daemons/``. ``credentials`` work as root only."""

    host: Host
    tasks: TaskClient
    samples: Samples
    authority: Authority
    credentials: Login


@dataclass(frozen=True, kw_only=True)
class Context:
    """One call. ``user`` is ``name@realm`` (or a token's full id), empty before log-in."""

    services: Services
    user: str

    @property
    def host(self) -> Host:
        return self.services.host

    @property
    def node(self) -> str:
        return self.services.host.node

    @property
    def store(self) -> Store:
        return self.services.host.store

    @property
    def mirror(self) -> Mirror:
        return self.services.host.mirror

    @property
    def run(self) -> Run:
        return self.services.host.run

    @property
    def tasks(self) -> TaskClient:
        return self.services.tasks

    @property
    def samples(self) -> Samples:
        return self.services.samples

    @cached_property
    def _rights(self) -> Rights:
        """The rights when the call first asked: one call sees one state, and long lists look only once."""
        return self.services.authority.rights

    def may(self, path: str, *privileges: str, any_of: bool = False) -> bool:
        """Whether the caller holds the privileges on an ACL path."""
        return self._rights.may(self.user, path, privileges, any_of=any_of)

    def spawn(self, type: str, id: str, **args: object) -> str:
        """Start a task as the caller; returns its UPID at once."""
        return self.tasks.spawn(type, id=id, user=self.user, args=args)
