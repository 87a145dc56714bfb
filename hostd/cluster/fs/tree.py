"""The state machine of the store: a tree of files and directories, changed only by mutations. Pure.

``apply`` says what a mutation would do to a tree (its effects, or why it is refused) and changes nothing; ``absorb``
makes effects part of a tree. Between the two, the effects are written to disk. Several mutations of one transaction
are applied to a ``Draft``, a thin layer over the tree that is thrown away when the disk refuses.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from hostd.cluster.fs import paths
from hostd.cluster.fs.mutations import (
    Batch,
    Cause,
    Delete,
    Mkdir,
    Mutation,
    Refused,
    Rename,
    Rewrite,
    Single,
    Touch,
    Write,
)

ROOT: Final = 1


@dataclass(frozen=True, slots=True)
class Node:
    """One entry. ``data`` is None for a directory; ``version`` is the sequence number of its last change."""

    inode: int
    parent: int
    name: str
    data: bytes | None
    digest: bytes
    version: int
    mtime_ns: int

    @property
    def is_directory(self) -> bool:
        return self.data is None

    @property
    def size_bytes(self) -> int:
        return len(self.data or b"")


def digest_of(data: bytes | None) -> bytes:
    """SHA-256 of a file's contents; empty for a directory."""
    return b"" if data is None else hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True)
