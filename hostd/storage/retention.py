"""Which backups are kept: options such as ``keep-last=3,keep-weekly=4`` and what they mean for a list of backups.

Source: conformance area ``storage`` (prune-*).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hostd.core.errors import ParseError
from hostd.storage.archives import parse_archive

_ALL: Final = "keep-all"
_TRUTH: Final = {
    "1": True,
    "on": True,
    "yes": True,
    "true": True,
    "0": False,
    "off": False,
    "no": False,
    "false": False,
}


def _local(form: str) -> Callable[[int], str]:
    return lambda seconds: time.strftime(form, time.localtime(seconds))


# What backups of one period have in common, by option, in the order in which options choose; ISO 8601's weeks.
_PERIODS: Final[Mapping[str, Callable[[int], str]]] = {
    "keep-last": str,
    "keep-hourly": _local("%Y/%m/%d %H"),
    "keep-daily": _local("%Y/%m/%d"),
    "keep-weekly": _local("%G/%V"),
    "keep-monthly": _local("%Y/%m"),
    "keep-yearly": _local("%Y"),
}
_COUNTS: Final = tuple(_PERIODS)
_PROTECTED_BY_OTHERS: Final = 5
Keep = Mapping[str, int]


class Mark(StrEnum):
    KEEP = "keep"
    REMOVE = "remove"
    PROTECTED = "protected"
    RENAMED = "renamed"


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A backup as a list shows it; ``ctime_s`` in epoch seconds."""

    volid: str
    ctime_s: int
    vmid: int | None
    protected: bool = False


@dataclass(frozen=True, kw_only=True)
class Marked:
    """``type``: the kind of guest, ``unknown`` where the name does not tell."""

    backup: Backup
    type: str
    mark: Mark


def parse_keep(text: str) -> Keep:
    """``keep-last=3,keep-daily=7``; nothing but zeroes means ``keep-all``, which goes with no other option.

    Raises ParseError naming the part that is wrong.
    """
    found: dict[str, int] = {}
    for part in filter(None, re.split(r"\s*,\s*", text.strip())):
        key, equals, value = part.partition("=")
        known = key in _COUNTS or key == _ALL
        good = value in _TRUTH if key == _ALL else value.isdecimal()
        if not known or not equals or not good or key in found:
            raise ParseError(
                f"prune-backups: '{part}' is not one of {_ALL}=<0|1>, {'=<N>, '.join(_COUNTS)}=<N>, each once"
            )
        found[key] = int(_TRUTH[value]) if key == _ALL else int(value)
    counts = {key: number for key, number in found.items() if key != _ALL}
    if found.get(_ALL) and any(counts.values()):
        raise ParseError("prune-backups: keep-all goes with no other option")
    return {_ALL: 1} if not any(counts.values()) else counts


def most_protected(option: str, *, manager: bool) -> int | None:
    """How many backups of a guest may be protected, from ``max-protected-backups``; None for any number.

    Where the storage does not say, its managers may protect any number, others a few. Source: the reference's
    documentation of the option.
    """
    most = int(option) if option else -1 if manager else _PROTECTED_BY_OTHERS
    return most if most >= 0 else None


def mark(backups: Iterable[Backup], keep: Keep, *, vmid: int | None = None, type: str = "") -> list[Marked]:
    """What would happen to each backup that the filters select, in order of id and time.

    Guests and kinds are looked at one by one. Protected and renamed backups are neither removed nor counted. Options
    choose one after the other, newest first, the newest backup of each period. Periods in which an earlier option has
    kept something are passed over, and so are backups that lost their period to a newer one: they are not asked again.
    """
    groups: dict[tuple[int | None, str], list[Backup]] = {}
    marks: dict[str, Marked] = {}
    for backup in backups:
        kind, standard = _kind(backup)
        if (vmid is not None and backup.vmid != vmid) or (type and kind != type):
            continue
        if backup.protected or not standard:
            fate = Mark.PROTECTED if backup.protected else Mark.RENAMED
            marks[backup.volid] = Marked(backup=backup, type=kind, mark=fate)
        else:
            groups.setdefault((backup.vmid, kind), []).append(backup)
    for (_, kind), members in groups.items():
        kept = _kept(members, keep)
        for backup in members:
            fate = Mark.KEEP if backup.volid in kept else Mark.REMOVE
            marks[backup.volid] = Marked(backup=backup, type=kind, mark=fate)
    return sorted(marks.values(), key=lambda m: (m.backup.vmid or 0, m.backup.ctime_s, m.backup.volid))


def _kind(backup: Backup) -> tuple[str, bool]:
    """The kind of guest as far as the name tells, and whether the name is one that backups are given."""
    try:
        archive = parse_archive(backup.volid)
    except ParseError:
        return "unknown", False
    return archive.type, archive.is_standard


def _kept(backups: Iterable[Backup], keep: Keep) -> set[str]:
    newest = sorted(backups, key=lambda b: b.ctime_s, reverse=True)
    if keep.get(_ALL) or not any(keep.get(option) for option in _COUNTS):
        return {b.volid for b in newest}
    kept: set[str] = set()
    decided: set[str] = set()
    for option, period in _PERIODS.items():
        left = keep.get(option, 0)
        before = {period(b.ctime_s) for b in newest if b.volid in kept}
        chosen: set[str] = set()
        for backup in newest if left else ():
            when = period(backup.ctime_s)
            if backup.volid in decided or when in before:
                continue
            if when not in chosen:
                if len(chosen) == left:
                    break
                chosen.add(when)
                kept.add(backup.volid)
            decided.add(backup.volid)
    return kept
