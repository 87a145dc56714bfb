"""Parameters that many methods of a node share."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.core.kinds import NODE
from hostd.core.schema import param


@dataclass(frozen=True, kw_only=True)
class NoParams:
    """No parameters."""


@dataclass(frozen=True, kw_only=True)
class NodeParams:
    """One node."""

    node: str = param(NODE, doc="Cluster node.")
