"""The durable copy: reopened it is what was committed, whatever was killed when; damage is found."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostd.cluster.fs import seed
from hostd.cluster.fs.database import Damaged, Database, Limits, check_file, copy_file
from hostd.cluster.fs.journal import Action, broken_link, link, records
from hostd.cluster.fs.mutations import (
    Delete,
    Mkdir,
    Mutation,
    Rename,
    Rewrite,
    Touch,
    Write,
    make_directories,
    new_inode,
)
from hostd.cluster.fs.replicate import Entry, Origin, Position, Proposal, evaluate
from hostd.cluster.fs.tree import ROOT, Tree
from hostd.core.errors import Conflict, HostError

POINTS = ("begin", "written", "committed")


def write(path: str, data: bytes) -> Write:
    return Write(path=path, data=data, inode=new_inode())


def content(tree: Tree) -> dict[str, tuple[bytes | None, int, int]]:
    root = tree.get(ROOT)
    assert root is not None
    return {path: (node.data, node.version, node.mtime_ns) for path, node in tree.walk(root, "")}


def group(tree: Tree, mutations: list[Mutation], time_ns: int = 1) -> list[Entry]:
    origin = Origin(node="a", time_ns=time_ns, actor="root@pam", task="UPID:1")
    return evaluate(tree, 1, [Proposal(id=n, mutation=m, origin=origin) for n, m in enumerate(mutations)])


def commit(database: Database, tree: Tree, *mutations: Mutation) -> None:
    entries = group(tree, list(mutations))
    database.commit(entries)
    for entry in entries:
        assert entry.outcome.refused is None
        tree.absorb(entry.outcome)


def survivors(file: Path, to: Path) -> Path:
    """What a killed process leaves: the main file and the log, without shared memory."""
    to.mkdir()
    for name in (file.name, f"{file.name}-wal"):
        if (file.parent / name).exists():
            shutil.copy(file.parent / name, to / name)
    return to / file.name


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "config.db"


def test_an_empty_database_is_an_empty_tree(place: Path) -> None:
    database = Database(place)
    assert content(database.load()) == content(Tree())
    assert database.position() == Position(1, 0)
    assert place.stat().st_mode & 0o777 == 0o600
    database.close()


def test_everything_comes_back(place: Path) -> None:
    database = Database(place)
    tree = database.load()
    commit(database, tree, make_directories("nodes/a/qemu-server"), make_directories("priv/lock"), write("a", b"1"))
    commit(database, tree, write("nodes/a/qemu-server/100.conf", b"cores: 1\n"), write("priv/key", b"secret"))
    node = tree.find("a")
    assert node is not None
    commit(database, tree, Rename(source="nodes/a", target="nodes/b"), Rewrite(inode=node.inode, data=b"22"))
    commit(database, tree, Touch(inode=node.inode, mtime_ns=5), Mkdir(path="x", inode=77), Delete(path="x"))
    database.close()
    database = Database(place)
    assert content(database.load()) == content(tree)
    assert database.load().version == tree.version == database.position().sequence
    database.close()


NAMES = st.sampled_from(["a", "b", "priv", "x", "100.conf"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
STEPS = st.one_of(
    st.builds(lambda p, d: write(p, d), PATHS, st.binary(max_size=20)),
    st.builds(lambda p: make_directories(p), PATHS),
    st.builds(lambda p: Delete(path=p), PATHS),
    st.builds(lambda p, q: Rename(source=p, target=q), PATHS, PATHS),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.lists(st.lists(STEPS, max_size=5), max_size=5), data=st.data())
def test_killed_at_any_point_it_holds_whole_groups(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[Mutation]], data: st.DataObject
) -> None:
    """Whatever a group holds: before its COMMIT the file shows the state before it, after it the state after."""
    directory = tmp_path_factory.mktemp("db")
    killed_at = data.draw(st.sampled_from(POINTS))
    seen: list[Path] = []

    def fault(point: str) -> None:
        if point == killed_at:
            seen.append(survivors(directory / "config.db", directory / f"kill{len(seen)}"))

    database = Database(directory / "config.db", fault=fault)
    tree = database.load()
    expected = []
    for number, mutations in enumerate(groups):
        entries = group(tree, mutations, time_ns=number)
        before = content(tree)
        database.commit(entries)
        for entry in entries:
            tree.absorb(entry.outcome)
        if any(entry.outcome.effects for entry in entries):
            expected.append(content(tree) if killed_at == "committed" else before)
    database.close()
    assert len(seen) == len(expected)
    for file, state in zip(seen, expected, strict=True):
        again = Database(file)
        assert content(again.load()) == state
        again.close()
    again = Database(directory / "config.db")
    assert content(again.load()) == content(tree)
    again.close()
    check_no_content_is_orphaned(directory / "config.db")


def check_no_content_is_orphaned(file: Path) -> None:
    """Every content is somebody's: an entry's, or a journal record's; and no record keeps a private one."""
    db = sqlite3.connect(file)
    held = {row[0] for row in db.execute("SELECT content FROM node WHERE content IS NOT NULL")}
    kept = {row[0] for row in db.execute("SELECT old_content FROM journal WHERE old_content IS NOT NULL")}
    assert {row[0] for row in db.execute("SELECT id FROM content")} == held | kept
    assert not held & kept
    db.close()


