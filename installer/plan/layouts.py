"""What a layout of the disks hands to the rest of the plan."""

from __future__ import annotations

from dataclasses import dataclass

from installer.actions import Action, CloseTarget, PartitionDisk


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Disks of one kind of root.

    ``tables`` one per disk; ``create`` makes volumes and file systems and mounts the root. ``root`` is the kernel's
    ``root=`` value, ``fstab`` the lines of fstab(5), ``storage`` the section of storage.cfg for guests ("" for none),
    ``files`` further files of the installed system as path -> contents.
    """

    tables: tuple[PartitionDisk, ...]
    create: tuple[Action, ...]
    root: str
    fstab: tuple[str, ...]
    storage: str
    close: CloseTarget
    files: tuple[tuple[str, bytes], ...] = ()
