"""What the generated machine depends on besides its configuration: facts of this node, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hostd.guests.qemu.devices.disk import Source


@dataclass(frozen=True, kw_only=True)
class Firmware:
    """UEFI for one kind of variable store: code image, empty variables, size of the store."""

    code: str
    variables: str
    size_bytes: int
    secure_boot: bool


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


@dataclass(frozen=True, kw_only=True)
class MachineFacts:
    """``kvm``: the probe's verdict on this node. ``sources``: where each volume of the configuration is, by id or path.

    ``bridge_mtus``: by bridge name. ``sockets``: folder of this guest's console sockets.
    """

    vmid: int
    kvm: bool
    sockets: str
    sources: Mapping[str, Source] = field(default_factory=dict)
    bridge_mtus: Mapping[str, int] = field(default_factory=dict)
    emulator: str = "/usr/bin/qemu-system-x86_64"
    arch: str = "x86_64"