def test_an_error_inside_a_transaction_leaves_nothing(place: Path) -> None:
    def fault(point: str) -> None:
        if point == "written" and failing:
            raise sqlite3.OperationalError("disk I/O error")

    failing = False
    database = Database(place, fault=fault)
    tree = database.load()
    commit(database, tree, write("a", b"1"))
    failing = True
    with pytest.raises(sqlite3.OperationalError):
        database.commit(group(tree, [write("a", b"2"), write("b", b"3")]))
    failing = False
    assert content(database.load()) == content(tree)
    commit(database, tree, write("c", b"4"))
    assert content(database.load()) == content(tree)
    database.close()
    assert check_file(place) == []


# --- journal


def test_the_journal_tells_who_changed_what(place: Path) -> None:
    database = Database(place)
    tree = database.load()
    commit(database, tree, write("a", b"1"))
    commit(database, tree, write("a", b"2"), write("tmp", b"3"))
    commit(database, tree, Rename(source="tmp", target="a"))
    commit(database, tree, Delete(path="a"))
    told = database.records()
    assert [(r.action, r.path, r.target) for r in told] == [
        ("create", "a", ""),
        ("change", "a", ""),
        ("create", "tmp", ""),
        ("delete", "a", ""),
        ("move", "tmp", "a"),
        ("delete", "a", ""),
    ]
    assert {(r.actor, r.task, r.node) for r in told} == {("root@pam", "UPID:1", "a")}
    assert [r.sequence for r in told] == [1, 2, 3, 4, 4, 5]
    assert told[1].old_digest == told[0].new_digest != told[1].new_digest
    assert [database.history(r) for r in told] == [
        (None, b"1"), (b"1", b"2"), (None, b"3"), (b"2", None), (None, None), (b"3", None),
    ]  # fmt: skip
    database.close()


def test_secret_files_leave_neither_contents_nor_digests(place: Path) -> None:
    database = Database(place)
    tree = database.load()
    commit(database, tree, make_directories("priv/lock"), make_directories("nodes/a/priv"))
    for path in ("priv/key", "nodes/a/priv/key", "nodes/a/pve-ssl.key"):
        commit(database, tree, write(path, b"first secret"))
        commit(database, tree, write(path, b"second secret"))
        commit(database, tree, Delete(path=path))
    commit(database, tree, make_directories("priv/lock/x"), Delete(path="priv/lock/x"))
    told = [r for r in database.records() if r.path.endswith("key")]
    assert [r.action for r in told] == ["create", "change", "delete"] * 3
    assert {(r.old_digest, r.new_digest) for r in told} == {("", "")}
    assert {database.history(r) for r in told} == {(None, None)}
    assert not [r for r in database.records() if r.path.startswith("priv/lock/")]
    database.close()
    db = sqlite3.connect(place)
    assert db.execute("SELECT count(*) FROM content").fetchone() == (0,)
    db.close()


