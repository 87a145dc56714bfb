"""Databases that are truly damaged: what is said of them, and what a repair brings back."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from hostd.cluster.fs import copies, repair
from hostd.cluster.fs.database import Database, check_file
from hostd.cluster.fs.examine import Examined, Repair, Severity, examine, is_in_use, space
from hostd.cluster.fs.mutations import make_directories
from hostd.cluster.fs.replicate import Origin, Proposal, evaluate
from hostd.cluster.fs.tree import ROOT, Tree
from hostd.core.errors import Conflict
from tests.unit.cluster.fs.test_store_database import survivors, write

FILES = {f"nodes/a/qemu-server/{vmid}.conf": f"name: m{vmid}\n".encode() * 40 for vmid in range(100, 400)}


def fill(
    place: Path, files: dict[str, bytes], *, folders: Sequence[str] = ("nodes/a/qemu-server",), close: bool = True
) -> Database:
    database = Database(place)
    tree = database.load()
    steps = [*(make_directories(folder) for folder in folders), *(write(p, d) for p, d in files.items())]
    for start in range(0, len(steps), 50):
        origin = Origin(node="a", time_ns=1, actor="root@pam", task="")
        proposals = [Proposal(id=n, mutation=m, origin=origin) for n, m in enumerate(steps[start : start + 50])]
        entries = evaluate(tree, 1, proposals)
        database.commit(entries)
        for entry in entries:
            tree.absorb(entry.outcome)
    if close:
        database.close()
    return database


@pytest.fixture
def place(tmp_path: Path) -> Path:
    fill(tmp_path / "config.db", FILES)
    return tmp_path / "config.db"


def contents(place: Path) -> dict[str, bytes]:
    database = Database(place)
    tree = database.load()
    root = tree.get(ROOT)
    assert root is not None
    found = {path: node.data for path, node in tree.walk(root, "") if node.data is not None}
    database.close()
    return found


def only(found: Examined) -> tuple[Severity, str, Repair | None]:
    (finding,) = found.findings
    assert finding.do
    return finding.severity, finding.found, finding.repair


def test_a_whole_one_has_nothing_to_say(place: Path) -> None:
    before = {p.name: p.read_bytes() for p in place.parent.iterdir() if not p.name.endswith(("-shm", "-wal"))}
    found = examine(place, member=False)
    assert found.findings == ()
    assert found.tree is not None
    assert {p.name: p.read_bytes() for p in place.parent.iterdir() if not p.name.endswith(("-shm", "-wal"))} == before


def test_one_in_use_is_read_as_well(tmp_path: Path) -> None:
    database = fill(tmp_path / "config.db", FILES, close=False)
    assert is_in_use(tmp_path / "config.db")
    assert examine(tmp_path / "config.db", member=False).findings == ()
    for attempt in (repair.salvage, repair.cut_journal, repair.set_aside):
        with pytest.raises(Conflict, match="in use"):
            attempt(tmp_path / "config.db")
    database.close()
    assert not is_in_use(tmp_path / "config.db")


def test_what_a_kill_leaves_is_whole_with_its_log_and_says_so_without(tmp_path: Path) -> None:
    database = fill(tmp_path / "config.db", FILES, close=False)
    left = survivors(tmp_path / "config.db", tmp_path / "killed")
    database.close()
    assert examine(left, member=False).findings == ()
    for name in ("config.db-wal", "config.db-shm"):
        (left.parent / name).unlink(missing_ok=True)
    found = examine(left, member=False)
    # With its log gone it is an earlier state, or torn; never taken for whole if it is not.
    if found.findings:
        assert found.findings[0].severity is Severity.BROKEN
    else:
        assert set(contents(left)) <= set(FILES)


@pytest.mark.parametrize("keep", [0, 10, 4096, 50_000])
def test_a_truncated_file_is_found_and_what_is_left_is_saved(place: Path, keep: int) -> None:
    os.truncate(place, keep)
    severity, found, offered = only(examine(place, member=False))
    assert (severity, offered) == (Severity.BROKEN, Repair.SALVAGE), found
    report = repair.salvage(place)
    assert check_file(place) == []
    assert report.lost or keep == 0
    saved = contents(place)
    assert all(FILES[path] == data for path, data in saved.items()), "what is there is whole"
    assert (report.copy / "config.db").stat().st_size == keep


def flip(place: Path, at: int, count: int = 4) -> None:
    with place.open("r+b") as file:
        file.seek(at)
        before = file.read(count)
        file.seek(at)
        file.write(bytes(byte ^ 0x55 for byte in before))


@pytest.mark.parametrize("part", range(1, 20))
def test_flipped_bytes_anywhere_are_found_or_did_not_matter(place: Path, part: int) -> None:
    flip(place, place.stat().st_size * part // 20)
    found = examine(place, member=False)
    if not found.findings:
        assert contents(place) == FILES
        return
    (finding,) = found.findings
    if finding.severity is Severity.ATTENTION:
        assert "bears a name that was never given" in finding.found
        return
    assert finding.severity is Severity.BROKEN
    if finding.repair is Repair.JOURNAL:
        repair.cut_journal(place)
        assert contents(place) == FILES
        return
    report = repair.salvage(place)
    saved = contents(place)
    assert all(FILES[path] == data for path, data in saved.items())
    assert saved == FILES or report.lost
    kept = {p.read_bytes() for p in (report.copy / "found").glob("*")}
    brought_back = sum(data in kept or saved.get(path) == data for path, data in FILES.items())
    assert brought_back >= len(FILES) // 2, report
    assert examine(place, member=False).findings == ()


def test_a_file_whose_contents_changed_is_lost_alone_and_named(place: Path) -> None:
    data = place.read_bytes()
    flip(place, data.index(b"name: m234\n"), 3)
    assert "do not match their digest" in only(examine(place, member=False))[1]
    report = repair.salvage(place)
    assert report.lost[0] == "the contents of '234.conf' are lost"
    assert "'nodes/a/qemu-server/234.conf', are kept as" in report.lost[1], "as they are now"
    assert set(FILES) - set(contents(place)) == {"nodes/a/qemu-server/234.conf"}


def test_a_lost_directory_does_not_take_its_files_along(place: Path) -> None:
    with sqlite3.connect(place) as db:
        db.execute("DELETE FROM node WHERE name='qemu-server'")
    db.close()
    assert only(examine(place, member=False))[0] is Severity.BROKEN
    report = repair.salvage(place)
    assert len(report.lost) == len(FILES)
    kept = {p.name.partition("-")[2]: p.read_bytes() for p in (report.copy / "found").iterdir()}
    assert kept == {path.rpartition("/")[2]: data for path, data in FILES.items()}


def test_files_keep_their_contents_when_the_table_of_names_is_lost(place: Path) -> None:
    """Its root page is overwritten; the journal still knows who wrote what."""
    with sqlite3.connect(place) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name='node'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    db.close()
    flip(place, (page - 1) * size, size)
    assert only(examine(place, member=False))[0] is Severity.BROKEN
    report = repair.salvage(place)
    assert contents(place) == {}
    kept = {p.name: p.read_bytes() for p in (report.copy / "found").iterdir()}
    assert kept == {path.replace("/", "_"): data for path, data in FILES.items()}


def test_a_name_that_nobody_gave_is_told(place: Path) -> None:
    with sqlite3.connect(place) as db:
        db.execute("UPDATE node SET name='1o0.conf' WHERE name='100.conf'")
    db.close()
    severity, found, offered = only(examine(place, member=False))
    assert (severity, offered) == (Severity.ATTENTION, None)
    assert "'nodes/a/qemu-server/100.conf'" in found


def test_an_altered_journal_is_cut_and_the_files_stay(place: Path) -> None:
    with sqlite3.connect(place) as db:
        db.execute("UPDATE journal SET actor='nobody' WHERE sequence=100")
    db.close()
    found = examine(place, member=False)
    assert only(found) == (Severity.BROKEN, "the journal was altered at 1.100.0", Repair.JOURNAL)
    assert found.tree is not None, "the tree can be read all the same"
    report = repair.cut_journal(place)
    assert "of" in report.done
    assert examine(place, member=False).findings == ()
    assert contents(place) == FILES


def test_a_members_database_comes_from_the_others(place: Path) -> None:
    os.truncate(place, 20_000)
    assert "the other nodes" in examine(place, member=True).findings[0].do
    report = repair.set_aside(place)
    assert not place.exists()
    assert (report.copy / "config.db").stat().st_size == 20_000
    assert only(examine(place, member=True))[0] is Severity.ATTENTION


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ("CREATE TABLE t(a)", "another program"),
        ("PRAGMA application_id=7; PRAGMA user_version=2; CREATE TABLE t(a)", "another program"),
        ("PRAGMA application_id=1215261796; PRAGMA user_version=99; CREATE TABLE t(a)", "newer release"),
    ],
)
def test_somebody_elses_database_is_not_repaired(tmp_path: Path, made: str, says: str) -> None:
    with sqlite3.connect(tmp_path / "config.db") as db:
        db.executescript(made)
    db.close()
    severity, found, offered = only(examine(tmp_path / "config.db", member=False))
    assert (severity, offered) == (Severity.BROKEN, None)
    assert says in found


def test_text_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "config.db").write_text("boot: linux\n" * 1000)
    assert "does not begin as a database does" in only(examine(tmp_path / "config.db", member=False))[1]


def test_copies_are_bounded_private_and_durable_before_anything_changes(place: Path) -> None:
    for day in range(copies.KEPT + 3):
        copy = copies.keep(place, now_s=day * 86_400.0)
    kept = sorted((place.parent / copies.FOLDER).iterdir())
    assert len(kept) == copies.KEPT
    assert copy == kept[-1], "the oldest ones went"
    assert copies.keep(place, now_s=day * 86_400.0).name.endswith(".2"), "one of the same second is not replaced"
    assert copy.stat().st_mode & 0o777 == 0o700
    assert (copy / "config.db").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_leaves_everything_as_it_was(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.truncate(place, 50_000)
    before = place.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(OSError, match="no space"):
        repair.salvage(place)
    assert place.read_bytes() == before
    assert list((place.parent / copies.FOLDER).iterdir()) == []


def test_a_repair_that_was_killed_is_finished(place: Path) -> None:
    os.truncate(place, 50_000)
    repair.salvage(place)
    saved = contents(place)
    place.rename(place.with_name("config.db.repaired"))  # killed after the damaged one went
    repair.salvage(place)
    assert contents(place) == saved


def test_what_lies_beside_it_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place.parent / "config.db.replaced-3.7").touch()
    (finding,) = space(place)
    assert (finding.severity, finding.subject) == (Severity.NOTE, str(place.parent / "config.db.replaced-3.7"))
    there = os.statvfs(place.parent)
    values = list(there)
    values[4] = 0  # f_bavail
    monkeypatch.setattr("os.statvfs", lambda _: os.statvfs_result(values))
    assert next(space(place)).severity is Severity.ATTENTION


def test_one_guest_in_two_places_is_told() -> None:
    from hostd.cluster.fs.examine import tree_rules
    from hostd.cluster.fs.tree import Node, digest_of

    def folder(inode: int, parent: int, name: str) -> Node:
        return Node(inode, parent, name, None, b"", 1, 0)

    data = b"x"
    entries = [
        folder(2, ROOT, "nodes"), folder(3, 2, "a"), folder(4, 3, "lxc"), folder(5, 2, "b"),
        folder(6, 5, "qemu-server"),
        Node(7, 4, "100.conf", data, digest_of(data), 1, 0), Node(8, 6, "100.conf", data, digest_of(data), 1, 0),
    ]  # fmt: skip
    (finding,) = tree_rules(Tree(entries))
    assert "guest 100 exists as" in finding.found
