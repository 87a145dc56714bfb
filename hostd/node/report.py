"""A report for whoever helps: what the host is made of and how it does, as text."""

from __future__ import annotations

from typing import Final

from hostd.core.errors import CommandFailed
from hostd.core.run import Run

# Title → program. Each is quick and changes nothing; one that is missing or fails is told as such.
PARTS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("host", ("hostnamectl", "--no-pager", "status")),
    ("versions", ("dpkg-query", "--show", "holdfast*", "hostd*", "python3-hostd", "libvirt-daemon-system", "lxc",
                  "qemu-system-x86", "lvm2", "zfsutils-linux", "corosync")),
    ("load", ("uptime",)),
    ("failed units", ("systemctl", "--no-pager", "--plain", "--failed")),
    ("storages", ("cat", "/etc/pve/storage.cfg")),
    ("memory", ("free", "--bytes")),
    ("processors", ("lscpu",)),
    ("block devices", ("lsblk", "--ascii", "--output", "NAME,TYPE,SIZE,FSTYPE,MOUNTPOINTS,MODEL")),
    ("file systems", ("df", "--human-readable", "--print-type")),
    ("volume groups", ("vgs", "--noheadings")),
    ("logical volumes", ("lvs", "--noheadings")),
    ("ZFS pools", ("zpool", "status")),
    ("addresses", ("ip", "-details", "-statistics", "address")),
    ("routes", ("ip", "route", "show", "table", "all")),
    ("interfaces", ("cat", "/etc/network/interfaces")),
    ("host names", ("cat", "/etc/hosts")),
    ("PCI devices", ("lspci", "-nnk")),
)  # fmt: skip
PART_TIMEOUT_S: Final = 5


def report(run: Run) -> str:
    """All parts, one after the other."""
    return "\n".join(_part(run, title, list(argv)) for title, argv in PARTS)


def _part(run: Run, title: str, argv: list[str]) -> str:
    head = f"==== {title}: {' '.join(argv)} ===="
    try:
        result = run(argv, timeout_s=PART_TIMEOUT_S, check=False)
    except CommandFailed as err:
        return f"{head}\n({err})\n"
    failed = f"(exit code {result.code}) {result.stderr.strip()}\n" if result.code else ""
    return f"{head}\n{result.stdout}{failed}"
