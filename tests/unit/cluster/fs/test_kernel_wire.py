"""The kernel's protocol as bytes: sizes and places of linux/fuse.h, and what is understood of requests."""

from __future__ import annotations

import errno
import struct

import pytest

from hostd.cluster.fs import kernel_wire as wire
from hostd.cluster.fs.kernel_wire import Attributes, FUSEError, Listing, Opened, Space

FILE = Attributes(inode=7, mode=0o100640, gid=33, size=1025, mtime_ns=1_700_000_000_000_000_005, timeout_s=1.25)


def test_sizes_are_those_of_the_header_file() -> None:
    sizes = {
        wire.IN_HEADER: 40, wire.OUT_HEADER: 16, wire.ATTRIBUTES: 88, wire.ENTRY_HEAD: 40, wire.ATTR_HEAD: 16,
        wire.OPENED: 16, wire.INIT_OUT: 64, wire.DIRENT: 24, wire.SETATTR: 88, wire.READ: 40, wire.STATFS: 80,
        wire.RENAME2: 16, wire.INODE_GONE: 24, wire.ENTRY_GONE: 16,
    }  # fmt: skip
    assert {each.format: each.size for each in sizes} == {each.format: size for each, size in sizes.items()}


def test_attributes_and_entries() -> None:
    entry, attributes = FILE.as_entry(), FILE.as_attributes()
    assert (len(entry), len(attributes)) == (128, 104)
    assert struct.unpack_from("<4Q2I", entry) == (7, 0, 1, 1, 250_000_000, 250_000_000)
    assert struct.unpack_from("<QI", attributes) == (1, 250_000_000)
    ino, size, blocks, atime, mtime, ctime, *rest = struct.unpack("<6Q10I", entry[40:])
    assert (ino, size, blocks) == (7, 1025, 3)
    assert atime == mtime == ctime == 1_700_000_000
    assert rest == [5, 5, 5, 0o100640, 1, 0, 33, 0, 4096, 0]


def test_flags_of_open() -> None:
    assert Opened(9, keep_cache=True, no_flush=True).packed() == struct.pack("<QIi", 9, 0b100010, 0)
    assert Opened(9, direct_io=True).packed() == struct.pack("<QIi", 9, 1, 0)


def test_a_listing_is_aligned_and_ends_when_it_is_full() -> None:
    listing = Listing(2 * 160 + 159)
    assert listing.add(b"a", FILE, 1)
    assert listing.add(b"eight678", FILE, 2)
    assert not listing.add(b"c", FILE, 3)
    data = listing.packed()
    assert len(data) == 320
    assert struct.unpack_from("<QQII", data, 128) == (7, 1, 1, 0o10)
    assert data[152:160] == b"a" + bytes(7)
    assert struct.unpack_from("<QQII", data, 288) == (7, 2, 8, 0o10)
    assert data[312:] == b"eight678"


def setattr_body(valid: int) -> bytes:
    return wire.SETATTR.pack(valid, 0, 4, 5, 0, 1, 2, 3, 10, 20, 30, 0o600, 0, 1000, 1001, 0)


def test_only_what_is_asked_for_is_changed() -> None:
    nothing = wire.changes_of(setattr_body(16))  # the time of access, which is not kept
    assert set(nothing.__slots__) == {"mode", "uid", "gid", "size", "mtime_ns", "handle"}
    assert all(getattr(nothing, name) is None for name in nothing.__slots__)
    everything = wire.changes_of(setattr_body(1 | 2 | 4 | 8 | 32 | 64))
    assert (everything.mode, everything.uid, everything.gid) == (0o600, 1000, 1001)
    assert (everything.size, everything.handle, everything.mtime_ns) == (5, 4, 2_000_000_020)
    assert (wire.changes_of(setattr_body(256)).mtime_ns or 0) > 1_700_000_000_000_000_000, "now"


def test_the_greeting_asks_for_what_is_offered_only() -> None:
    answer = wire.greeting(3, wire.INIT_IN.pack(7, 45, 131072, wire.DO_READDIRPLUS | 1 << 16))
    assert struct.unpack_from("<IiQ", answer) == (80, 0, 3)
    major, minor, readahead, flags = struct.unpack_from("<4I", answer, 16)
    assert (major, minor, readahead, flags) == (7, 31, 131072, wire.DO_READDIRPLUS)
    with pytest.raises(FUSEError) as refused:
        wire.greeting(3, wire.INIT_IN.pack(7, 30, 0, 0))
    assert refused.value.errno == errno.EPROTO


def test_answers_refusals_and_what_is_told_unasked() -> None:
    assert wire.answer(5, b"xy") == struct.pack("<IiQ", 18, 0, 5) + b"xy"
    assert wire.refusal(5, errno.EACCES) == struct.pack("<IiQ", 16, -errno.EACCES, 5)
    assert wire.entry_gone(1, b"name") == struct.pack("<IiQQII", 37, 3, 0, 1, 4, 0) + b"name\0"
    assert wire.inode_gone(9, data=True) == struct.pack("<IiQQqq", 40, 2, 0, 9, 0, 0)
    assert wire.inode_gone(9, data=False) == struct.pack("<IiQQqq", 40, 2, 0, 9, -1, 0)


def test_names_end_with_a_zero() -> None:
    assert wire.names(b"old\0new\0") == [b"old", b"new"]
    assert Space(blocks=9, free=8, files=7, files_free=6, longest_name=255).packed()[:40] == struct.pack(
        "<5Q", 9, 8, 8, 7, 6
    )


def test_what_the_kernel_forgets() -> None:
    head = bytes(wire.IN_HEADER.size)
    assert list(wire.forgotten(wire.Op.FORGET, 9, head + struct.pack("<Q", 3))) == [(9, 3)]
    batch = head + struct.pack("<IIQQQQ", 2, 0, 9, 1, 10, 4)
    assert list(wire.forgotten(wire.Op.BATCH_FORGET, 0, batch)) == [(9, 1), (10, 4)]
    assert list(wire.forgotten(wire.Op.INTERRUPT, 9, head + bytes(8))) == []
