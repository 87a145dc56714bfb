"""ext4 or xfs on LVM: one disk, volume group ``pve`` with swap, root and a thin pool for guests."""

from __future__ import annotations

from typing import Final

from hostd.core.formats.sectionconfig import Section
from hostd.core.formats.sectionconfig import format as format_sections
from installer.actions import (
    Action,
    CloseTarget,
    CreateThinPool,
    CreateVolume,
    CreateVolumeGroup,
    MakeFilesystem,
    MountRoot,
    PartitionKind,
)
from installer.lvm_sizes import LvmSizes, lvm_sizes
from installer.machine import Machine
from installer.plan.disks import BEFORE_DATA_MIB, data, esp, partition_disk
from installer.plan.ids import Ids
from installer.plan.layouts import Layout
from installer.resolve import Target

GROUP: Final = "pve"
POOL: Final = "data"


def sizes(machine: Machine, target: Target) -> LvmSizes:
    """Sizes of the volumes; ``hdsize`` makes the disk look smaller."""
    disk_kib = int(target.hdsize_gib * 2**20)
    return lvm_sizes(
        disk_kib=disk_kib,
        partition_kib=disk_kib - BEFORE_DATA_MIB * 1024,
        memory_mib=machine.memory_mib,
        options=target.answers.lvm,
    )


def layout(machine: Machine, target: Target, ids: Ids) -> Layout:
    table = partition_disk(target.disks[0], target, PartitionKind.LVM, ids)
    size = sizes(machine, target)
    root = CreateVolume(group=GROUP, name="root", size_kib=size.root_kib)
    create: list[Action] = [
        MakeFilesystem(kind="vfat", device=esp(table).device, label="ESP"),
        CreateVolumeGroup(name=GROUP, device=data(table).device),
    ]
    fstab = []
    if size.swap_kib:
        swap = CreateVolume(group=GROUP, name="swap", size_kib=size.swap_kib)
        create += [swap, MakeFilesystem(kind="swap", device=swap.device, label="swap")]
        fstab.append(f"{swap.device} none swap sw 0 0")
    create += [root, MakeFilesystem(kind=target.filesystem.value, device=root.device, label="root")]
    options, check = ("errors=remount-ro", 1) if target.filesystem.value == "ext4" else ("defaults", 0)
    fstab.append(f"{root.device} / {target.filesystem} {options} 0 {check}")
    if size.data_kib:
        create.append(CreateThinPool(group=GROUP, name=POOL, size_kib=size.data_kib, metadata_kib=size.metadata_kib))
    create.append(MountRoot(device=root.device, kind=target.filesystem.value))
    pool = Section(
        type="lvmthin", id="local-lvm", values={"thinpool": POOL, "vgname": GROUP, "content": "rootdir,images"}
    )
    return Layout(
        tables=(table,),
        create=tuple(create),
        root=f"/dev/mapper/{GROUP}-root",
        fstab=tuple(fstab),
        storage=format_sections([pool]) if size.data_kib else "",
        close=CloseTarget(volume_group=GROUP),
    )
