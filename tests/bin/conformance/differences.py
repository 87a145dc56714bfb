"""Recorded cases that do not pass, each with the reason; ``docs/status.md`` shows them, ``conformance-known`` allows no
others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DIFFERENCES: Final[Mapping[str, str]] = {
    "qemu-features/vm-memory/memory-hugepages-2m": (
        "a definition of libvirt's says which size of huge pages, not where they are mounted; that is a setting of the "
        "node (`hugetlbfs_mount` in qemu.conf)"
    ),
    "qemu-features/vm-other/sev-snp": (
        "encrypted memory is kept in the file and refused at start: no firmware for it is shipped, and nothing here to "
        "test it on"
    ),
}
