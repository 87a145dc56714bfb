"""Another node's state in the database and in memory: whole, at once, with a copy of what is lost."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hostd.cluster.fs.database import Database, check_file
from hostd.cluster.fs.mutations import Delete, Mkdir, Mutation, Rename, Write
from hostd.cluster.fs.replicate import Entry, Epoch, Origin, Position, Proposal, evaluate
from hostd.cluster.fs.transfer import Recent, Transfer, difference, is_beginning, lost_records
from hostd.cluster.fs.tree import ROOT, Node, Tree


def write(path: str, data: bytes, inode: int) -> Write:
    return Write(path=path, data=data, inode=1 << 62 | inode)


def make(tree: Tree, epoch: int, *mutations: Mutation) -> list[Entry]:
    proposals = [Proposal(id=n, mutation=m, origin=Origin(node="a", time_ns=n)) for n, m in enumerate(mutations)]
    entries = evaluate(tree, epoch, proposals)
    for entry in entries:
        tree.absorb(entry.outcome)
    return entries


def nodes_of(tree: Tree) -> list[Node]:
    root = tree.get(ROOT)
    assert root is not None
    return [node for _, node in tree.walk(root, "")]


def files(tree: Tree) -> dict[str, tuple[int, bytes | None, int]]:
    root = tree.get(ROOT)
    assert root is not None
    return {path: (n.inode, n.data, n.version) for path, n in tree.walk(root, "") if path}


def test_a_snapshot_replaces_everything_and_what_is_lost_is_told_and_kept(tmp_path: Path) -> None:
    mine, theirs = Database(tmp_path / "mine.db"), Database(tmp_path / "theirs.db")
    origin = theirs.durable().origin
    there, here = Tree(), mine.load()
    theirs.commit(make(there, 1, write("a", b"1", 16), Mkdir(path="d", inode=1 << 62 | 32), write("d/b", b"2", 48)))
    theirs.adopt(Epoch(4, origin, 3, (1, 2)))
    mine.commit(make(here, 1, write("mine", b"lost", 64)))
    transfer = Transfer(
        origin=origin, position=theirs.position(), epochs=tuple(theirs.epochs()), content=theirs.snapshot(there)
    )
    lost = mine.install(transfer, here)
    assert [(item.action, item.path) for item in lost] == [("create", "mine")]
    mine.close()
    theirs.close()
    assert check_file(tmp_path / "mine.db") == []
    with closing(Database(tmp_path / "mine.db")) as again:
        assert files(again.load()) == files(there)
        assert (again.position(), again.durable().origin, again.epochs()[-1].nodes) == (Position(4, 3), origin, (1, 2))
    with closing(Database(tmp_path / "mine.db.replaced-1.1")) as kept:
        assert list(files(kept.load())) == ["mine"]


def test_an_install_that_is_cut_off_changes_nothing(tmp_path: Path) -> None:
    def fault(point: str) -> None:
        if point == "written":
            raise OSError("cut")

    theirs, tree = Database(tmp_path / "theirs.db"), Tree()
    theirs.commit(make(tree, 1, write("a", b"1", 16)))
    transfer = Transfer(origin="x", position=Position(9, 1), epochs=(Epoch(9, "x", 0),), content=theirs.snapshot(tree))
    mine = Database(tmp_path / "mine.db", fault=fault)
    before = mine.durable()
    with pytest.raises(OSError, match="cut"):
        mine.install(transfer, Tree())
    assert mine.durable() == before
    assert files(mine.load()) == {}
    mine.close()
    theirs.close()


def test_missing_changes_are_made_again(tmp_path: Path) -> None:
    there, recent = Tree(), Recent(0)
    for entry in make(there, 1, write("a", b"1", 16), Delete(path="none"), write("b", b"2", 32)):
        recent.add(entry)
    content = recent.after(0)
    assert content is not None
    mine = Database(tmp_path / "mine.db")
    origin = mine.durable().origin
    epochs = (Epoch(1, origin, 0), Epoch(2, origin, 2, (1, 2)))
    transfer = Transfer(origin=origin, position=Position(2, 2), epochs=epochs, content=content)
    assert mine.install(transfer, mine.load()) == []
    assert files(mine.load()) == files(there)
    assert mine.position() == Position(2, 2)
    mine.close()


def test_a_database_of_the_first_schema_gets_a_name(tmp_path: Path) -> None:
    Database(tmp_path / "db").close()
    with sqlite3.connect(tmp_path / "db") as db:
        db.executescript(
            "DROP TABLE epoch; ALTER TABLE state DROP COLUMN promised; ALTER TABLE state DROP COLUMN origin;"
            "PRAGMA user_version=1;"
        )
    db.close()
    assert check_file(tmp_path / "db") == []
    with closing(Database(tmp_path / "db")) as database:
        durable = database.durable()
    assert durable.origin
    assert durable.epoch == Epoch(1, durable.origin, 0)


@pytest.mark.parametrize("seed", range(30))
def test_the_difference_of_two_trees_makes_one_the_other(seed: int) -> None:
    rng = random.Random(seed)

    def some(tree: Tree, start: int) -> None:
        for n in range(25):
            inode = start + 16 * n
            path, other = (rng.choice(("a", "b", "c", "d/a", "d/b", "e/d/a")) for _ in range(2))
            step: Mutation = rng.choice(
                (
                    write(path, rng.randbytes(3), inode),
                    Mkdir(path=rng.choice(("d", "e", "e/d")), inode=1 << 62 | inode, exist_ok=True),
                    Rename(source=path, target=other),
                    Rename(source="d", target="e/d"),
                    Rename(source="e", target="d"),
                    Delete(path=path),
                )
            )
            make(tree, 1, step)

    tree = Tree()
    some(tree, 0)
    other = Tree(nodes_of(tree), version=tree.version)
    some(tree, 1 << 10)
    some(other, 1 << 20)
    tree.absorb(difference(tree, nodes_of(other), Position(2, other.version)).outcome)
    assert files(tree) == files(other)
    assert (tree.entries, tree.size_bytes) == (other.entries, other.size_bytes)


def test_which_states_are_beginnings_of_a_history() -> None:
    epochs = (Epoch(2, "m", 0), Epoch(5, "m", 10))
    assert is_beginning(Position(2, 10), "m", epochs, 12)
    assert not is_beginning(Position(2, 11), "m", epochs, 12)
    assert not is_beginning(Position(2, 3), "fork", epochs, 12)
    assert is_beginning(Position(5, 12), "m", epochs, 12)
    assert not is_beginning(Position(3, 10), "m", epochs, 12)
    assert lost_records([], epochs, epochs, 12) == []
