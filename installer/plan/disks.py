"""The partition table that every layout shares: room for GRUB on BIOS, an EFI system partition, and the rest."""

from __future__ import annotations

from typing import Final

from installer.actions import Partition, PartitionDisk, PartitionKind
from installer.machine import Disk
from installer.plan.ids import Ids
from installer.resolve import Target

# The first MiB stays empty for alignment; GRUB's own partition follows.
BIOS_BOOT_MIB: Final = 1
# Kernel and initial RAM disk of several versions lie here, about 80 MiB each.
ESP_MIB: Final = 1024
BEFORE_DATA_MIB: Final = 1 + BIOS_BOOT_MIB + ESP_MIB
# Room for the second copy of the partition table.
AFTER_DATA_MIB: Final = 1
ESP_NUMBER: Final = 2
DATA_NUMBER: Final = 3


def partition_disk(disk: Disk, target: Target, kind: PartitionKind, ids: Ids) -> PartitionDisk:
    """The table for one disk; the data partition ends where ``hdsize`` says, if somebody asked for that."""
    asked_mib = int(target.hdsize_gib * 1024) - BEFORE_DATA_MIB - AFTER_DATA_MIB
    name = "lvm" if kind is PartitionKind.LVM else "zfs"
    return PartitionDisk(
        disk=disk.path,
        partitions=(
            Partition(
                number=1, kind=PartitionKind.BIOS_BOOT, name="bios-boot", size_mib=BIOS_BOOT_MIB, uuid=ids.uuid()
            ),
            Partition(number=ESP_NUMBER, kind=PartitionKind.ESP, name="esp", size_mib=ESP_MIB, uuid=ids.uuid()),
            Partition(
                number=DATA_NUMBER,
                kind=kind,
                name=name,
                size_mib=None if target.whole_disk else asked_mib,
                uuid=ids.uuid(),
            ),
        ),
    )


def esp(table: PartitionDisk) -> Partition:
    return table.partitions[ESP_NUMBER - 1]


def data(table: PartitionDisk) -> Partition:
    return table.partitions[DATA_NUMBER - 1]
