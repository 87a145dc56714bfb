"""Parameters that many methods of a node share."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.core.kinds import NODE, VMID
from hostd.core.schema import param


@dataclass(frozen=True, kw_only=True)
class NoParams:
    """No parameters."""


@dataclass(frozen=True, kw_only=True)
class NodeParams:
    """One node."""

    node: str = param(NODE, doc="Cluster node.")


@dataclass(frozen=True, kw_only=True)
class GuestParams:
    """One guest."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
