"""What happened to the tree, as a chain of records: each one's ``chain`` is a digest over it and all before. Pure.

Contents and digests of secret files (private ones, keys) are never part of a record; locks, leases, status leave none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter
from typing import Final

from hostd.cluster.fs import paths
from hostd.cluster.fs.replicate import Entry
from hostd.cluster.fs.tree import Effect

START = bytes(32)


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    MOVE = "move"
    TOUCH = "touch"


@dataclass(frozen=True, slots=True)
class Record:
    """One change of one entry. ``item`` counts the changes of one mutation; ``target`` is set for a move.

    Digests are SHA-256 of the contents in hex: empty for a directory, for a secret file, and where there is none.
    """

    epoch: int
    sequence: int
    item: int
    time_ns: int
    node: str
    actor: str
    task: str
    action: str
    path: str
    target: str
    old_digest: str
    new_digest: str


COLUMNS: Final = tuple(column.name for column in fields(Record))
row_of: Final[Callable[[Record], tuple[int | str, ...]]] = attrgetter(*COLUMNS)  # astuple() is ten times slower
# Made once: json.dumps with separators makes one at each call.
_as_json: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


def action_of(effect: Effect) -> Action:
    if effect.old is None:
        return Action.CREATE
    if effect.new is None:
        return Action.DELETE
    if effect.old_path != effect.new_path:
        return Action.MOVE
    return Action.TOUCH if effect.old.digest == effect.new.digest else Action.CHANGE


def is_recorded(effect: Effect) -> bool:
    """Whether an effect gets a record: not for locks, leases and status, nor for a directory whose entries changed."""
    places = [path for path in (effect.old_path, effect.new_path) if path]
    return not effect.is_stamp and not any(_is_transient(path) for path in places)


def _is_transient(path: str) -> bool:
    return path.startswith((paths.LOCKS, paths.LEASES)) or paths.is_status(path)


def record(entry: Entry, effect: Effect, item: int) -> Record:
    origin = entry.proposal.origin
    action = action_of(effect)
    old = "" if effect.old is None or paths.is_secret(effect.old_path) else effect.old.digest.hex()
    new = "" if effect.new is None or paths.is_secret(effect.new_path) else effect.new.digest.hex()
    return Record(
        epoch=entry.position.epoch,
        sequence=entry.position.sequence,
        item=item,
        time_ns=origin.time_ns,
        node=origin.node,
        actor=origin.actor,
        task=origin.task,
        action=action.value,
        path=effect.old_path or effect.new_path,
        target=effect.new_path if action is Action.MOVE else "",
        old_digest=old,
        new_digest=new,
    )


def records(entry: Entry) -> Iterator[tuple[Effect, Record]]:
    """The recorded effects of an entry with their records."""
    kept = (effect for effect in entry.outcome.effects if is_recorded(effect))
    for item, effect in enumerate(kept):
        yield effect, record(entry, effect, item)


def link(chain: bytes, item: Record) -> bytes:
    """The chain value after ``item``: SHA-256 over the one before and the record as a JSON list."""
    text = _as_json(row_of(item))
    return hashlib.sha256(chain + text.encode()).digest()


def broken_link(anchor: bytes, chain: Iterable[tuple[Record, bytes]]) -> Record | None:
    """The first record whose chain value does not follow from the one before; None if all do."""
    value = anchor
    for item, stored in chain:
        value = link(value, item)
        if value != stored:
            return item
    return None
