"""The storage drivers, by the type that storage.cfg names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hostd.core.run import Run
from hostd.storage.drivers.btrfs import Btrfs
from hostd.storage.drivers.dir import Dir
from hostd.storage.drivers.lvm import Lvm
from hostd.storage.drivers.lvmthin import LvmThin
from hostd.storage.drivers.nfs import Nfs
from hostd.storage.drivers.zfspool import ZfsPool
from hostd.storage.interface import Driver, Info, StorageConfig

DriverFactory = Callable[[StorageConfig, Run], Driver]

DRIVERS: Final[Mapping[str, DriverFactory]] = {
    "btrfs": Btrfs,
    "dir": Dir,
    "lvm": Lvm,
    "lvmthin": LvmThin,
    "nfs": Nfs,
    "zfspool": ZfsPool,
}
INFO: Final[Mapping[str, Info]] = {d.info.type: d.info for d in (Btrfs, Dir, Lvm, LvmThin, Nfs, ZfsPool)}
