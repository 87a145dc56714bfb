"""Backup archives by name: what is inside, how it is packed, whose it is and from when.

Source: conformance area ``storage`` (archive-info).
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import ParseError

_ARCHIVE: Final = re.compile(
    r"(?P<stem>vzdump-(?P<type>lxc|openvz|qemu)-.+?)\."
    r"(?:(?P<tgz>tgz)|(?P<format>tar|vma)(?:\.(?P<packed>gz|lzo|zst|bz2))?)\Z"
)
_STANDARD: Final = re.compile(
    r"vzdump-(?:lxc|openvz|qemu)-(?P<vmid>[1-9]\d{2,8})-(?P<time>\d{4}(?:_\d\d){2}-\d\d(?:_\d\d){2})\Z"
)
# What reads an archive, by what is inside and how it is packed.
_UNPACK: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("tar", "gz"): ("tar", "-z"),
    ("tar", "lzo"): ("tar", "--lzop"),
    ("tar", "zst"): ("tar", "--zstd"),
    ("tar", "bz2"): ("tar", "--bzip2"),
    ("vma", "gz"): ("zcat",),
    ("vma", "lzo"): ("lzop", "-d", "-c"),
    ("vma", "zst"): ("zstd", "-q", "-d", "-c"),
    ("vma", "bz2"): ("bzcat", "-q"),
}


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What a name tells. ``type``: the kind of guest; ``compression`` empty: not packed.

    ``vmid`` and ``ctime_s`` (epoch seconds, from the name's local time) are those of standard names only.
    """

    filename: str
    type: str
    format: str
    compression: str
    vmid: int | None = None
    ctime_s: int | None = None
    stem: str = ""

    @property
    def is_standard(self) -> bool:
        return self.vmid is not None

    @property
    def unpack(self) -> tuple[str, ...]:
        return _UNPACK.get((self.format, self.compression), ())

    @property
    def log(self) -> str:
        """The file beside it with the log of the backup; empty where the name is not a standard one."""
        return f"{self.stem}.log" if self.is_standard else ""

    @property
    def notes(self) -> str:
        return f"{self.filename}.notes" if self.is_standard else ""


def parse_archive(archive: str) -> Archive:
    """A path or volume id. Raises ParseError for what cannot be a backup's name, or tells a day that never was."""
    filename = archive.rpartition("/")[2].rpartition(":")[2]
    match = _ARCHIVE.match(filename)
    if match is None:
        raise ParseError(f"'{filename}' does not look like a backup: vzdump-<type>-<id>-<time>.<tar|vma>[.<packed>]")
    standard = _STANDARD.match(match["stem"])
    return Archive(
        filename=filename,
        type=match["type"],
        format="tar" if match["tgz"] else match["format"],
        compression="gz" if match["tgz"] else match["packed"] or "",
        vmid=int(standard["vmid"]) if standard else None,
        ctime_s=_seconds(standard["time"]) if standard else None,
        stem=match["stem"],
    )


def _seconds(text: str) -> int:
    """Epoch seconds of ``2024_01_31-12_00_00``, local time."""
    year, month, day, hour, minute, second = (int(part) for part in re.split("[_-]", text))
    whole = 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1] if year else False
    if not whole or hour > 23 or minute > 59 or second > 59:
        raise ParseError(f"'{text}' is no time")
    return int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1)))
