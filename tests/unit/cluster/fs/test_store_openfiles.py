from __future__ import annotations

import errno

import pytest

from hostd.cluster.fs.openfiles import READERS, Handle, OpenFile, OpenFiles, State, TooBig
from hostd.cluster.fs.tree import Node


def node(inode: int, data: bytes) -> Node:
    return Node(inode, 1, "a", data, b"", 1, 0)


def test_writes_change_a_copy_of_the_committed_contents() -> None:
    file = OpenFile(7)
    file.write(b"hello world", 6, b"there", 1)
    assert bytes(file.buffer or b"") == b"hello there"
    file.write(b"ignored", 13, b"!", 2)
    assert bytes(file.buffer or b"") == b"hello there\0\0!"
    file.write(b"", None, b"?", 3)
    assert bytes(file.buffer or b"") == b"hello there\0\0!?"
    assert (file.state, file.changed_ns) == (State.WRITTEN, 3)


def test_a_truncated_file_waits_for_its_data() -> None:
    file = OpenFile(7)
    file.truncate(b"old", 0, 1)
    assert file.needs_commit
    assert not file.needs_commit_on_close
    file.write(b"", 0, b"new", 2)
    assert file.needs_commit_on_close


def test_cutting_to_a_size_is_a_write() -> None:
    file = OpenFile(7)
    file.truncate(b"hello", 2, 1)
    assert (bytes(file.buffer or b""), file.needs_commit_on_close) == (b"he", True)
    file.truncate(b"", 4, 2)
    assert bytes(file.buffer or b"") == b"he\0\0"


def test_no_file_grows_beyond_the_limit() -> None:
    file = OpenFile(7)
    file.write(b"", (1 << 20) - 1, b"x", 1)
    for step in (lambda: file.write(b"", 1 << 20, b"x", 2), lambda: file.truncate(b"", (1 << 20) + 1, 2)):
        with pytest.raises(TooBig) as caught:
            step()
        assert caught.value.errno == errno.EFBIG
    assert len(file.buffer or b"") == 1 << 20


def test_what_is_written_during_a_commit_is_committed_later() -> None:
    file = OpenFile(7)
    file.write(b"", 0, b"1", 1)
    changes = file.changes
    file.write(b"", 1, b"2", 2)
    file.committed(node(7, b"1"), changes)
    assert file.needs_commit_on_close
    assert bytes(file.buffer or b"") == b"12"
    file.committed(node(7, b"12"), file.changes)
    assert (file.buffer, file.state) == (None, State.CLEAN)


def test_a_failed_commit_is_not_tried_again_by_the_last_close() -> None:
    file = OpenFile(7)
    file.write(b"", 0, b"1", 1)
    file.failed(file.changes)
    assert not file.needs_commit
    file.write(b"", 0, b"2", 2)
    assert file.needs_commit


def test_another_file_that_came_first_is_written_to() -> None:
    file = OpenFile(7, place=(1, "a"))
    assert file.tree_inode == 7
    file.committed(node(8, b""), file.changes)
    assert file.tree_inode == 8


def test_files_live_as_long_as_a_handle() -> None:
    files = OpenFiles()
    file = OpenFile(7, place=(1, "a"))
    files.expect(file)
    one, two = files.add(Handle(file)), files.add(Handle(file))
    assert one != two
    assert files.pending_below(1) == [file]
    assert files.pending_below(2) == []
    files.remove(one)
    assert files.files == {7: file}
    files.remove(two)
    assert (files.files, files.handles, files.pending) == ({}, {}, {})


def test_a_settled_file_has_no_place_of_its_own() -> None:
    files = OpenFiles()
    file = OpenFile(7, place=(1, "a"))
    files.expect(file)
    files.settle(file)
    files.settle(file)
    assert file.place is None
    assert files.pending == {}


def test_readers_share_a_handle_and_read_on_after_a_removal() -> None:
    files = OpenFiles()
    assert files.add(Handle(None)) != READERS
    files.readers[7] = 2
    files.removed(node(7, b"as it was"))
    files.removed(node(8, b"not open"))
    files.close_reader(7)
    assert files.kept == {7: node(7, b"as it was")}
    files.close_reader(7)
    assert (files.readers, files.kept) == ({}, {})
