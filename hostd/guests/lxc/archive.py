"""Container templates: how an archive is packed, and the command that unpacks it. Pure but for reading a few bytes."""

from __future__ import annotations

from typing import Final

from hostd.core.errors import ParseError
from hostd.guests.lxc.identities import as_container_argv

HEAD_BYTES: Final = 512
MEMBER_BYTES: Final = 1 << 20
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
# What a backup says of its container, before all else; these files are not the container's. The second one is the
# firewall's, which is not restored yet.
CONFIG: Final = "./etc/vzdump/pct.conf"
_OF_BACKUPS: Final = (CONFIG, "./etc/vzdump/pct.fw")


def compression(head: bytes) -> str:
    """tar's option for an archive that begins like this; empty for one that is not packed. ParseError otherwise."""
    for magic, option in _MAGIC:
        if head.startswith(magic):
            return option
    if head[_TAR_MARK] == b"ustar":
        return ""
    raise ParseError("this is no tar archive (plain, gzip, xz, zstd or bzip2)")


def member_argv(option: str, name: str) -> list[str]:
    """One file of the archive at stdin to stdout, as nobody of the host's; a longer one is an error (prlimit(1))."""
    unpacked = [*([option] if option else []), "--to-stdout", "--occurrence=1", name]
    return [*as_container_argv(True), "prlimit", f"--fsize={MEMBER_BYTES}", "tar", "--extract", "--file=-", *unpacked]


def extract_argv(root: str, option: str, *, unprivileged: bool, backup: bool = False) -> list[str]:
    """Unpack stdin below ``root`` as the container's root. ``backup``: it was a container, and has access lists.

    tar strips leading slashes and ``..`` and puts links in place last, so that nothing is written through them.
    """
    patterns = (*_EXCLUDED, *_OF_BACKUPS) if backup else _EXCLUDED
    excludes = [word for pattern in patterns for word in ("--exclude", pattern)]
    return [
        *as_container_argv(unprivileged),
        "tar", "--extract", "--file=-", *([option] if option else []), "--directory", root,
        "--numeric-owner", "--preserve-permissions", "--same-owner", "--delay-directory-restore",
        *(["--acls"] if backup else []), "--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability",
        "--anchored", *excludes,
    ]  # fmt: skip
