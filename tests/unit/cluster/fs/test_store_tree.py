"""Laws of the state machine: single cases, and a comparison with a plain dict as the model."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

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
    Touch,
    Write,
    make_directories,
    new_inode,
)
from hostd.cluster.fs.tree import ROOT, Effect, Node, Outcome, Tree, apply, digest_of


def must(tree: Tree, mutation: Mutation, time_ns: int = 1) -> Node | None:
    outcome = apply(tree, mutation, time_ns=time_ns)
    assert outcome.refused is None, outcome.refused
    tree.absorb(outcome)
    return outcome.node


def cause(tree: Tree, mutation: Mutation) -> Cause | None:
    """Why it is refused; a refusal has no effects."""
    outcome = apply(tree, mutation, time_ns=1)
    assert not (outcome.refused and outcome.effects)
    return outcome.refused.cause if outcome.refused else None


def write(path: str, data: bytes = b"x", **more: int | None) -> Write:
    return Write(path=path, data=data, inode=new_inode(), **more)  # type: ignore[arg-type]


def content(tree: Tree) -> dict[str, bytes | None]:
    root = tree.get(ROOT)
    assert root is not None
    return {path: node.data for path, node in tree.walk(root, "") if path}


@pytest.fixture
def tree() -> Tree:
    tree = Tree()
    for path in (
        "priv/lock",
        "nodes/a/qemu-server",
        "nodes/a/lxc",
        "nodes/a/priv",
        "nodes/b/qemu-server",
        "nodes/b/lxc",
    ):
        must(tree, make_directories(path))
    return tree


def test_apply_leaves_the_tree_alone(tree: Tree) -> None:
    before = content(tree), tree.version, tree.size_bytes, tree.entries
    outcome = apply(tree, write("storage.cfg", b"dir: local\n"), time_ns=5)
    assert outcome.effects
    assert (content(tree), tree.version, tree.size_bytes, tree.entries) == before


def test_a_write_takes_the_next_version_and_the_proposers_time(tree: Tree) -> None:
    version = tree.version
    node = must(tree, write("storage.cfg", b"dir: local\n"), time_ns=77)
    assert node is not None
    assert (node.version, node.mtime_ns, node.digest) == (version + 1, 77, digest_of(b"dir: local\n"))
    root = tree.get(ROOT)
    assert root is not None
    assert (root.version, root.mtime_ns) == (version + 1, 77)


def test_replacing_keeps_the_inode_and_not_the_version(tree: Tree) -> None:
    first = must(tree, write("a", b"1"))
    second = must(tree, write("a", b"22"))
    assert first is not None
    assert second is not None
    assert second.inode == first.inode
    assert second.version == first.version + 1
    assert tree.size_bytes == 2


@pytest.mark.parametrize(
    ("mutation", "expected"),
    [
        (write("nodes", b""), Cause.IS_DIRECTORY),
        (write("priv", b""), Cause.IS_DIRECTORY),
        (write("no/such", b""), Cause.MISSING),
        (write("file/below", b""), Cause.NOT_DIRECTORY),
        (write("local", b""), Cause.RESERVED),
        (write(".members", b""), Cause.RESERVED),
        (write("a\nb", b""), Cause.INVALID),
        (write("x" * 256, b""), Cause.NAME_TOO_LONG),
        (write("big", bytes((1 << 20) + 1)), Cause.TOO_BIG),
        (write("file", if_version=0), Cause.EXISTS),
        (write("file", if_version=99), Cause.CHANGED),
        (write("new", if_version=99), Cause.CHANGED),
        (Mkdir(path="file", inode=99), Cause.EXISTS),
        (Mkdir(path="file", inode=99, exist_ok=True), Cause.EXISTS),
        (Mkdir(path="nodes", inode=99), Cause.EXISTS),
        (Mkdir(path="qemu-server", inode=99), Cause.RESERVED),
        (Delete(path="none"), Cause.MISSING),
        (Delete(path="nodes/a"), Cause.NOT_EMPTY),
        (Delete(path="priv"), Cause.RESERVED),
        (Delete(path="nodes"), Cause.RESERVED),
        (Delete(path="file", directory=True), Cause.NOT_DIRECTORY),
        (Delete(path="nodes/a/lxc", directory=False), Cause.IS_DIRECTORY),
        (Delete(path="file", if_version=1), Cause.CHANGED),
        (Rename(source="none", target="x"), Cause.MISSING),
        (Rename(source="file", target="nodes/a"), Cause.IS_DIRECTORY),
        (Rename(source="nodes/a", target="file"), Cause.NOT_DIRECTORY),
        (Rename(source="nodes/a", target="nodes/b"), Cause.NOT_EMPTY),
        (Rename(source="nodes/a", target="nodes/a/lxc/x"), Cause.INVALID),
        (Rename(source="nodes/a", target="x"), Cause.RESERVED),  # it holds a private directory
        (Rename(source="nodes/a/priv", target="nodes/a/open"), Cause.RESERVED),
        (Rename(source="priv", target="x"), Cause.RESERVED),
        (Rename(source="file", target="local"), Cause.RESERVED),
        (Rename(source="file", target="other", replace=False), Cause.EXISTS),
        (Rewrite(inode=99, data=b""), Cause.MISSING),
        (Rewrite(inode=ROOT, data=b""), Cause.IS_DIRECTORY),
        (Touch(inode=99, mtime_ns=0), Cause.MISSING),
    ],
    ids=str,
)
def test_refusals(tree: Tree, mutation: Mutation, expected: Cause) -> None:
    must(tree, write("file"))
    must(tree, write("other"))
    assert cause(tree, mutation) is expected


def test_the_largest_file_and_not_one_byte_more(tree: Tree) -> None:
    node = must(tree, write("big", bytes(1 << 20)))
    assert node is not None
    assert node.size_bytes == 1_048_576
    assert cause(tree, Rewrite(inode=node.inode, data=bytes((1 << 20) + 1))) is Cause.TOO_BIG


def test_the_total_is_limited_and_shrinking_is_always_possible(tree: Tree) -> None:
    blob = bytes(1 << 20)
    for number in range(128):
        must(tree, write(f"f{number}", blob))
    assert cause(tree, write("one-more")) is Cause.FULL
    must(tree, write("f0", blob))
    must(tree, write("f0", b""))
    must(tree, write("one-more"))


def test_compare_and_set(tree: Tree) -> None:
    node = must(tree, write("a", b"1", if_version=0))
    assert node is not None
    node = must(tree, write("a", b"2", if_version=node.version))
    assert node is not None
    must(tree, Delete(path="a", if_version=node.version))
    assert tree.find("a") is None


# --- guests


def test_a_guest_id_exists_once(tree: Tree) -> None:
    must(tree, write("nodes/a/qemu-server/100.conf"))
    for path in ("nodes/b/qemu-server/100.conf", "nodes/a/lxc/100.conf", "nodes/b/lxc/100.conf"):
        assert cause(tree, write(path)) is Cause.GUEST_EXISTS
        must(tree, write("tmp"))
        assert cause(tree, Rename(source="tmp", target=path)) is Cause.GUEST_EXISTS
    must(tree, write("nodes/b/qemu-server/100.conf.tmp"))
    must(tree, write("nodes/b/lxc/101.conf"))


def test_moving_the_file_moves_the_guest(tree: Tree) -> None:
    must(tree, write("nodes/a/qemu-server/100.conf"))
    must(tree, Rename(source="nodes/a/qemu-server/100.conf", target="nodes/b/qemu-server/100.conf"))
    assert cause(tree, write("nodes/a/qemu-server/100.conf")) is Cause.GUEST_EXISTS
    must(tree, write("tmp", b"new"))
    must(tree, Rename(source="tmp", target="nodes/b/qemu-server/100.conf"))
    node = tree.find("nodes/b/qemu-server/100.conf")
    assert node is not None
    assert node.data == b"new"


def test_a_directory_cannot_bring_in_a_guest_twice(tree: Tree) -> None:
    must(tree, make_directories("x/qemu-server"))
    must(tree, make_directories("x/lxc"))
    must(tree, write("x/qemu-server/100.conf"))
    must(tree, write("x/lxc/100.conf"))
    assert cause(tree, Rename(source="x", target="nodes/x")) is Cause.GUEST_EXISTS
    must(tree, Delete(path="x/lxc/100.conf"))
    must(tree, write("nodes/a/lxc/100.conf"))
    assert cause(tree, Rename(source="x", target="nodes/x")) is Cause.GUEST_EXISTS
    must(tree, Delete(path="nodes/a/lxc/100.conf"))
    must(tree, Rename(source="x", target="nodes/x"))
    must(tree, Rename(source="nodes/x", target="nodes/y"))
    assert cause(tree, write("nodes/a/lxc/100.conf")) is Cause.GUEST_EXISTS


# --- batches


def test_a_batch_is_one_mutation(tree: Tree) -> None:
    version = tree.version
    must(tree, Batch(steps=(write("tmp", b"1"), Rename(source="tmp", target="b"), write("c"))))
    assert tree.version == version + 1
    assert {n.version for p in ("b", "c") if (n := tree.find(p))} == {version + 1}
    assert tree.find("tmp") is None


def test_a_batch_with_a_refused_step_does_nothing(tree: Tree) -> None:
    assert cause(tree, Batch(steps=(write("a"), Delete(path="none")))) is Cause.MISSING
    assert tree.find("a") is None


def test_directories_that_exist_take_no_version(tree: Tree) -> None:
    outcome = apply(tree, make_directories("nodes/a/lxc"), time_ns=1)
    assert outcome.effects == ()
    assert outcome.node == tree.find("nodes/a/lxc")


# --- drafts


def test_a_draft_shows_its_changes_and_hides_them_from_the_tree(tree: Tree) -> None:
    must(tree, write("a", b"1"))
    draft = tree.draft()
    for mutation in (write("b", b"2"), Delete(path="a"), Rename(source="nodes/b", target="nodes/c")):
        outcome = apply(draft, mutation, time_ns=1)
        assert outcome.refused is None
        draft.absorb(outcome)
    root = draft.get(ROOT)
    assert root is not None
    shown = {path for path, _ in draft.walk(root, "")}
    assert {"b", "nodes/c/lxc"} <= shown
    assert not {"a", "nodes/b", "nodes/b/lxc"} & shown
    assert tree.find("a") is not None
    assert tree.find("nodes/b/lxc") is not None


# --- the model


NAMES = st.sampled_from(["a", "b", "nodes", "priv", "100.conf", "qemu-server", "lxc", "tmp"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
DATA = st.binary(max_size=8)
numbers = itertools.count(1000)


class Model(RuleBasedStateMachine):
    """A dict path -> contents (None: directory) obeys the same rules, written as plainly as possible."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = Tree()
        self.model: dict[str, bytes | None] = {}
        self.clock = itertools.count(1)

    def do(self, mutation: Mutation) -> Outcome:
        before = self.tree.version
        outcome = apply(self.tree, mutation, time_ns=next(self.clock))
        again = apply(self.tree, mutation, time_ns=1)
        assert (again.refused is None) == (outcome.refused is None)
        self.tree.absorb(outcome)
        changed = bool(outcome.effects)
        assert self.tree.version == before + changed
        assert all(e.new is None or e.new.version == self.tree.version for e in outcome.effects)
        return outcome

    def parent_is_directory(self, path: str) -> bool:
        above = path.rpartition("/")[0]
        return not above or (above in self.model and self.model[above] is None)

    def below(self, path: str) -> list[str]:
        return [p for p in self.model if p.startswith(path + "/")]

    def guests_ok(self, model: dict[str, bytes | None]) -> bool:
        ids = [g.vmid for p, d in model.items() if d is not None and (g := paths.guest_of(p))]
        return len(ids) == len(set(ids))

    def possible(self, path: str) -> bool:
        return self.parent_is_directory(path) and path not in paths.RESERVED

    @rule(path=PATHS, data=DATA)
    def write(self, path: str, data: bytes) -> None:
        outcome = self.do(write(path, data))
        after = {**self.model, path: data}
        directory = path in self.model and self.model[path] is None
        fine = self.possible(path) and not directory and self.guests_ok(after) and path not in ("nodes", "priv")
        assert (outcome.refused is None) == fine
        if fine:
            self.model = after

    @rule(path=PATHS)
    def mkdir(self, path: str) -> None:
        outcome = self.do(Mkdir(path=path, inode=next(numbers)))
        fine = self.possible(path) and path not in self.model
        assert (outcome.refused is None) == fine
        if fine:
            self.model[path] = None

    @rule(path=PATHS)
    def delete(self, path: str) -> None:
        outcome = self.do(Delete(path=path))
        fine = path in self.model and not self.below(path) and path not in ("nodes", "priv")
        assert (outcome.refused is None) == fine
        if fine:
            del self.model[path]

    @rule(source=PATHS, goal=PATHS)
    def rename(self, source: str, goal: str) -> None:
        target = goal
        outcome = self.do(Rename(source=source, target=target))
        fine = source in self.model and self.possible(target)
        if fine and source != target:
            directory = self.model[source] is None
            fine = not (target + "/").startswith(source + "/") and not {source, target} & {"nodes", "priv"}
            if target in self.model:
                fine = fine and (self.model[target] is None) == directory and not self.below(target)
            moved = {p: target + p[len(source) :] for p in [source, *self.below(source)]}
            if directory:
                fine = fine and not any(paths.is_private(p) and not paths.is_private(q) for p, q in moved.items())
            after = {p: d for p, d in self.model.items() if p not in moved and p != target}
            after |= {q: self.model[p] for p, q in moved.items()}
            fine = fine and self.guests_ok(after)
            if fine:
                self.model = after
        assert (outcome.refused is None) == fine

    @invariant()
    def same(self) -> None:
        assert content(self.tree) == self.model
        assert self.tree.entries == len(self.model)
        assert self.tree.size_bytes == sum(len(d) for d in self.model.values() if d)
        for path in self.model:
            node = self.tree.find(path)
            assert node is not None
            assert self.tree.path(node.inode) == path