def test_the_journal_is_bounded_and_stays_a_chain(place: Path) -> None:
    database = Database(place, limits=Limits(records=50, content_bytes=10_000))
    tree = database.load()
    for number in range(200):
        commit(database, tree, write(f"f{number % 7}", str(number).encode() * 20))
        assert len(database.records()) <= 50
    newest = database.records()[-1]
    assert (newest.sequence, newest.path) == (200, "f3")
    commit(database, tree, write("big", bytes(9_000)))
    commit(database, tree, write("big", bytes(9_001)))
    commit(database, tree, write("big", b"x"))
    assert sum(len(old) for r in database.records() if (old := database.history(r)[0])) <= 10_000
    database.close()
    assert check_file(place) == []
    check_no_content_is_orphaned(place)
    database = Database(place, limits=Limits(records=50, content_bytes=10_000))
    assert content(database.load()) == content(tree)
    database.close()


def test_a_chain_breaks_where_a_record_was_altered() -> None:
    tree = Tree()
    entries = group(tree, [write("a", b"1"), write("b", b"2"), write("a", b"3")])
    told = [record for entry in entries for _, record in records(entry)]
    chain, value = [], bytes(32)
    for record in told:
        value = link(value, record)
        chain.append((record, value))
    assert broken_link(bytes(32), chain) is None
    assert [r.action for r in told] == [Action.CREATE, Action.CREATE, Action.CHANGE]
    assert broken_link(bytes(32), [chain[0], chain[2]]) == told[2]
    assert broken_link(b"x" * 32, chain) == told[0]


# --- damage


def open_and_load(place: Path) -> None:
    database = Database(place)
    try:
        database.load()
    finally:
        database.close()


def filled(place: Path) -> None:
    database = Database(place)
    tree = database.load()
    commit(database, tree, make_directories("nodes/a"), write("a", b"contents"), write("nodes/a/b", b"other"))
    database.close()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE content SET data=x'00' WHERE data=CAST('contents' AS BLOB)", "do not match their digest"),
        ("DELETE FROM content", "lost their contents"),
        ("DELETE FROM node WHERE name='nodes'", "is in no directory"),
        ("UPDATE node SET name='a' WHERE name='nodes'", "exists twice"),
        ("UPDATE node SET name='x/y' WHERE name='b'", "control character"),
        ("UPDATE state SET sequence=0", "newer than the database's position"),
        ("UPDATE journal SET actor='somebody else' WHERE path='a'", "journal was altered"),
        ("DELETE FROM journal WHERE path='a'", "journal was altered"),
        ("DELETE FROM journal WHERE sequence=3", "journal's end is missing"),
    ],
)
def test_damage_is_named_and_nothing_is_touched(place: Path, statement: str, message: str) -> None:
    filled(place)
    assert check_file(place) == []
    db = sqlite3.connect(place)
    db.execute(statement)
    db.commit()
    db.close()
    assert any(message in problem for problem in check_file(place))
    with pytest.raises(Damaged, match=message):
        open_and_load(place)


def test_a_loop_of_directories_is_found(place: Path) -> None:
    database = Database(place)
    tree = database.load()
    commit(database, tree, make_directories("x/y/z"))
    database.close()
    db = sqlite3.connect(place)
    db.execute("UPDATE node SET parent=(SELECT inode FROM node WHERE name='z') WHERE name='x'")
    db.commit()
    db.close()
    with pytest.raises(Damaged, match="cannot be reached"):
        open_and_load(place)


def test_files_that_are_no_store(place: Path) -> None:
    place.write_bytes(b"this is no database at all" * 100)
    assert check_file(place)
    with pytest.raises(Damaged):
        open_and_load(place)
    place.unlink()
    assert check_file(place) == [f"database '{place}' does not exist"]
    db = sqlite3.connect(place)
    db.execute("CREATE TABLE t(x)")
    db.close()
    with pytest.raises(Damaged, match="not a Holdfast store"):
        open_and_load(place)


