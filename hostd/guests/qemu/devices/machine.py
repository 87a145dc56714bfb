"""Machine types: ``pc-q35-9.2+pve1,viommu=intel`` to family, version, revision; versions that Windows is held to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from xml.etree.ElementTree import Element

from hostd.core.errors import Conflict, Unsupported
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.guests.qemu.devices.xml import element

FORMAT: Final = Format(name="pve-qemu-machine-fmt")
_TYPE = re.compile(r"(?:(?P<family>pc|q35|virt)|pc-(?:(?P<kind>i440fx|q35)-)?(?P<version>\d+(?:\.\d+)+)|"
                   r"virt-(?P<virt>\d+(?:\.\d+)+))(?:\+pve(?P<revision>\d+))?(?P<pxe>\.pxe)?")  # fmt: skip
Version = tuple[int, int]
_OLDEST_QEMU: Final[Version] = (6, 0)
# What a Windows machine is held to that does not say when it was made: it may break when its hardware changes.
_WINDOWS_BASE: Final[Version] = (5, 1)
_MADE_WITH_SINCE: Final[Version] = (6, 1)
# The reference counts its own changes to a machine type from 0; far more than there ever were is a slip or the future.
_MOST_REVISIONS: Final = 9
_WINDOWS: Final[Mapping[str, int]] = {
    "w2k": 5, "wxp": 5, "w2k3": 5, "w2k8": 6, "wvista": 6, "win7": 7, "win8": 8, "win10": 10, "win11": 11,
}  # fmt: skip


class Family(StrEnum):
    """Chipsets."""

    I440FX = "i440fx"
    Q35 = "q35"
    VIRT = "virt"


@dataclass(frozen=True, kw_only=True)
class MachineType:
    """``version`` None: the newest that QEMU has. ``revision``: the reference's own count, which QEMU does not know."""

    family: Family
    version: Version | None = None
    revision: int = 0
    viommu: str = ""
    aw_bits: str = ""

    def since(self, *version: int) -> bool:
        """Whether the machine has what came with this version of QEMU's machine types."""
        return self.version is None or self.version >= version

    @property
    def q35(self) -> bool:
        return self.family is Family.Q35

    @property
    def name(self) -> str:
        """QEMU's name for it."""
        base = {Family.I440FX: "pc", Family.Q35: "q35", Family.VIRT: "virt"}[self.family]
        if self.version is None:
            return base
        number = ".".join(map(str, self.version))
        return f"virt-{number}" if self.family is Family.VIRT else f"pc-{self.family}-{number}"


def windows_version(config: Mapping[str, str]) -> int:
    """Windows' number by ``ostype`` (Vista and Server 2008 are 6, 2000 to 2003 are 5); 0 for other systems."""
    return _WINDOWS.get(config.get("ostype", "other"), 0)


def parse_version(text: str) -> Version:
    """``10.0.2`` → (10, 0)."""
    major, _, rest = text.partition(".")
    return int(major), int(rest.partition(".")[0] or 0)


def machine_type(config: Mapping[str, str], *, arch: str = "x86_64", qemu: Version | None = None) -> MachineType:
    """The machine of a configuration. ``qemu``: the version that is installed, None: newer than any version named.

    Conflict for machines that this QEMU cannot be, Unsupported for a QEMU that is too old for all of them.
    """
    values = propstring.validate(config.get("machine", ""), FORMAT)
    if qemu is not None and qemu < _OLDEST_QEMU:
        raise Unsupported(f"QEMU {'.'.join(map(str, qemu))} is too old; {_OLDEST_QEMU[0]}.{_OLDEST_QEMU[1]} is needed")
    match = _TYPE.fullmatch(values.get("type", "virt" if arch == "aarch64" else "pc"))
    if match is None:
        raise Conflict(f"machine: '{values['type']}' is no machine type; try pc or q35")
    number = match["version"] or match["virt"]
    version = parse_version(number) if number else _windows_version(config, qemu)
    revision = int(match["revision"] or 0)
    if qemu is not None and version is not None and version > qemu:
        raise Conflict(f"machine: '{values['type']}' needs a newer QEMU than {qemu[0]}.{qemu[1]}")
    if revision > _MOST_REVISIONS:
        raise Conflict(f"machine: no revision {revision} of '{values['type']}' is known")
    family = Family.VIRT if match["virt"] or match["family"] == "virt" else Family.I440FX
    if "q35" in (match["family"], match["kind"]):
        family = Family.Q35
    viommu = values.get("viommu", "")
    if viommu == "intel" and family is not Family.Q35:
        raise Conflict("machine: viommu=intel needs machine q35")
    return MachineType(
        family=family, version=version, revision=revision, viommu=viommu, aw_bits=values.get("aw-bits", "")
    )


def _windows_version(config: Mapping[str, str], qemu: Version | None) -> Version | None:
    """Windows keeps the hardware it was installed on: the version that ``meta`` tells, else an old one."""
    if not windows_version(config):
        return None
    made = propstring.parse(config.get("meta", "")).get("creation-qemu", "")
    version = parse_version(made) if re.match(r"\d+\.\d+", made) else _WINDOWS_BASE
    if version < _MADE_WITH_SINCE:
        version = _WINDOWS_BASE
    return min(version, qemu) if qemu is not None else version


def without_hpet(config: Mapping[str, str], machine: MachineType) -> bool:
    """Whether the HPET is taken out: Windows never liked it here, Linux since machine version 10.1 does without."""
    if machine.family is Family.VIRT:
        return False
    return bool(windows_version(config)) or (config.get("ostype") == "l26" and machine.since(10, 1))


def iommu_element(machine: MachineType) -> Element | None:
    if machine.viommu == "intel":
        driver = element("driver", intremap="on", caching_mode="on", aw_bits=machine.aw_bits or None)
        return element("iommu", driver, model="intel")
    if machine.viommu == "virtio":
        driver = element("driver", aw_bits=machine.aw_bits)
        return element("iommu", driver if machine.aw_bits else None, model="virtio")
    return None
