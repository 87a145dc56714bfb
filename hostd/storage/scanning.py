"""Places that a storage could be made of, as the host and its servers tell them."""

from __future__ import annotations

import os
from collections.abc import Iterable

from hostd.core.errors import CommandFailed, ParseError
from hostd.core.run import Run
from hostd.storage.drivers.lvm import lvs_argv, parse_lvs
from hostd.storage.drivers.nfs import exports_argv, parse_exports
from hostd.storage.volume import parse_dataset_name

GROUPS = ["vgs", "--noheadings", "-o", "vg_name"]
DATASETS = ["zfs", "list", "-Hp", "-t", "filesystem", "-o", "name"]
_ANSWER_S = 15.0
_NOT_INSTALLED = 127


def nfs_exports(run: Run, server: str) -> list[tuple[str, str]]:
    """Paths that a server exports, with who may mount them."""
    return parse_exports(run(exports_argv(server), timeout_s=_ANSWER_S).stdout)


def volume_groups(run: Run) -> list[str]:
    return sorted(run(GROUPS).stdout.split())


def thin_pools(run: Run, group: str) -> list[str]:
    """Names of the thin pools in a volume group. CommandFailed where there is no such group."""
    return sorted(lv.name for lv in parse_lvs(run(lvs_argv(group)).stdout) if lv.attributes.startswith("t"))


def datasets(run: Run) -> list[str]:
    """Datasets that are no guest's; none where ZFS is not there."""
    try:
        return wanted_datasets(run(DATASETS).stdout.split("\n"))
    except CommandFailed as err:
        if err.code == _NOT_INSTALLED or "modules cannot be auto-loaded" in err.stderr or "/dev/zfs" in err.stderr:
            return []
        raise


def wanted_datasets(names: Iterable[str]) -> list[str]:
    """Without the roots of containers that a storage made itself."""
    return sorted(name for name in names if name and not _is_guests(name.rpartition("/")[2]))


def _is_guests(name: str) -> bool:
    try:
        parse_dataset_name(name)
    except ParseError:
        return False
    return True


def zfs_is_here() -> bool:
    """Whether the kernel has ZFS and its tools are installed."""
    return os.path.exists("/dev/zfs") and any(os.access(f"{f}/zpool", os.X_OK) for f in ("/usr/sbin", "/sbin"))