TestModel = Model.TestCase


@given(st.lists(st.tuples(PATHS, DATA), max_size=12))
def test_drafts_and_trees_agree(steps: list[tuple[str, bytes]]) -> None:
    """A group applied to one draft ends in the same state as the same mutations applied one by one."""
    one, other = Tree(), Tree()
    draft = one.draft()
    outcomes = []
    for number, (path, data) in enumerate(steps):
        mutation = write(path, data) if number % 3 else make_directories(path)
        outcome = apply(draft, mutation, time_ns=number)
        draft.absorb(outcome)
        outcomes.append(outcome)
        must_equal = apply(other, mutation, time_ns=number)
        other.absorb(must_equal)
        assert must_equal == outcome
    for outcome in outcomes:
        one.absorb(outcome)
    assert content(one) == content(other)
    assert (one.version, one.size_bytes, one.entries) == (other.version, other.size_bytes, other.entries)


def test_outcomes_are_data(tree: Tree) -> None:
    outcome = apply(tree, write("a"), time_ns=1)
    assert replace(outcome, refused=Refused(Cause.FULL, "x")) != outcome


def test_a_root_from_another_nodes_snapshot_replaces_ours() -> None:
    """No directory lists the root, whatever its parent is said to be."""
    tree = Tree()
    root = tree.get(ROOT)
    assert root is not None
    other = replace(root, parent=0, version=5)
    tree.absorb(Outcome(effects=(Effect(old=root, new=other, old_path="", new_path=""),)))
    assert tree.get(ROOT) == other