class Effect:
    """One entry before and after; None means it was not there (``old``) or is not any more (``new``)."""

    old: Node | None
    new: Node | None
    old_path: str
    new_path: str

    @property
    def is_stamp(self) -> bool:
        """Only version and time of a directory changed: an entry below it came or went, or it was touched."""
        new = self.new
        return self.old is not None and new is not None and new.is_directory and self.old_path == self.new_path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a mutation does: either ``effects`` (in order) and the entry it was about, or ``refused``."""

    effects: tuple[Effect, ...] = ()
    node: Node | None = None
    refused: Refused | None = None


class View(ABC):
    """Reading access to a tree or to a draft of one."""

    version: int  # sequence number of the last mutation
    size_bytes: int  # contents of all files
    entries: int  # files and directories, without the root

    @abstractmethod
    def get(self, inode: int) -> Node | None: ...

    @abstractmethod
    def child(self, parent: int, name: str) -> Node | None: ...

    @abstractmethod
    def children(self, parent: int) -> Iterable[Node]: ...

    def find(self, path: str) -> Node | None:
        """The entry at ``path`` (links are not followed), or None."""
        node = self.get(ROOT)
        for name in path.split("/") if path else ():
            node = self.child(node.inode, name) if node else None
        return node

    def path(self, inode: int) -> str:
        """The path of an entry of this view. KeyError where there is none."""
        parts: list[str] = []
        while inode != ROOT:
            node = self.get(inode)
            if node is None:
                raise KeyError(inode)
            parts.append(node.name)
            inode = node.parent
        return "/".join(reversed(parts))

    def walk(self, top: Node, path: str) -> Iterator[tuple[str, Node]]:
        """``top`` and everything below it with paths, parents before children."""
        yield path, top
        if top.is_directory:
            for node in self.children(top.inode):
                yield from self.walk(node, f"{path}/{node.name}" if path else node.name)

    def draft(self) -> Draft:
        return Draft(self)

    def _count(self, effect: Effect) -> None:
        old, new = effect.old, effect.new
        self.entries += (new is not None) - (old is not None)
        self.size_bytes += (new.size_bytes if new else 0) - (old.size_bytes if old else 0)
        if new:
            self.version = max(self.version, new.version)


class Tree(View):
    """The published state. Only ``absorb`` changes it; the nodes themselves never change."""

    def __init__(self, nodes: Iterable[Node] = (), *, version: int = 0) -> None:
        root = Node(ROOT, ROOT, "", None, b"", 0, 0)
        self._nodes: dict[int, Node] = {ROOT: root}
        self._children: dict[int, dict[str, int]] = {ROOT: {}}
        self.version, self.size_bytes, self.entries = version, 0, 0
        for node in nodes:
            self._nodes[node.inode] = node
            if node.is_directory:
                self._children.setdefault(node.inode, {})
            if node.inode != ROOT:
                self._children.setdefault(node.parent, {})[node.name] = node.inode
                self.entries += 1
                self.size_bytes += node.size_bytes

    def get(self, inode: int) -> Node | None:
        return self._nodes.get(inode)

    def child(self, parent: int, name: str) -> Node | None:
        inode = self._children.get(parent, {}).get(name)
        return None if inode is None else self._nodes[inode]

    def children(self, parent: int) -> Iterable[Node]:
        return [self._nodes[inode] for inode in self._children.get(parent, {}).values()]

    def absorb(self, outcome: Outcome) -> None:
        """Make the effects part of the tree."""
        for effect in outcome.effects:
            old, new = effect.old, effect.new
            moved = old is not None and (new is None or (new.parent, new.name) != (old.parent, old.name))
            if old is not None and moved and old.inode != ROOT:  # no directory lists the root
                del self._children[old.parent][old.name]
            if old is not None and new is None:
                del self._nodes[old.inode]
                self._children.pop(old.inode, None)
            if new is not None:
                self._nodes[new.inode] = new
                if new.inode != ROOT:
                    self._children[new.parent][new.name] = new.inode
                if new.is_directory:
                    self._children.setdefault(new.inode, {})
            self._count(effect)


class Draft(View):
    """Changes laid over a view that stays as it is."""

    def __init__(self, base: View) -> None:
        self._base = base
        self._nodes: dict[int, Node | None] = {}
        self._names: dict[tuple[int, str], int | None] = {}
        self.version, self.size_bytes, self.entries = base.version, base.size_bytes, base.entries

    def get(self, inode: int) -> Node | None:
        return self._nodes[inode] if inode in self._nodes else self._base.get(inode)

    def child(self, parent: int, name: str) -> Node | None:
        if (parent, name) in self._names:
            inode = self._names[parent, name]
            return None if inode is None else self.get(inode)
        node = self._base.child(parent, name)
        return None if node is None else self.get(node.inode)

    def children(self, parent: int) -> Iterable[Node]:
        names = {node.name for node in self._base.children(parent)}
        names |= {name for (above, name) in self._names if above == parent}
        return [node for name in sorted(names) if (node := self.child(parent, name))]

    def absorb(self, outcome: Outcome) -> None:
        """Lay the effects over what is there."""
        for effect in outcome.effects:
            self.put(effect)

    def put(self, effect: Effect) -> None:
        old, new = effect.old, effect.new
        if old is not None:
            self._names[old.parent, old.name] = None
            self._nodes[old.inode] = None
        if new is not None:
            self._nodes[new.inode] = new
            if new.inode != ROOT:
                self._names[new.parent, new.name] = new.inode
        self._count(effect)


class _Stop(Exception):
    def __init__(self, cause: Cause, message: str) -> None:
        self.refused = Refused(cause, message)


def apply(view: View, mutation: Mutation, *, time_ns: int) -> Outcome:
    """What ``mutation`` does to ``view``, which stays unchanged. The same on every node for the same arguments.

    ``time_ns`` is the proposer's clock (nanoseconds since 1970). A successful mutation takes the sequence number
    ``view.version + 1``; all entries that it changes carry it as their version.
    """
    work = _Work(view, time_ns)
    try:
        node: Node | None = None
        for step in mutation.steps if isinstance(mutation, Batch) else (mutation,):
            node = work.do(step)
        work.stamp_directories()
    except _Stop as stop:
        return Outcome(refused=stop.refused)
    return Outcome(effects=tuple(work.effects), node=node)


class _Work:
    """One mutation under way: collects effects in a draft of its own."""

    def __init__(self, view: View, time_ns: int) -> None:
        self.draft = view.draft()
        self.version = view.version + 1
        self.time_ns = time_ns
        self.effects: list[Effect] = []
        self.touched: dict[int, None] = {}

    def do(self, step: Single) -> Node | None:
        match step:
            case Write():
                return self.write(step)
            case Rewrite():
                return self.rewrite(step)
            case Touch():
                return self.touch(step)
            case Mkdir():
                return self.mkdir(step)
            case Delete():
                return self.delete(step)
            case Rename():
                return self.rename(step)

    # --- steps

    def write(self, step: Write) -> Node:
        parent, name = self.place(step.path)
        old = self.draft.child(parent.inode, name)
        if old is not None and old.is_directory:
            raise _Stop(Cause.IS_DIRECTORY, f"'{step.path}' is a directory")
        if step.if_version is not None:
            self.compare(step.path, old, step.if_version)
        if old is not None:
            return self.change(old, step.path, step.data, step.mtime_ns)
        if paths.is_fixture(step.path):
            raise _Stop(Cause.RESERVED, f"'{step.path}' must be a directory")
        self.check_guest(step.path, moved=())
        new = Node(step.inode, parent.inode, name, step.data, digest_of(step.data), self.version, 0)
        return self.create(replace(new, mtime_ns=self.time_ns if step.mtime_ns is None else step.mtime_ns), step.path)

    def rewrite(self, step: Rewrite) -> Node:
        node, path = self.known(step.inode)
        if node.is_directory:
            raise _Stop(Cause.IS_DIRECTORY, f"'{path}' is a directory")
        return self.change(node, path, step.data, step.mtime_ns)

    def touch(self, step: Touch) -> Node:
        node, path = self.known(step.inode)
        new = replace(node, version=self.version, mtime_ns=step.mtime_ns)
        self.record(Effect(node, new, path, path))
        return new

    def mkdir(self, step: Mkdir) -> Node:
        parent, name = self.place(step.path)
        old = self.draft.child(parent.inode, name)
        if old is not None and old.is_directory and step.exist_ok:
            return old
        if old is not None:
            raise _Stop(Cause.EXISTS, f"'{step.path}' exists already")
        return self.create(Node(step.inode, parent.inode, name, None, b"", self.version, self.time_ns), step.path)

    def delete(self, step: Delete) -> Node | None:
        node = self.existing(step.path)
        if step.directory is True and not node.is_directory:
            raise _Stop(Cause.NOT_DIRECTORY, f"'{step.path}' is not a directory")
        if step.directory is False and node.is_directory:
            raise _Stop(Cause.IS_DIRECTORY, f"'{step.path}' is a directory")
        if step.if_version is not None:
            self.compare(step.path, node, step.if_version)
        self.check_movable(step.path)
        self.check_empty(node, step.path)
        self.record(Effect(node, None, step.path, ""))
        self.touched[node.parent] = None
        return None

    def rename(self, step: Rename) -> Node:
        source = self.existing(step.source)
        if step.if_version is not None:
            self.compare(step.source, source, step.if_version)
        parent, name = self.place(step.target)
        old = self.draft.child(parent.inode, name)
        if old is not None and not step.replace:
            raise _Stop(Cause.EXISTS, f"'{step.target}' exists already")
        if old is not None and old.inode == source.inode:
            return source
        self.check_movable(step.source)
        self.check_movable(step.target)
        if source.is_directory and (step.target + "/").startswith(step.source + "/"):
            raise _Stop(Cause.INVALID, f"'{step.source}' cannot be moved into itself")
        if old is not None:
            if source.is_directory and not old.is_directory:
                raise _Stop(Cause.NOT_DIRECTORY, f"'{step.target}' is not a directory")
            if old.is_directory and not source.is_directory:
                raise _Stop(Cause.IS_DIRECTORY, f"'{step.target}' is a directory")
            self.check_empty(old, step.target)
        self.check_moved_names(source, step)
        if old is not None:
            self.record(Effect(old, None, step.target, ""))
        new = replace(source, parent=parent.inode, name=name, version=self.version)
        self.record(Effect(source, new, step.source, step.target))
        self.touched |= {source.parent: None, parent.inode: None}
        return new

    # --- changes

    def create(self, node: Node, path: str) -> Node:
        if self.draft.get(node.inode) is not None:
            raise _Stop(Cause.EXISTS, f"inode number {node.inode} of '{path}' is taken; try again")
        if self.draft.entries >= paths.MAX_ENTRIES:
            raise _Stop(Cause.FULL, f"the store holds {paths.MAX_ENTRIES} entries, which is its limit")
        self.check_size(path, node.size_bytes, node.size_bytes)
        self.record(Effect(None, node, "", path))
        self.touched[node.parent] = None
        return node

    def change(self, old: Node, path: str, data: bytes, mtime_ns: int | None) -> Node:
        self.check_size(path, len(data), len(data) - old.size_bytes)
        time_ns = self.time_ns if mtime_ns is None else mtime_ns
        # By far the most frequent change, and replace() takes three times as long.
        new = Node(old.inode, old.parent, old.name, data, digest_of(data), self.version, time_ns)
        self.record(Effect(old, new, path, path))
        return new

    def record(self, effect: Effect) -> None:
        self.effects.append(effect)
        self.draft.put(effect)

    def stamp_directories(self) -> None:
        """Directories in which entries came or went take the mutation's version and time, once each."""
        for inode in self.touched:
            node = self.draft.get(inode)
            if node is not None and node.version != self.version:
                path = self.draft.path(inode)
                self.record(Effect(node, replace(node, version=self.version, mtime_ns=self.time_ns), path, path))

    # --- checks

    def place(self, path: str) -> tuple[Node, str]:
        """The directory that holds or would hold ``path``, and the last name."""
        if problem := paths.path_problem(path):
            raise _Stop(Cause.NAME_TOO_LONG if "are allowed" in problem else Cause.INVALID, problem)
        above, _, name = path.rpartition("/")
        if not above and name in paths.RESERVED:
            raise _Stop(Cause.RESERVED, f"'{name}' has a fixed meaning and cannot be changed")
        parent = self.draft.find(above)
        if parent is None:
            raise self.missing(above)
        if not parent.is_directory:
            raise _Stop(Cause.NOT_DIRECTORY, f"'{above}' is not a directory")
        return parent, name

    def missing(self, path: str) -> _Stop:
        above = path.rpartition("/")[0]
        while above and self.draft.find(above) is None:
            above = above.rpartition("/")[0]
        node = self.draft.find(above)
        if node is not None and not node.is_directory:
            return _Stop(Cause.NOT_DIRECTORY, f"'{above}' is not a directory")
        return _Stop(Cause.MISSING, f"'{path}' does not exist")

    def existing(self, path: str) -> Node:
        parent, name = self.place(path)
        node = self.draft.child(parent.inode, name)
        if node is None:
            raise _Stop(Cause.MISSING, f"'{path}' does not exist")
        return node

    def known(self, inode: int) -> tuple[Node, str]:
        node = self.draft.get(inode)
        if node is None:
            raise _Stop(Cause.MISSING, "the file was removed meanwhile")
        return node, self.draft.path(inode)

    def compare(self, path: str, node: Node | None, version: int) -> None:
        found = node.version if node else 0
        if found != version:
            if version == 0:
                raise _Stop(Cause.EXISTS, f"'{path}' exists already")
            state = f"has version {found}" if node else "does not exist"
            raise _Stop(Cause.CHANGED, f"'{path}' was changed meanwhile: {state}, expected version {version}")

    def check_size(self, path: str, size: int, growth: int) -> None:
        if size > paths.MAX_FILE_BYTES:
            raise _Stop(Cause.TOO_BIG, f"'{path}' would have {size} bytes; {paths.MAX_FILE_BYTES} are allowed")
        if growth > 0 and self.draft.size_bytes + growth > paths.MAX_TOTAL_BYTES:
            raise _Stop(Cause.FULL, f"'{path}' does not fit: the store holds {paths.MAX_TOTAL_BYTES} bytes at most")

    def check_empty(self, node: Node, path: str) -> None:
        if node.is_directory and any(True for _ in self.draft.children(node.inode)):
            raise _Stop(Cause.NOT_EMPTY, f"directory '{path}' is not empty")

    def check_movable(self, path: str) -> None:
        if paths.is_fixture(path):
            raise _Stop(Cause.RESERVED, f"'{path}' cannot be removed or renamed")

    def check_guest(self, path: str, *, moved: Collection[int]) -> None:
        """A guest id exists once in the cluster. ``moved``: inodes that leave their place in this step."""
        guest = paths.guest_of(path)
        nodes = self.draft.find("nodes") if guest else None
        if guest is None or nodes is None:
            return
        for owner in self.draft.children(nodes.inode):
            for directory, kind in paths.GUEST_DIRECTORIES.items():
                above = self.draft.child(owner.inode, directory)
                other = self.draft.child(above.inode, f"{guest.vmid}.conf") if above else None
                if other is None or other.inode in moved or (owner.name, kind) == (guest.node, guest.kind):
                    continue
                raise _Stop(Cause.GUEST_EXISTS, f"guest id {guest.vmid} is in use by {kind} on node '{owner.name}'")

    def check_moved_names(self, source: Node, step: Rename) -> None:
        if not source.is_directory:
            self.check_guest(step.target, moved={source.inode})
            return
        below = {n.inode: (p, step.target + p[len(step.source) :]) for p, n in self.draft.walk(source, step.source)}
        seen: set[int] = set()
        for before, after in below.values():
            if paths.is_private(before) and not paths.is_private(after):
                raise _Stop(Cause.RESERVED, f"'{before}' is private and cannot become '{after}'")
            guest = paths.guest_of(after)
            if guest and guest.vmid in seen:
                raise _Stop(Cause.GUEST_EXISTS, f"guest id {guest.vmid} would exist twice below '{step.target}'")
            seen |= {guest.vmid} if guest else set()
            self.check_guest(after, moved=below.keys())
