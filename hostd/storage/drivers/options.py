"""Options that several drivers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hostd.core.kinds import check_node
from hostd.core.schema import Kind
from hostd.storage.interface import Option

FLAG: Final = Kind(type="boolean")
TEXT: Final = Kind()
_KEEP = r"keep-(?:all=[01]|(?:last|hourly|daily|weekly|monthly|yearly)=\d+)"
_RETENTION = rf"{_KEEP}(?:,{_KEEP})*"


def check_path(value: str) -> str:
    """An absolute path without ``..`` and control characters."""
    ok = value.startswith("/") and value.isprintable() and ".." not in value.split("/")
    return "" if ok else f"value '{value}' does not look like a valid absolute path"


PATH: Final = Kind(format="pve-storage-path", check=check_path)
# A volume group or pool name must never look like an option of a program.
VG_NAME: Final = Kind(format="pve-storage-vgname", pattern=r"[a-zA-Z0-9_.][a-zA-Z0-9+_.-]*")
DATASET: Final = Kind(pattern=r"[a-zA-Z][a-zA-Z0-9_.:-]*(/[a-zA-Z0-9_.:][a-zA-Z0-9_.:-]*)*")

COMMON: Final[Mapping[str, Option]] = {
    "content": Option(kind=TEXT, doc="Contents that the storage may hold, separated by commas."),
    "nodes": Option(kind=Kind(type="list", format="pve-node", check=check_node), doc="Nodes that have this storage."),
    "disable": Option(kind=FLAG, doc="Do not use the storage."),
    "bwlimit": Option(kind=TEXT, doc="Limits for copying, KiB/s, by operation."),
}
FILES: Final[Mapping[str, Option]] = {
    "shared": Option(kind=FLAG, doc="All nodes see the same files here."),
    "prune-backups": Option(kind=Kind(format="prune-backups", pattern=_RETENTION), doc="Which backups are kept."),
    "max-protected-backups": Option(kind=Kind(type="integer", minimum=-1), doc="Protected backups per guest."),
    "format": Option(kind=Kind(enum=("raw", "qcow2", "subvol", "vmdk")), doc="Format of new disks."),
    "preallocation": Option(
        kind=Kind(enum=("off", "metadata", "falloc", "full")), doc="How much of a new disk is written at once."
    ),
    "is_mountpoint": Option(kind=TEXT, doc="Offline unless this path (or 1: the storage's own) is a mount point."),
    "mkdir": Option(kind=FLAG, doc="Make missing folders (old name of the next two)."),
    "create-base-path": Option(kind=FLAG, doc="Make the storage's folder where it is missing."),
    "create-subdirs": Option(kind=FLAG, doc="Make the folders for each content."),
    "content-dirs": Option(kind=TEXT, doc="Other folders for contents: content=folder, separated by commas."),
}
