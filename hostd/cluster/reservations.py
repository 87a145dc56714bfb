"""Guest ids that callers reserved for a while, so that parallel programs never choose the same one.

One file in the tree, changed by compare-and-set: whoever loses the race reads again and chooses another id.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from hostd.cluster.store import Mirror, Store
from hostd.core.errors import Conflict, NotFound

PATH: Final = "reserved-ids"
ATTEMPTS: Final = 50


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """``until``: seconds of the epoch."""

    vmid: int
    user: str
    until: int


def parse(data: bytes, *, now_s: float) -> list[Reservation]:
    """Reservations that are not over; a file that is no list of them counts as empty."""
    try:
        found = [Reservation(vmid=int(e["vmid"]), user=str(e["user"]), until=int(e["until"])) for e in json.loads(data)]
    except (ValueError, TypeError, KeyError):
        return []
    return [r for r in found if r.until > now_s]


def read(mirror: Mirror, *, now_s: float) -> list[Reservation]:
    file = mirror.get(PATH)
    return parse(file.data, now_s=now_s) if file else []


def reserve(store: Store, choose: Callable[[set[int]], int], *, user: str, now_s: float, seconds: int) -> Reservation:
    """Reserve the id that ``choose`` names, given the reserved ones. Conflict after many lost races."""
    for _attempt in range(ATTEMPTS):
        try:
            file = store.read(PATH)
            there, version = parse(file.data, now_s=now_s), file.version
        except NotFound:
            there, version = [], 0
        made = Reservation(vmid=choose({r.vmid for r in there}), user=user, until=int(now_s) + seconds)
        data = json.dumps([asdict(r) for r in [*there, made]]).encode()
        try:
            store.write(PATH, data, if_version=version, actor=user)
        except Conflict:
            continue
        return made
    raise Conflict("too many callers reserve guest ids at once; try again")
