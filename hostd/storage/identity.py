"""Which place a storage is: by what its section says about where the data lies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from hostd.core.errors import Unsupported
from hostd.storage.interface import StorageConfig

# Options that tell the place, by type.
_PLACE: Final[Mapping[str, tuple[str, ...]]] = {
    "btrfs": ("path",),
    "cephfs": ("monhost", "fs-name", "subdir"),
    "cifs": ("server", "share", "subdir"),
    "dir": ("path",),
    "esxi": ("server", "port"),
    "iscsi": ("portal", "target"),
    "iscsidirect": ("portal", "target"),
    "lvm": ("vgname",),
    "lvmthin": ("vgname", "thinpool"),
    "nfs": ("server", "export"),
    "pbs": ("server", "port", "datastore", "namespace"),
    "rbd": ("monhost", "pool", "namespace"),
    "zfs": ("portal", "target", "pool"),
    "zfspool": ("pool",),
}


def identity(storage: StorageConfig, node: str) -> str:
    """A text that is equal for two storages, or for one on two nodes, only where they are the same place.

    What is not shared is another place on each node. Two names of one server are two places: nobody is asked.
    """
    if storage.type not in _PLACE:
        raise Unsupported(f"storage '{storage.id}': type '{storage.type}' is not known")
    place = [storage.type, "" if storage.shared else node, *(storage.text(key) for key in _PLACE[storage.type])]
    return hashlib.sha256("\0".join(place).encode()).hexdigest()[:32]
