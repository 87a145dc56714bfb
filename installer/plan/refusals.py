"""What is understood but not installed, and why: found before anything is written."""

from __future__ import annotations

from typing import Final

from hostd.core.errors import Conflict
from installer.answer_file import Problem
from installer.answers import Filesystem, RaidLevel
from installer.disk_rules import check_boot_disks, check_raid_disks
from installer.machine import Holder, Machine
from installer.plan import layout_lvm, layout_zfs
from installer.resolve import Target

LEAST_DISK_GIB: Final = 8
LEAST_ROOT_GIB: Final = 4


def refusals(machine: Machine, target: Target) -> list[Problem]:
    """Every reason not to install; empty if there is none."""
    return [
        *_not_built(target),
        *_disks(machine, target),
        *_sizes(machine, target),
        *_names_in_use(machine, target),
    ]


def _not_built(target: Target) -> list[Problem]:
    """Options of the answer file that this version does not carry out."""
    answers, found = target.answers, []
    if target.filesystem is Filesystem.BTRFS:
        found.append(answers.problem("disk-setup.filesystem", "btrfs as root is not installed by this version"))
    elif target.raid and not _buildable(target):
        text = f"this version installs ZFS to one disk (raid0) or a mirror (raid1), not {target.raid}"
        if target.raid is RaidLevel.RAID0:
            text += f" over {len(target.disks)} disks"
        found.append(answers.problem("disk-setup.zfs.raid", text))
    if answers.first_boot:
        found.append(answers.problem("first-boot", "scripts for the first boot are not installed by this version"))
    if answers.webhook:
        found.append(answers.problem("post-installation-webhook", "this version does not call addresses"))
    if answers.subscription_key:
        found.append(answers.problem("global.subscription-key", "Holdfast has no subscriptions; remove the key"))
    return found


def _buildable(target: Target) -> bool:
    return target.raid is RaidLevel.RAID1 or (target.raid is RaidLevel.RAID0 and len(target.disks) == 1)


def _disks(machine: Machine, target: Target) -> list[Problem]:
    answers, found = target.answers, []
    key = "disk-setup.disk-list" if answers.disks.names else "disk-setup.filter"
    try:
        check_boot_disks(machine.firmware, target.disks)
        if target.raid:
            check_raid_disks(target.filesystem, target.raid, target.disks)
    except Conflict as err:
        found.append(answers.problem(key, str(err)))
    if target.filesystem is Filesystem.ZFS:
        if machine.secure_boot:
            text = (
                "the ZFS module is not signed for Secure Boot, so this machine could not start; turn it off or use ext4"
            )
            found.append(answers.problem("disk-setup.filesystem", text))
        block = max(disk.block_size or 512 for disk in target.disks)
        if 2**answers.zfs.ashift < block:
            text = f"ashift {answers.zfs.ashift} is too small for disks with blocks of {block} bytes"
            found.append(answers.problem("disk-setup.zfs.ashift", text))
    return found


def _sizes(machine: Machine, target: Target) -> list[Problem]:
    answers = target.answers
    table = "lvm" if target.filesystem.on_lvm else target.filesystem.value
    smallest = min(target.disks, key=lambda disk: disk.size_bytes)
    if not target.whole_disk and target.hdsize_gib > smallest.size_gib:
        text = f"{target.hdsize_gib:g} GiB is more than {smallest.path} has ({smallest.size_gib:.1f} GiB)"
        return [answers.problem(f"disk-setup.{table}.hdsize", text)]
    if min(target.hdsize_gib, smallest.size_gib) < LEAST_DISK_GIB:
        text = f"{smallest.path} is too small: {LEAST_DISK_GIB} GiB are needed"
        return [answers.problem("disk-setup", text)]
    if target.filesystem.on_lvm:
        root_gib = layout_lvm.sizes(machine, target).root_kib / 2**20
        if root_gib < LEAST_ROOT_GIB:
            text = f"only {max(root_gib, 0):.1f} GiB are left for the root; {LEAST_ROOT_GIB} GiB are needed"
            return [answers.problem("disk-setup.lvm", text)]
    return []


def _names_in_use(machine: Machine, target: Target) -> list[Problem]:
    """A volume group or pool of our name on a disk that stays untouched: the system could start from the wrong one."""
    kind, name = (Holder.LVM, layout_lvm.GROUP) if target.filesystem.on_lvm else (Holder.ZFS, layout_zfs.POOL)
    chosen = {disk.path for disk in target.disks}
    elsewhere = sorted({m.disk for m in machine.members if m.kind is kind and m.name == name and m.disk not in chosen})
    if not elsewhere:
        return []
    what = "volume group" if kind is Holder.LVM else "pool"
    how = f"vgrename {name} NEW" if kind is Holder.LVM else f"zpool import {name} NEW; zpool export NEW"
    text = (
        f"{', '.join(elsewhere)} already holds a {what} '{name}', and disks that are not named here stay untouched; "
        f"rename it ({how}), take the disk out, or name it here to wipe it"
    )
    return [target.answers.problem("disk-setup", text)]
