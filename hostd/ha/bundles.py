"""Services that move together.

Source: conformance area ``ha``, section 11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hostd.ha.states import MOVING, ServiceState


class Placed(Protocol):
    @property
    def state(self) -> ServiceState: ...

    @property
    def node(self) -> str: ...


def bundles(services: Mapping[str, Placed], positive: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Members by leader (the first of them), both sorted: a started service with its started positive partners.

    There is no bundle while a partner moves or while the members are on several nodes.
    """
    found: dict[str, list[str]] = {}
    for sid in sorted(sid for sid, service in services.items() if service.state is ServiceState.STARTED):
        partners = [partner for partner in positive.get(sid, ()) if partner in services]
        if any(services[partner].state in MOVING for partner in partners):
            continue
        started = (partner for partner in partners if services[partner].state is ServiceState.STARTED)
        members = sorted({sid, *started})
        if len({services[member].node for member in members}) == 1:
            found.setdefault(members[0], members)
    return found
