"""Options that several drivers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hostd.core.formats.sections import SectionOption
from hostd.core.schema import Kind

FLAG: Final = Kind(type="boolean")
TEXT: Final = Kind()


def check_path(value: str) -> str:
    """An absolute path without ``..`` and control characters."""
    ok = value.startswith("/") and value.isprintable() and ".." not in value.split("/")
    return "" if ok else f"value '{value}' does not look like a valid absolute path"


PATH: Final = Kind(format="pve-storage-path", check=check_path)
# A volume group or pool name must never look like an option of a program.
VG_NAME: Final = Kind(format="pve-storage-vgname")
BLOCK_SIZE: Final = Kind(format="pve-storage-zfs-blocksize")
DATASET: Final = Kind(pattern=r"[a-zA-Z][a-zA-Z0-9_.:-]*(/[a-zA-Z0-9_.:][a-zA-Z0-9_.:-]*)*")

COMMON: Final[Mapping[str, SectionOption]] = {
    "content": SectionOption(kind=TEXT, doc="Contents that the storage may hold, separated by commas."),
    "nodes": SectionOption(kind=Kind(type="list", format="pve-node"), doc="Nodes that have this storage."),
    "disable": SectionOption(kind=FLAG, doc="Do not use the storage."),
    "bwlimit": SectionOption(kind=Kind(format="bwlimit"), doc="Limits for copying, KiB/s, by operation."),
}
FILES: Final[Mapping[str, SectionOption]] = {
    "prune-backups": SectionOption(kind=Kind(format="prune-backups"), doc="Which backups are kept."),
    "max-protected-backups": SectionOption(kind=Kind(type="integer", minimum=-1), doc="Protected backups per guest."),
    "format": SectionOption(kind=Kind(enum=("raw", "qcow2", "subvol", "vmdk")), doc="Format of new disks."),
    "preallocation": SectionOption(
        kind=Kind(enum=("off", "metadata", "falloc", "full")), doc="How much of a new disk is written at once."
    ),
    "mkdir": SectionOption(kind=FLAG, doc="Make missing folders (old name of the next two)."),
    "create-base-path": SectionOption(kind=FLAG, doc="Make the storage's folder where it is missing."),
    "create-subdirs": SectionOption(kind=FLAG, doc="Make the folders for each content."),
    "content-dirs": SectionOption(kind=TEXT, doc="Other folders for contents: content=folder, separated by commas."),
}
# Of folders that are there by themselves; those of servers are always shared and always mounted.
LOCAL_FILES: Final[Mapping[str, SectionOption]] = {
    "shared": SectionOption(kind=FLAG, doc="All nodes see the same files here."),
    "is_mountpoint": SectionOption(
        kind=TEXT, doc="Offline unless this path (or 1: the storage's own) is a mount point."
    ),
}
CHAIN: Final = SectionOption(kind=FLAG, doc="Snapshots as chains of volumes.", fixed=True)
SERVER: Final = SectionOption(kind=Kind(format="pve-storage-server"), doc="Server.", fixed=True, required=True)
MOUNT_OPTIONS: Final = SectionOption(kind=Kind(format="pve-storage-options"), doc="Options of the mount.")
# Where a storage is mounted when nothing else was said.
MOUNT_ROOT: Final = "/mnt/pve"
