"""What an installation does, as data: each action can be shown (``describe``) and is performed by ``perform/``.

Paths of files are those of the installed system (``/etc/hostname``); the executor puts its target folder before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from installer.answers import Password


class Action(Protocol):
    def describe(self) -> str:
        """One line for people, without secrets."""
        ...


class PartitionKind(StrEnum):
    """GPT partition type, as the codes of sgdisk(8)."""

    BIOS_BOOT = "EF02"
    ESP = "EF00"
    LVM = "8E00"
    ZFS = "BF01"


@dataclass(frozen=True, kw_only=True)
class Partition:
    """``size_mib`` None: all that is left. ``uuid`` is the GUID it gets, so that others can name it beforehand."""

    number: int
    kind: PartitionKind
    name: str
    size_mib: int | None
    uuid: str

    @property
    def device(self) -> str:
        return f"/dev/disk/by-partuuid/{self.uuid}"


@dataclass(frozen=True, kw_only=True)
class ReleaseDisks:
    """Stop everything on these disks: mounts, swap, volume groups, pools, arrays (left by an earlier system or run)."""

    disks: tuple[str, ...]

    def describe(self) -> str:
        return f"stop whatever uses {', '.join(self.disks)}"


@dataclass(frozen=True, kw_only=True)
class WipeDisk:
    disk: str
    title: str

    def describe(self) -> str:
        return f"erase the signatures on {self.disk} ({self.title})"


@dataclass(frozen=True, kw_only=True)
class PartitionDisk:
    disk: str
    partitions: tuple[Partition, ...]

    def describe(self) -> str:
        sizes = (f"{p.number} {p.name} {f'{p.size_mib} MiB' if p.size_mib else 'rest'}" for p in self.partitions)
        return f"new GPT on {self.disk}: {'; '.join(sizes)}"


@dataclass(frozen=True, kw_only=True)
class MakeFilesystem:
    """``kind`` is vfat, ext4, xfs or swap."""

    kind: str
    device: str
    label: str

    def describe(self) -> str:
        return f"make {self.kind} '{self.label}' on {self.device}"


@dataclass(frozen=True, kw_only=True)
class CreateVolumeGroup:
    name: str
    device: str

    def describe(self) -> str:
        return f"create volume group {self.name} on {self.device}"


@dataclass(frozen=True, kw_only=True)
class CreateVolume:
    group: str
    name: str
    size_kib: int

    @property
    def device(self) -> str:
        return f"/dev/{self.group}/{self.name}"

    def describe(self) -> str:
        return f"create logical volume {self.group}/{self.name}, {self.size_kib / 2**20:.2f} GiB"


@dataclass(frozen=True, kw_only=True)
class CreateThinPool:
    group: str
    name: str
    size_kib: int
    metadata_kib: int

    def describe(self) -> str:
        return (
            f"create thin pool {self.group}/{self.name}, {self.size_kib / 2**20:.2f} GiB"
            f" and {self.metadata_kib / 2**20:.2f} GiB of metadata"
        )


@dataclass(frozen=True, kw_only=True)
class CreatePool:
    """A ZFS pool from one device, or a mirror of all of them; ``properties`` are those of its root dataset."""

    name: str
    devices: tuple[str, ...]
    ashift: int
    properties: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> str:
        options = ", ".join(f"{key}={value}" for key, value in self.properties.items())
        kind = "mirror of " if len(self.devices) > 1 else ""
        return f"create pool {self.name}: {kind}{', '.join(self.devices)}; ashift={self.ashift}, {options}"


@dataclass(frozen=True, kw_only=True)
class CreateDataset:
    name: str
    properties: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> str:
        options = ", ".join(f"{key}={value}" for key, value in self.properties.items())
        return f"create dataset {self.name}" + (f": {options}" if options else "")


@dataclass(frozen=True, kw_only=True)
class MountRoot:
    """Mount the new root file system at the target folder. A dataset is mounted by ZFS when it is created."""

    device: str
    kind: str

    def describe(self) -> str:
        return f"mount {self.device} ({self.kind}) as the new root"


@dataclass(frozen=True, kw_only=True)
class UnpackRoot:
    """``source`` is a squashfs file of the medium."""

    source: str

    def describe(self) -> str:
        return f"unpack {self.source}"


@dataclass(frozen=True, kw_only=True)
class EnterTarget:
    """Give programs that run inside the new root the devices and the kernel's views."""

    def describe(self) -> str:
        return "mount /dev, /proc, /sys and /run in the new root"


@dataclass(frozen=True, kw_only=True)
class WriteFile:
    path: str
    data: bytes
    mode: int = 0o644

    def describe(self) -> str:
        return f"write {self.path} ({len(self.data)} bytes)"


@dataclass(frozen=True, kw_only=True)
class MakeLink:
    """A symbolic link ``path`` -> ``to``; the linked file must exist on the installed system."""

    path: str
    to: str

    def describe(self) -> str:
        return f"link {self.path} to {self.to}"


@dataclass(frozen=True, kw_only=True)
class RemoveFiles:
    """Files that must not be shared between hosts; shell patterns, missing ones are fine."""

    patterns: tuple[str, ...]

    def describe(self) -> str:
        return f"remove {', '.join(self.patterns)}"


@dataclass(frozen=True, kw_only=True)
class SetRootPassword:
    password: Password

    def describe(self) -> str:
        return "set root's password" + (" from its hash" if self.password.hashed else "")


@dataclass(frozen=True, kw_only=True)
class RemovePackages:
    """Purge those of the packages that are installed."""

    names: tuple[str, ...]

    def describe(self) -> str:
        return f"remove packages {', '.join(self.names)}"


@dataclass(frozen=True, kw_only=True)
class InstallBoot:
    """Let the installed system write boot loaders and kernels to the EFI system partitions it knows."""

    def describe(self) -> str:
        return "install GRUB for BIOS and UEFI, and the kernels, on every EFI system partition"


@dataclass(frozen=True, kw_only=True)
class FirmwareEntry:
    """An entry in the boot menu of UEFI firmware: partition ``number`` of ``disk``."""

    disk: str
    number: int
    label: str
    loader: str

    def describe(self) -> str:
        return f"add '{self.label}' on {self.disk} to the firmware's boot menu"


@dataclass(frozen=True, kw_only=True)
class CheckInstalled:
    """Look at the result: every file must be there and not empty, every partition must hold kernel, initrd and menu."""

    files: tuple[str, ...]
    esps: tuple[str, ...]

    def describe(self) -> str:
        return f"check the installed files and {len(self.esps)} EFI system partition(s)"


@dataclass(frozen=True, kw_only=True)
class CloseTarget:
    """Unmount everything, deactivate the volume group or export the pool."""

    volume_group: str = ""
    pool: str = ""

    def describe(self) -> str:
        last = f"deactivate {self.volume_group}" if self.volume_group else f"export {self.pool}"
        return f"unmount the new root, {last}"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Actions under one name. ``weight`` is its part of the time an installation takes, roughly, in percent."""

    name: str
    title: str
    weight: int
    actions: tuple[Action, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole installation; ``warnings`` are sentences to show before it starts."""

    stages: tuple[Stage, ...]
    warnings: tuple[str, ...] = ()

    def actions(self) -> list[Action]:
        return [action for stage in self.stages for action in stage.actions]

    def describe(self) -> str:
        """The plan as text: a line per stage, indented lines for its actions."""
        lines = [f"! {warning}" for warning in self.warnings]
        for stage in self.stages:
            lines.append(f"{stage.name}: {stage.title}")
            lines += [f"  {action.describe()}" for action in stage.actions]
        return "\n".join(lines) + "\n"
