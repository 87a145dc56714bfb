"""The few bytes of an image's header that lists need, read without starting a program for each image."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hostd.core.errors import ParseError

HEADER_BYTES = 4096
_MAGIC = b"QFI\xfb"


@dataclass(frozen=True, kw_only=True)
class Header:
    """``backing``: the backing file's name as written, or empty."""

    size_bytes: int
    backing: str = ""


def parse_header(head: bytes) -> Header:
    """The first ``HEADER_BYTES`` of a qcow2 image; ParseError where it is none or names a file beyond them.

    Source: QEMU docs/interop/qcow2.txt (big endian: magic, version, backing offset u64, length u32, bits, size u64).
    """
    if len(head) < 32 or head[:4] != _MAGIC:
        raise ParseError("no qcow2 image")
    offset, length, _bits, size = struct.unpack_from(">QIIQ", head, 8)
    if offset and offset + length > len(head):
        raise ParseError("qcow2 image with a backing file name out of reach")
    return Header(size_bytes=size, backing=head[offset : offset + length].decode(errors="replace") if offset else "")
