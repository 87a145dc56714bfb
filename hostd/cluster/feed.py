"""What a watcher is told: the snapshot it begins with, and each change after. Pure.

An entry is ``(path, data, version, mtime_ns)``, data None for a directory; a path alone means "gone, with everything
below". Whoever asks for it is told the values of all nodes, as ``(node, key, data)`` with data None for "gone", and who
belongs to the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable

from hostd.cluster import standing
from hostd.cluster.fs.tree import ROOT, Outcome, View
from hostd.cluster.group.values import Told
from hostd.cluster.requests import Access, may_see
from hostd.cluster.standing import Standing
from hostd.cluster.wire import Entry, Message


def values(told: Iterable[Told], *, all: bool = False) -> Message:
    """The frame that tells values; ``all``: what was known before is forgotten."""
    return {"values": [(item.node, item.key, item.data) for item in told], "all": all}


def members(now: Standing | None) -> Message:
    """The frame that tells who belongs to the cluster."""
    return {"members": standing.to_wire(now)}


def snapshot(view: View, access: Access) -> list[Entry]:
    """Every entry that ``access`` may see, directories before what is in them."""
    root = view.get(ROOT)
    found = view.walk(root, "") if root else iter(())
    return [(path, n.data, n.version, n.mtime_ns) for path, n in found if path and may_see(access, path)]


def changes(outcome: Outcome, after: View, access: Access) -> list[Entry | tuple[str]]:
    """What ``outcome`` changed; ``after`` is the tree that has absorbed it.

    A file that is replaced (removed and another moved to its name) is told as one change, never as gone.
    """
    told: list[Entry | tuple[str]] = []
    replaced: dict[str, int] = {}
    for effect in outcome.effects:
        old, new = effect.old, effect.new
        if effect.is_stamp:
            continue
        moved = effect.old_path != effect.new_path
        if old is not None and moved and may_see(access, effect.old_path):
            if not old.is_directory:
                replaced[effect.old_path] = len(told)
            told.append((effect.old_path,))
        if new is None:
            continue
        # A moved directory takes along what is below it, as it is in the tree after the whole mutation.
        below = after.walk(new, effect.new_path) if moved and new.is_directory else iter([(effect.new_path, new)])
        for path, node in below:
            if may_see(access, path):
                if path in replaced:
                    told[replaced.pop(path)] = (path, node.data, node.version, node.mtime_ns)
                else:
                    told.append((path, node.data, node.version, node.mtime_ns))
    return told
