"""ZFS: one disk or a mirror; pool ``rpool``, root in ``rpool/ROOT/pve-1``, guests in ``rpool/data``."""

from __future__ import annotations

from typing import Final

from hostd.core.formats.sectionconfig import Section
from hostd.core.formats.sectionconfig import format as format_sections
from installer.actions import (
    Action,
    CloseTarget,
    CreateDataset,
    CreatePool,
    MakeFilesystem,
    Partition,
    PartitionKind,
)
from installer.machine import Disk, Machine
from installer.plan.disks import DATA_NUMBER, data, esp, partition_disk
from installer.plan.ids import Ids
from installer.plan.layouts import Layout
from installer.resolve import Target
from installer.zfs_memory import clamp_arc_mib, default_arc_mib

POOL: Final = "rpool"
ROOT: Final = f"{POOL}/ROOT/pve-1"
GUESTS: Final = f"{POOL}/data"
# Links under /dev/disk/by-id that say less to a person who looks for a broken disk.
_OBSCURE: Final = ("wwn-", "nvme-eui.", "nvme-nvme.", "nvme-uuid.", "scsi-3", "lvm-", "dm-", "md-")


def layout(machine: Machine, target: Target, ids: Ids) -> Layout:
    tables = tuple(partition_disk(disk, target, PartitionKind.ZFS, ids) for disk in target.disks)
    options = target.answers.zfs
    members = tuple(member(disk, data(table)) for disk, table in zip(target.disks, tables, strict=True))
    pool = CreatePool(
        name=POOL,
        devices=members,
        ashift=options.ashift,
        properties={
            "compression": options.compress,
            "checksum": options.checksum,
            "copies": str(options.copies),
            "acltype": "posixacl",
            "xattr": "sa",
            "relatime": "on",
            # Its children are mounted below this, itself never: the root has to be mounted first.
            "mountpoint": f"/{POOL}",
            "canmount": "off",
        },
    )
    create: list[Action] = [
        *(MakeFilesystem(kind="vfat", device=esp(table).device, label="ESP") for table in tables),
        pool,
        CreateDataset(name=f"{POOL}/ROOT", properties={"mountpoint": "none", "canmount": "off"}),
        CreateDataset(name=ROOT, properties={"mountpoint": "/"}),
        CreateDataset(name=GUESTS),
    ]
    storage = Section(
        type="zfspool", id="local-zfs", values={"pool": GUESTS, "sparse": "1", "content": "images,rootdir"}
    )
    return Layout(
        tables=tables,
        create=tuple(create),
        root=f"ZFS={ROOT}",
        fstab=(),
        storage=format_sections([storage]),
        close=CloseTarget(pool=POOL),
        files=(
            ("/etc/hostid", ids.host_id()),
            ("/etc/modprobe.d/zfs.conf", arc_option(machine, target).encode()),
        ),
    )


def member(disk: Disk, partition: Partition) -> str:
    """Path by which the pool knows a partition: by the disk's model and serial where udev has them."""
    names = [name for name in disk.by_id if not name.startswith(_OBSCURE)] or list(disk.by_id)
    if not names:
        return partition.device
    return f"/dev/disk/by-id/{min(names, key=lambda name: (len(name), name))}-part{DATA_NUMBER}"


def arc_option(machine: Machine, target: Target) -> str:
    """The line of modprobe.d(5) that limits ZFS's cache; 0 leaves it to ZFS."""
    wanted = target.answers.zfs.arc_max_mib
    mib = default_arc_mib(machine.memory_mib) if wanted is None else clamp_arc_mib(wanted, machine.memory_mib)
    return f"options zfs zfs_arc_max={mib * 2**20}\n"
