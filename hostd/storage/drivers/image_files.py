"""Image files by ``qemu-img``: command lines for what happens inside them, and what it tells about them."""

from __future__ import annotations

import json
import os
from typing import Final

from hostd.core.errors import ParseError

SLOW_S: Final = 600.0
# Without the page cache files are written in whole sectors, and those of a disk may be this large: QEMU refuses others.
# All formats alike, so that a running guest's disk has the same size in each: QEMU copies to no other.
_SECTOR_BYTES: Final = 4096


def create_argv(path: str, format: str, size_bytes: int, preallocation: str) -> list[str]:
    """An image file of whole sectors.

    ``preallocation``: off, metadata, falloc or full, as far as the format knows the word.
    """
    if format == "raw" and preallocation == "metadata":
        preallocation = "off"
    options = ["-o", f"preallocation={preallocation}"] if format in ("raw", "qcow2") else []
    return ["qemu-img", "create", "-q", "-f", format, *options, path, str(_whole(size_bytes))]


def _whole(size_bytes: int) -> int:
    return -(-size_bytes // _SECTOR_BYTES) * _SECTOR_BYTES


def clone_argv(path: str, backing: str, backing_format: str) -> list[str]:
    """A qcow2 that reads from ``backing`` (relative to the folder of ``path``) what it does not hold itself."""
    return ["qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", backing_format, path]


def resize_argv(path: str, format: str, size_bytes: int) -> list[str]:
    return ["qemu-img", "resize", "-q", "-f", format, path, str(_whole(size_bytes))]


def snapshot_argv(path: str, name: str) -> list[str]:
    return ["qemu-img", "snapshot", "-q", "-c", name, path]


def rollback_argv(path: str, name: str) -> list[str]:
    return ["qemu-img", "snapshot", "-q", "-a", name, path]


def delete_snapshot_argv(path: str, name: str) -> list[str]:
    return ["qemu-img", "snapshot", "-q", "-d", name, path]


def info_argv(path: str, format: str) -> list[str]:
    """``-U``: also while a guest has the image open. The format is named, never probed: contents are the guest's."""
    return ["qemu-img", "info", "-U", "--output=json", "-f", format, path]


def pack_argv(path: str) -> list[str]:
    """An image as it is to stdout, without its holes (tar(1))."""
    folder, name = os.path.split(path)
    return ["tar", "--create", "--sparse", "--file=-", "--directory", folder, "--", name]


def unpack_argv(path: str) -> list[str]:
    """The one image that comes by stdin, whatever it was called, in the place of another; root's like all images."""
    folder, name = os.path.split(path)
    words = ["--no-same-owner", "--no-same-permissions", f"--transform=s,.*,{name},"]
    return ["tar", "--extract", "--file=-", *words, "--directory", folder]


def parse_snapshots(out: str) -> list[str]:
    """Names of the states inside an image, oldest first, from ``qemu-img info --output=json``."""
    try:
        found = json.loads(out).get("snapshots", [])
        return [s["name"] for s in sorted(found, key=lambda s: (s["date-sec"], s["date-nsec"], int(s["id"])))]
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise ParseError(f"qemu-img info: unexpected output: {err}") from err
