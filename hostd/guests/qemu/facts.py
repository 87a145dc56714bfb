"""What the generated machine depends on besides its configuration: facts of this node, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hostd.guests.qemu.devices.disk import Source
from hostd.guests.qemu.devices.hostdevices import HostDevices
from hostd.guests.qemu.devices.machine import Version


@dataclass(frozen=True, kw_only=True)
class Firmware:
    """UEFI for one kind of variable store: code image, empty variables, size of the store."""

    code: str
    variables: str
    size_bytes: int
    secure_boot: bool


# An older build that Debian no longer has; machines that were made with it keep their store.
OVMF_2M = Firmware(
    code="/usr/share/OVMF/OVMF_CODE.fd",
    variables="/usr/share/OVMF/OVMF_VARS.fd",
    size_bytes=131072,
    secure_boot=False,
)
# Debian's ovmf package; the 4 MB build is the only one it still has.
OVMF_4M = Firmware(
    code="/usr/share/OVMF/OVMF_CODE_4M.fd",
    variables="/usr/share/OVMF/OVMF_VARS_4M.fd",
    size_bytes=540672,
    secure_boot=False,
)
OVMF_4M_SECURE = Firmware(
    code="/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
    variables="/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
    size_bytes=540672,
    secure_boot=True,
)


# UEFI for 64-bit ARM, Debian's qemu-efi-aarch64.
AAVMF = Firmware(
    code="/usr/share/AAVMF/AAVMF_CODE.fd",
    variables="/usr/share/AAVMF/AAVMF_VARS.fd",
    size_bytes=67108864,
    secure_boot=False,
)


@dataclass(frozen=True, kw_only=True)
class MachineFacts:
    """``kvm``: the probe's verdict on this node. ``sources``: where each volume of the configuration is, by id or path.

    ``bridge_mtus``: by bridge name. ``sockets``: folder of this guest's console sockets. ``arch``, ``cpu_vendor``: of
    this node, the vendor as CPUID spells it. ``qemu``: the installed version; None: newer than any that is named.
    ``cpu_models``: the cluster's custom ones. ``spice``: whether viewers by SPICE are served.
    """

    vmid: int
    kvm: bool
    sockets: str
    sources: Mapping[str, Source] = field(default_factory=dict)
    bridge_mtus: Mapping[str, int] = field(default_factory=dict)
    arch: str = "x86_64"
    cpu_vendor: str = ""
    qemu: Version | None = None
    cpu_models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    devices: HostDevices = field(default_factory=HostDevices)
    spice: bool = False