def test_cut_short(place: Path) -> None:
    filled(place)
    place.write_bytes(place.read_bytes()[: place.stat().st_size // 2])
    assert check_file(place)
    with pytest.raises(Damaged):
        open_and_load(place)


def test_a_newer_schema_is_refused(place: Path) -> None:
    filled(place)
    db = sqlite3.connect(place)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(HostError, match="newer release"):
        Database(place)
    assert check_file(place)


def test_one_process_at_a_time_but_checks_and_copies_any_time(place: Path, tmp_path: Path) -> None:
    database = Database(place)
    tree = database.load()
    commit(database, tree, write("a", b"1"))
    with pytest.raises(Conflict, match="in use"):
        Database(place)
    assert check_file(place) == []
    copy_file(place, tmp_path / "copy.db")
    with pytest.raises(Conflict):
        copy_file(place, tmp_path / "copy.db")
    commit(database, tree, write("a", b"2"))
    database.close()
    copy = Database(tmp_path / "copy.db")
    node = copy.load().find("a")
    assert node is not None
    assert node.data == b"1"
    copy.close()


# --- seed


def test_a_seed_becomes_one_mutation(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "config").write_bytes(b"x")
    (tmp_path / "firewall").mkdir()
    (tmp_path / "storage.cfg").write_bytes(b"dir: local\n")
    files = seed.read(tmp_path, "pve1")
    tree = Tree()
    first = seed.initial(tree, "pve1", files)
    assert first is not None
    (entry,) = group(tree, [first])
    tree.absorb(entry.outcome)
    assert tree.version == 1
    shown = {path: data for path, (data, _, _) in content(tree).items() if path}
    assert {p for p, data in shown.items() if data is None} == {*seed.fixed_directories("pve1"), "firewall"}
    assert {p: d for p, d in shown.items() if d} == {"storage.cfg": b"dir: local\n", "nodes/pve1/config": b"x"}
    assert seed.initial(tree, "pve1", []) is None
    again = seed.initial(tree, "pve2", [])
    assert again is not None
    assert len(again.steps) == 4


def test_a_seed_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(HostError, match="neither a file nor a directory"):
        seed.read(tmp_path, "a")


def test_the_digest_of_a_seed_covers_names_and_contents() -> None:
    seeds: list[seed.Files] = [[], [("a", b"")], [("a", None)], [("a", b"b")], [("ab", b"")], [("a", b""), ("b", b"")]]
    assert len({seed.digest(files) for files in seeds}) == len(seeds)


def test_removing_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    place = tmp_path / "seed"
    place.mkdir()
    (place / "a").write_bytes(b"x")
    seed.remove(place)
    assert not list(tmp_path.iterdir())
    (tmp_path / "seed.imported").mkdir()
    (tmp_path / "seed.imported" / "rest").write_bytes(b"x")
    seed.remove(place)
    assert not list(tmp_path.iterdir())


def test_a_prepared_log_keeps_its_size_and_loses_nothing(tmp_path: Path) -> None:
    """Commits go into blocks that are there; what follows the last one is taken for nothing."""
    database, tree = Database(tmp_path / "config.db"), Tree()
    commit(database, tree, write("a", b"before"))
    database.reserve_log()
    log = tmp_path / "config.db-wal"
    size = log.stat().st_size
    for n in range(20):
        commit(database, tree, write(f"f{n}", b"%d" % n))
    assert log.stat().st_size == size > 4_000_000
    reopened = Database(survivors(tmp_path / "config.db", tmp_path / "cut"))
    assert content(reopened.load()) == content(tree)
    assert check_file(reopened.path) == []
    reopened.close()
    database.close()


def test_a_log_that_cannot_be_prepared_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database, tree = Database(tmp_path / "config.db"), Tree()
    (tmp_path / "config.db-wal").rename(tmp_path / "elsewhere")
    database.reserve_log()
    assert "changes take longer" in caplog.text
    (tmp_path / "elsewhere").rename(tmp_path / "config.db-wal")
    commit(database, tree, write("a", b"x"))
    database.close()
