"""What a node that missed changes gets from one that has them, and what it loses by taking it. Pure.

If its own state is a beginning of the other's history and the missing changes are still in memory, it gets those and
makes them itself; if not, the whole tree. Recent changes are kept in memory only: they hold contents of private files,
which must not stand in any journal on disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hostd.cluster.fs.journal import Record
from hostd.cluster.fs.mutations import Batch, Mutation, Rewrite, Write
from hostd.cluster.fs.replicate import Entry, Epoch, Origin, Position, Proposal, evaluate
from hostd.cluster.fs.tree import ROOT, Effect, Node, Outcome, Tree

RECENT_ENTRIES: Final = 2000
RECENT_BYTES: Final = 8 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A whole tree and its journal (records with their chain values, without replaced contents)."""

    nodes: tuple[Node, ...]
    records: tuple[tuple[Record, bytes], ...]
    anchor: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer:
    """``position``: what the receiver has afterwards. ``content``: the missing changes in order, or everything."""

    origin: str
    position: Position
    epochs: tuple[Epoch, ...]
    content: tuple[tuple[Position, Proposal], ...] | Snapshot


class Recent:
    """The last changes of this node, oldest dropped first."""

    def __init__(self, start: int) -> None:
        """``start``: the sequence before the first change that will be added."""
        self._start = start
        self._entries: deque[tuple[Position, Proposal, int]] = deque()
        self._bytes = 0

    def add(self, entry: Entry) -> None:
        if not entry.outcome.effects:
            return
        size = payload_bytes(entry.proposal.mutation)
        self._entries.append((entry.position, entry.proposal, size))
        self._bytes += size
        while len(self._entries) > RECENT_ENTRIES or self._bytes > RECENT_BYTES:
            position, _, dropped = self._entries.popleft()
            self._start, self._bytes = position.sequence, self._bytes - dropped

    def after(self, sequence: int) -> tuple[tuple[Position, Proposal], ...] | None:
        """All changes after ``sequence``; None when some of them are not here any more."""
        if sequence < self._start:
            return None
        return tuple((position, proposal) for position, proposal, _ in self._entries if position.sequence > sequence)


def payload_bytes(mutation: Mutation) -> int:
    """Bytes of contents that a mutation carries."""
    if isinstance(mutation, Batch):
        return sum(payload_bytes(step) for step in mutation.steps)
    return len(mutation.data) if isinstance(mutation, Write | Rewrite) else 0


def is_beginning(position: Position, mark: str, epochs: Iterable[Epoch], end: int) -> bool:
    """Whether the state at ``position`` under ``mark`` is a beginning of the history of ``epochs`` up to ``end``.

    Within one epoch there is one order, and an epoch's number and mark are used once; so a state is the same everywhere
    where its epoch is the same and its sequence is not beyond the start of the next epoch.
    """
    rows = list(epochs)
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        if (row.number, row.mark) == (position.epoch, mark):
            return row.base <= position.sequence <= (after.base if after else end)
    return False


def lost_records(records: Iterable[Record], own: Iterable[Epoch], theirs: Sequence[Epoch], end: int) -> list[Record]:
    """Which of a node's journal records the history of ``theirs`` up to ``end`` does not have: what it would lose.

    ``own``: the epochs of the node that asks. An epoch that both know by number and mark has the same records in both,
    up to where the next one began in theirs. Epochs older than all that the other still knows count as common.
    """
    known = {(epoch.number, epoch.mark) for epoch in own}
    last: dict[int, int] = {}
    for row, after in zip(theirs, [*theirs[1:], None], strict=True):
        if (row.number, row.mark) in known:
            last[row.number] = after.base if after else end
    oldest = min((row.number for row in theirs), default=0)
    return [r for r in records if r.epoch >= oldest and r.sequence > last.get(r.epoch, -1)]


def replay(tree: Tree, content: Iterable[tuple[Position, Proposal]]) -> list[Entry]:
    """The entries that missing changes make on top of ``tree``, which stays as it is."""
    draft = tree.draft()
    entries: list[Entry] = []
    for position, proposal in content:
        (entry,) = evaluate(draft, position.epoch, [proposal])
        draft.absorb(entry.outcome)
        entries.append(entry)
    return entries


def difference(tree: Tree, nodes: Iterable[Node], position: Position) -> Entry:
    """What makes ``tree`` hold ``nodes``, as one entry, so that all who follow the tree need to know nothing else.

    Entries that are at another place are removed and made again: removals from below, then the rest from above.
    """
    new = Tree(nodes)
    before, after = _by_path(tree), _by_path(new)
    stays = {""}  # entries that are in place, and all above them
    for path, node in before.items():
        if path in after and path.rpartition("/")[0] in stays and _same_entry(node, after[path]):
            stays.add(path)
    effects = [Effect(before[path], None, path, "") for path in reversed(before) if path not in stays]
    effects += [
        Effect(before[path] if path in stays else None, node, path if path in stays else "", path)
        for path, node in after.items()
        if path not in stays or node != before[path]
    ]
    origin = Origin(node="", time_ns=0)
    return Entry(position, Proposal(id=0, mutation=Batch(steps=()), origin=origin), Outcome(effects=tuple(effects)))


def _by_path(tree: Tree) -> dict[str, Node]:
    root = tree.get(ROOT)
    return dict(tree.walk(root, "")) if root else {}


def _same_entry(one: Node, other: Node) -> bool:
    return (one.inode, one.is_directory) == (other.inode, other.is_directory)
