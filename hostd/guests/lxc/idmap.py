"""Which users of a container are which on the host: ``lxc.idmap = u 0 100000 65536`` (lxc.container.conf(5)).

A container has the usual map (``facts.py``) unless its file has lines of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from hostd.core.errors import Conflict, ParseError
from hostd.guests.lxc.facts import FIRST_ID, ID_COUNT

KEY: Final = "lxc.idmap"
# The last number means "no user" to the kernel (user_namespaces(7)).
_LIMIT: Final = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class Range:
    """``count`` users (``u``) or groups (``g``) from ``inside`` on are those from ``outside`` on at the host."""

    kind: str
    inside: int
    outside: int
    count: int

    def text(self) -> str:
        return f"{self.kind} {self.inside} {self.outside} {self.count}"


USUAL: Final = tuple(Range(kind=kind, inside=0, outside=FIRST_ID, count=ID_COUNT) for kind in "ug")


def parse(value: str) -> list[Range]:
    """One line's value; ``b`` stands for users and groups. ParseError."""
    words = value.split()
    if len(words) != 4 or words[0] not in ("u", "g", "b") or not all(word.isdecimal() for word in words[1:]):
        raise ParseError(f"{KEY}: '{value}': expected 'u', 'g' or 'b', the first id inside, on the host, and a count")
    inside, outside, count = (int(word) for word in words[1:])
    return [Range(kind=kind, inside=inside, outside=outside, count=count) for kind in words[0].replace("b", "ug")]


def problem(ranges: Sequence[Range]) -> str:
    """What is wrong with a map, or "": the kernel takes no id twice, neither inside nor on the host."""
    for found in ranges:
        if found.count < 1 or max(found.inside, found.outside) + found.count > _LIMIT:
            return f"{KEY}: '{found.text()}' leaves the ids that there are"
    sides: tuple[tuple[str, Callable[[Range], int]], ...] = (
        ("inside", lambda one: one.inside),
        ("on the host", lambda one: one.outside),
    )
    for kind in "ug":
        for side, start in sides:
            ordered = sorted((one for one in ranges if one.kind == kind), key=start)
            for one, next_one in pairwise(ordered):
                if start(one) + one.count > start(next_one):
                    return f"{KEY}: '{one.text()}' and '{next_one.text()}' share ids {side}"
    return ""


def of_container(raw: Iterable[tuple[str, str]], *, unprivileged: bool) -> tuple[Range, ...]:
    """The map of a container from the LXC lines of its file: its own or the usual one; none where it has no
    namespace of users.

    Raises ParseError or Conflict for a map that cannot be honoured: the owners of files on its volumes are those of
    the usual map, so root must stay who it is.
    """
    lines = [value for key, value in raw if key == KEY]
    if not lines:
        return USUAL if unprivileged else ()
    if not unprivileged:
        raise Conflict(f"{KEY} needs 'unprivileged: 1': a privileged container has the host's users")
    ranges = [found for value in lines for found in parse(value)]
    if wrong := problem(ranges):
        raise Conflict(wrong)
    for kind in "ug":
        if not any(one.kind == kind and one.inside == 0 and one.outside == FIRST_ID for one in ranges):
            raise Conflict(f"{KEY}: id 0 ('{kind}') must be {FIRST_ID} on the host, to which its volumes belong")
    return tuple(ranges)


def outside(ranges: Sequence[Range], kind: str, inside: int) -> int:
    """The host's number of a user or group of the container. Conflict where the map has none; no map: the same."""
    if not ranges:
        return inside
    found = next((r for r in ranges if r.kind == kind and r.inside <= inside < r.inside + r.count), None)
    if found is None:
        raise Conflict(f"id {inside} ('{kind}') of the container is nobody on the host: its map of ids ends before")
    return found.outside + inside - found.inside
