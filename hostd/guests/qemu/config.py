"""The keys of ``/etc/pve/qemu-server/<id>.conf`` that we know, and what they mean for lists.

Every other key is kept as text. Those that change the machine in a way that we cannot give yet stop it from being
started, with the reason: a guest never runs as something else than what its file says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from hostd.core.errors import ParseError
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.core.schema import Kind
from hostd.core.units import MIB
from hostd.guests.options import Option, Table
from hostd.guests.qemu.devices import cpu, disk, display, firmware, net, platform

DEFAULT_MEMORY_MIB: Final = 512
_FLAG = Kind(type="boolean")
_OLD_CDROM = "ide2"
MEMORY_FORMAT: Final = Format(name="inline:memory")
STARTUP: Final = Kind(
    format="pve-startup-order", pattern=r"(?:order=)?\d+(?:,(?:up|down)=\d+)*|(?:(?:order|up|down)=\d+,?)+"
)
BOOTDISK: Final = Kind(format="pve-qm-bootdisk", pattern=r"(ide|sata|scsi|virtio)\d+")
LOCKS: Final = (
    "backup", "clone", "create", "migrate", "rollback", "snapshot", "snapshot-delete", "suspending", "suspended",
)  # fmt: skip
OSTYPES: Final = (
    "other", "wxp", "w2k", "w2k3", "w2k8", "wvista", "win7", "win8", "win10", "win11", "l24", "l26", "solaris",
)  # fmt: skip


def check_dns_name(value: str) -> str:
    """Labels of letters, digits and inner dashes, separated by dots."""
    label = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    ok = len(value) <= 253 and re.fullmatch(rf"{label}(?:\.{label})*", value)
    return "" if ok else "value does not look like a valid DNS name"


_DISK, _CPU, _MEMORY, _NETWORK = "VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network"
_HARDWARE, _OPTIONS = "VM.Config.HWType", "VM.Config.Options"


def _flag(doc: str, privilege: str, default: int | None, *, live: bool = False) -> Option:
    return Option(kind=_FLAG, doc=doc, privilege=privilege, default=default, live=live)


def _count(doc: str, privilege: str, minimum: int = 1, maximum: int | None = None, default: object = None) -> Option:
    return Option(
        kind=Kind(type="integer", minimum=minimum, maximum=maximum), doc=doc, privilege=privilege, default=default
    )


def _words(doc: str, privilege: str, words: tuple[str, ...], default: str | None, *, live: bool = False) -> Option:
    return Option(kind=Kind(enum=words), doc=doc, privilege=privilege, default=default, live=live)


def _parts(doc: str, privilege: str, format: str, form: Format, indices: int = 0) -> Option:
    return Option(kind=Kind(format=format, check=form.check), doc=doc, privilege=privilege, indices=indices)


def _plain(doc: str, privilege: str, kind: Kind, *, live: bool = False, indices: int = 0) -> Option:
    return Option(kind=kind, doc=doc, privilege=privilege, live=live, indices=indices)


_GENERAL: Final[Mapping[str, Option]] = {
    "name": _plain("Name.", _OPTIONS, Kind(format="dns-name", check=check_dns_name), live=True),
    "description": _plain("Notes.", _OPTIONS, Kind(max_length=8192), live=True),
    "tags": _plain("Tags.", _OPTIONS, Kind(type="list", format="pve-tag"), live=True),
    "onboot": _flag("Start with the host.", _OPTIONS, 0, live=True),
    "startup": _plain("Order of starting and stopping.", _OPTIONS, STARTUP, live=True),
    "protection": _flag("Refuse removal.", _OPTIONS, 0, live=True),
    "lock": _words("Locked by an operation.", _OPTIONS, LOCKS, None, live=True),
    "template": _flag("A template, which is cloned and not started.", _OPTIONS, 0),
    "reboot": _flag("Allow reboots; otherwise the machine ends.", _OPTIONS, 1),
    "ostype": _words("Operating system inside.", _OPTIONS, OSTYPES, "other"),
    "agent": _parts("Guest agent.", _OPTIONS, "inline:agent", platform.AGENT_FORMAT),
    "args": _plain("Arguments for QEMU (root only).", "root", Kind()),
}
_MACHINE: Final[Mapping[str, Option]] = {
    "memory": _parts("Memory, MiB.", _MEMORY, "inline:memory", MEMORY_FORMAT),
    "balloon": _count("Least memory, MiB; 0: no balloon.", _MEMORY, 0),
    "cores": _count("Cores of a socket.", _CPU, default=1),
    "sockets": _count("Sockets.", _CPU, default=1),
    "vcpus": _count("Processors at start.", _CPU),
    "cpu": _parts("Processor type.", _CPU, "pve-vm-cpu-conf", cpu.FORMAT),
    "cpulimit": _plain("Most processor time, in CPUs.", _CPU, Kind(type="number", minimum=0, maximum=128)),
    "cpuunits": _count("Weight of processor time.", _CPU, 1, 262144),
    "numa": _flag("NUMA inside the guest.", _CPU, 0),
    "kvm": _flag("Use hardware virtualization.", _HARDWARE, 1),
    "machine": _parts("Machine type.", _HARDWARE, "pve-qemu-machine-fmt", firmware.MACHINE_FORMAT),
    "bios": _words("Firmware.", _OPTIONS, ("seabios", "ovmf"), "seabios"),
    "acpi": _flag("ACPI.", _OPTIONS, 1),
    "tablet": _flag("Pointer as a tablet.", _OPTIONS, 1),
    "localtime": _flag("Clock shows local time.", _OPTIONS, None),
    "boot": _parts("Boot order.", _OPTIONS, "pve-qm-boot", firmware.BOOT_FORMAT),
    "bootdisk": _plain("Disk for the old boot order.", _OPTIONS, BOOTDISK),
    "vga": _parts("Screen.", _HARDWARE, "inline:vga", display.FORMAT),
    "smbios1": _parts("SMBIOS data.", _OPTIONS, "pve-qm-smbios1", firmware.SMBIOS_FORMAT),
    "vmgenid": _plain("Generation id; 1: a new one, 0: none.", _OPTIONS, Kind(pattern=firmware.GENERATION)),
}
_DEVICES: Final[Mapping[str, Option]] = {
    "efidisk0": _parts("Volume of UEFI variables.", _DISK, "inline:efidisk0", firmware.EFI_FORMAT),
    "scsihw": _words("SCSI controller.", _HARDWARE, disk.SCSI_HARDWARE, "lsi"),
    "net": _parts("A network card.", _NETWORK, "inline:net", net.FORMAT, net.COUNT),
    "serial": _plain("A serial line.", _HARDWARE, display.SERIAL, indices=display.SERIAL_COUNT),
    **{
        bus: _parts(f"A drive on bus {bus}.", _DISK, f"inline:{bus}", disk.FORMATS[bus], count)
        for bus, count in disk.BUSES.items()
    },
}
OPTIONS: Final = Table({**_GENERAL, **_MACHINE, **_DEVICES})
_UNUSED = re.compile(r"unused\d+\Z")


def known_keys() -> set[str]:
    """Every key that a change may name: the declared ones and ``unused<n>``."""
    return set(OPTIONS.keys) | {f"unused{n}" for n in range(256)}


def with_old_names(config: Mapping[str, str]) -> dict[str, str]:
    """``cdrom`` is an old name of ``ide2``."""
    values = dict(config)
    if "cdrom" in values:
        values.setdefault(_OLD_CDROM, values.pop("cdrom"))
        values.pop("cdrom", None)
    return values


def memory_mib(config: Mapping[str, str]) -> int:
    values = propstring.parse(config.get("memory", ""), default_key="current")
    return int(values.get("current", DEFAULT_MEMORY_MIB))


def memory_bytes(config: Mapping[str, str]) -> int:
    return memory_mib(config) * MIB


def default_name(vmid: int) -> str:
    return f"VM{vmid}"


def agent_enabled(config: Mapping[str, str]) -> bool:
    return platform.agent_enabled(config)


def boot_disk_bytes(config: Mapping[str, str]) -> int:
    """The size lists show: that of the first disk in the boot order, else of the first disk."""
    try:
        drives = [d for d in disk.disks(config) if not d.is_cdrom]
        order = firmware.boot_order(config, drives, [])
    except ParseError:
        return 0
    first = next((d for slot in order for d in drives if d.slot == slot), drives[0] if drives else None)
    return first.size_bytes if first else 0


def volumes(config: Mapping[str, str], *, unused: bool) -> dict[str, str]:
    """Key → volume id of everything that the guest owns or uses; ``unused``: detached disks as well."""
    found = {d.slot: d.file for d in disk.disks(config) if d.volume is not None}
    if "efidisk0" in config:
        found["efidisk0"] = firmware.parse_efidisk(config["efidisk0"])["file"]
    if "tpmstate0" in config:
        found["tpmstate0"] = platform.parse_tpm(config["tpmstate0"])["file"]
    if unused:
        for key, value in sorted(config.items()):
            if _UNUSED.match(key):
                found[key] = propstring.parse(value, default_key="file").get("file", "")
    return found
