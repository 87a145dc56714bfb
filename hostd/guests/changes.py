"""Changing a configuration: what counts at once, what waits for a restart, what becomes of replaced disks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hostd.core.errors import Conflict
from hostd.core.formats.keyvalue import GuestFile
from hostd.guests.options import sort_key

_DELETE = "delete"
_UNUSED_SLOTS = 256
# Key and value → the volume that the guest owns by it, or "".
Owned = Callable[[str, str], str]


@dataclass(frozen=True, kw_only=True)
class Change:
    """``delete``: key → whether its disk is removed for good instead of being kept as ``unused<n>``."""

    values: Mapping[str, str] = field(default_factory=dict)
    delete: Mapping[str, bool] = field(default_factory=dict)
    revert: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The new file, and the volumes that nobody refers to any more and that were asked to be removed."""

    file: GuestFile
    removed: tuple[str, ...] = ()


def parse_delete(text: str) -> dict[str, bool]:
    """``cores,!scsi1`` → {cores: False, scsi1: True}; ``!`` means for good."""
    words = [w for w in text.replace(";", ",").replace(" ", ",").split(",") if w.lstrip("!")]
    return {word.lstrip("!"): word.startswith("!") for word in words}


def format_delete(delete: Mapping[str, bool]) -> str:
    return ",".join(f"{'!' if force else ''}{key}" for key, force in sorted(delete.items()))


def split_description(values: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    """The description is not a line but the comment on top; None when it is not among the values."""
    rest = {k: v for k, v in values.items() if k != "description"}
    return rest, values.get("description")


def change_now(file: GuestFile, change: Change, owned: Owned) -> Outcome:
    """Set and drop keys of the current section; what waited for these keys waits no longer."""
    values, comment = split_description(change.values)
    current = dict(file.current)
    removed: list[str] = []
    for key, force in change.delete.items():
        removed += _drop(current, key, force, owned)
    for key, value in values.items():
        old = owned(key, current.get(key, ""))
        current[key] = value
        if old and old != owned(key, value):
            _keep_unused(current, old, owned)
    touched = set(values) | set(change.delete)
    if "description" in change.delete:
        comment = ""
    still = _without_waiting(file.pending, touched | set(change.revert))
    new = replace(file, current=current, pending=still, comment=file.comment if comment is None else comment)
    return Outcome(file=new, removed=tuple(removed))


def _drop(current: dict[str, str], key: str, force: bool, owned: Owned) -> list[str]:
    """Remove a key; its volume goes to the returned list or becomes ``unused<n>``."""
    volume = owned(key, current.pop(key, ""))
    if not volume or volume in _volumes(current, owned):
        return []
    if force or key.startswith("unused"):
        return [volume]
    _keep_unused(current, volume, owned)
    return []


def _volumes(current: Mapping[str, str], owned: Owned) -> set[str]:
    return {owned(key, value) for key, value in current.items()} - {""}


def _keep_unused(current: dict[str, str], volume: str, owned: Owned) -> None:
    if volume in _volumes(current, owned):
        return
    current[free_unused(current)] = volume


def free_unused(values: Mapping[str, str]) -> str:
    """The first free key ``unused<n>``. Conflict where all are taken: a disk must never be forgotten."""
    free = next((f"unused{n}" for n in range(_UNUSED_SLOTS) if f"unused{n}" not in values), None)
    if free is None:
        raise Conflict(f"all {_UNUSED_SLOTS} places for unused disks are taken; remove some first")
    return free


def _without_waiting(pending: Mapping[str, str], keys: set[str]) -> dict[str, str]:
    delete = {k: f for k, f in parse_delete(pending.get(_DELETE, "")).items() if k not in keys}
    rest = {k: v for k, v in pending.items() if k not in keys and k != _DELETE}
    return rest | ({_DELETE: format_delete(delete)} if delete else {})


def change_later(file: GuestFile, change: Change, live: Callable[[str], bool], owned: Owned) -> Outcome:
    """For a running guest: live keys at once, the others into the pending section."""
    now = Change(
        values={k: v for k, v in change.values.items() if live(k)},
        delete={k: f for k, f in change.delete.items() if live(k)},
        revert=change.revert,
    )
    outcome = change_now(file, now, owned)
    waiting = {k: v for k, v in change.values.items() if not live(k)}
    dropped = {k: f for k, f in change.delete.items() if not live(k)}
    pending = _without_waiting(outcome.file.pending, set(waiting) | set(dropped))
    delete = parse_delete(pending.pop(_DELETE, "")) | dropped
    pending |= waiting
    if delete:
        pending[_DELETE] = format_delete(delete)
    return replace(outcome, file=clean_pending(replace(outcome.file, pending=pending)))


def clean_pending(file: GuestFile) -> GuestFile:
    """Without pending changes that change nothing: a value that counts already, a key that is not there."""
    delete = {k: f for k, f in parse_delete(file.pending.get(_DELETE, "")).items() if k in file.current}
    rest = {k: v for k, v in file.pending.items() if k != _DELETE and file.current.get(k) != v}
    return replace(file, pending=rest | ({_DELETE: format_delete(delete)} if delete else {}))


def apply_pending(file: GuestFile, owned: Owned) -> Outcome:
    """Everything that waited counts now."""
    delete = parse_delete(file.pending.get(_DELETE, ""))
    values = {k: v for k, v in file.pending.items() if k != _DELETE}
    return change_now(file, Change(values=values, delete=delete), owned)


def merged(file: GuestFile) -> dict[str, str]:
    """The current section as it will be once pending changes count."""
    delete = parse_delete(file.pending.get(_DELETE, ""))
    kept = {k: v for k, v in file.current.items() if k not in delete}
    return kept | {k: v for k, v in file.pending.items() if k != _DELETE}


@dataclass(frozen=True, kw_only=True)
class PendingRow:
    """One key: what counts, what waits; ``delete`` 1 when it is to go, 2 when for good."""

    key: str
    value: str | None = None
    pending: str | None = None
    delete: int = 0


def pending_rows(file: GuestFile) -> list[PendingRow]:
    """Every key with what counts and what waits, sorted."""
    delete = parse_delete(file.pending.get(_DELETE, ""))
    waiting = {k: v for k, v in file.pending.items() if k != _DELETE}
    current = dict(file.current) | ({"description": file.comment} if file.comment else {})
    rows = []
    for key in sorted(set(current) | set(waiting) | set(delete), key=sort_key):
        gone = key not in current and key not in waiting  # the reference marks these as if they were forced
        flag = (2 if delete[key] or gone else 1) if key in delete else 0
        rows.append(PendingRow(key=key, value=current.get(key), pending=waiting.get(key), delete=flag))
    return rows
