"""Container templates: how an archive is packed, and the command that unpacks it. Pure but for reading a few bytes."""

from __future__ import annotations

from typing import Final

from hostd.core.errors import ParseError
from hostd.guests.lxc.volumes import as_container_argv

HEAD_BYTES: Final = 512
# First bytes (RFC 1952, xz-file-format.txt, RFC 8878, bzip2) → option of tar(1).
_MAGIC: Final = (
    (b"\x1f\x8b", "--gzip"),
    (b"\xfd7zXZ\x00", "--xz"),
    (b"\x28\xb5\x2f\xfd", "--zstd"),
    (b"BZh", "--bzip2"),
)
_TAR_MARK: Final = slice(257, 262)
# Device nodes are the kernel's and LXC's business; a container may not make any.
_EXCLUDED: Final = ("./dev/*", "dev/*")


def compression(head: bytes) -> str:
    """tar's option for an archive that begins like this; empty for one that is not packed. ParseError otherwise."""
    for magic, option in _MAGIC:
        if head.startswith(magic):
            return option
    if head[_TAR_MARK] == b"ustar":
        return ""
    raise ParseError("this is no tar archive (plain, gzip, xz, zstd or bzip2)")


def extract_argv(root: str, option: str, *, unprivileged: bool) -> list[str]:
    """Unpack stdin below ``root`` as the container's root.

    tar strips leading slashes and ``..`` and puts links in place last, so that nothing is written through them.
    """
    excludes = [word for pattern in _EXCLUDED for word in ("--exclude", pattern)]
    return [
        *as_container_argv(unprivileged),
        "tar", "--extract", "--file=-", *([option] if option else []), "--directory", root,
        "--numeric-owner", "--preserve-permissions", "--same-owner", "--delay-directory-restore",
        "--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability",
        "--anchored", *excludes,
    ]  # fmt: skip
