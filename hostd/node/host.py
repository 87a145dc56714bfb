"""What a process knows of the host it serves: handles that are made once, in ``daemons/``, and passed down."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.cluster.store import Mirror, Store
from hostd.core.run import Run


@dataclass(frozen=True, kw_only=True)
class Host:
    """``node``: this node's name. ``store`` writes and reads /etc/pve; ``mirror`` is its copy in memory."""

    node: str
    store: Store
    mirror: Mirror
    run: Run
