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
from hostd.guests.options import STARTUP, Option, Table, check_dns_name
from hostd.guests.qemu.devices import cpu, disk, display, firmware, net, platform

DEFAULT_MEMORY_MIB: Final = 512
DEFAULT_SHARES: Final = 1000
_FLAG = Kind(type="boolean")
_OLD_CDROM = "ide2"
MEMORY_FORMAT: Final = Format(name="inline:memory")
BOOTDISK: Final = Kind(format="pve-qm-bootdisk", pattern=r"(ide|sata|scsi|virtio)\d+")
LOCKS: Final = (
    "backup", "clone", "create", "migrate", "rollback", "snapshot", "snapshot-delete", "suspending", "suspended",
)  # fmt: skip
OSTYPES: Final = (
    "other", "wxp", "w2k", "w2k3", "w2k8", "wvista", "win7", "win8", "win10", "win11", "l24", "l26", "solaris",
)  # fmt: skip


_DISK, _CPU, _MEMORY, _NETWORK = "VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network"
_HARDWARE, _OPTIONS, _CLOUDINIT = "VM.Config.HWType", "VM.Config.Options", "VM.Config.Cloudinit"
_ROOT, _CDROM = "root", "VM.Config.CDROM"
KEYBOARDS: Final = (
    "de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch", "hu", "is", "it", "ja", "lt",
    "mk", "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr",
)  # fmt: skip
CLOUDINIT_TYPES: Final = ("configdrive2", "nocloud", "opennebula")
STARTDATE: Final = Kind(
    pattern=r"(now|\d{4}-\d{1,2}-\d{1,2}(T\d{1,2}:\d{1,2}:\d{1,2})?)",
    typetext="(now | YYYY-MM-DD | YYYY-MM-DDTHH:MM:SS)",
)
UNUSED_COUNT: Final = 256
UNUSED_FORMAT: Final = Format(name="inline:unused", own={"file": disk.DRIVE})
TPM_FORMAT: Final = Format(name="inline:tpmstate0", own={"file": disk.DRIVE, "size": disk.SIZE})
SPICE_FORMAT: Final = Format(name="inline:spice_enhancements")
CICUSTOM_FORMAT: Final = Format(name="pve-qm-cicustom")
PARALLEL: Final = Kind(pattern=r"/dev/parport\d+|/dev/usb/lp\d+")
CDROM_FORMAT: Final = Format(name="pve-qm-ide", own={"file": disk.DRIVE, "size": disk.SIZE})


def _flag(doc: str, privilege: str, default: int | None, *, live: bool = False) -> Option:
    return Option(kind=_FLAG, doc=doc, privilege=privilege, default=default, live=live)


def _count(
    doc: str,
    privilege: str,
    minimum: int = 1,
    maximum: int | None = None,
    default: object = None,
    *,
    live: bool = False,
) -> Option:
    kind = Kind(type="integer", minimum=minimum, maximum=maximum)
    return Option(kind=kind, doc=doc, privilege=privilege, default=default, live=live)


def _words(doc: str, privilege: str, words: tuple[str, ...], default: str | None, *, live: bool = False) -> Option:
    return Option(kind=Kind(enum=words), doc=doc, privilege=privilege, default=default, live=live)


def _parts(doc: str, privilege: str, format: str, form: Format, indices: int = 0) -> Option:
    return Option(kind=Kind(format=format, check=form.check), doc=doc, privilege=privilege, indices=indices)


def _plain(
    doc: str, privilege: str, kind: Kind, *, live: bool = False, indices: int = 0, default: object = None
) -> Option:
    return Option(kind=kind, doc=doc, privilege=privilege, live=live, indices=indices, default=default)


_VOLUME = Kind(format="pve-volume-id")
_STORAGE = Kind(format="pve-storage-id")
_HOTPLUG = Kind(format="pve-hotplug-features")
_SECONDS = Kind(type="number", minimum=0)
_GENERAL: Final[Mapping[str, Option]] = {
    "name": _plain("Name.", _OPTIONS, Kind(format="dns-name", check=check_dns_name), live=True),
    "description": _plain("Notes.", _OPTIONS, Kind(max_length=8192), live=True),
    "tags": _plain("Tags.", _OPTIONS, Kind(type="list", format="pve-tag"), live=True),
    "onboot": _flag("Start with the host.", _OPTIONS, 0, live=True),
    "startup": _plain("Order of starting and stopping.", _OPTIONS, STARTUP, live=True),
    "protection": _flag("Refuse removal.", _OPTIONS, 0, live=True),
    "lock": _words("Locked by an operation.", _ROOT, LOCKS, None, live=True),
    "template": _flag("A template, which is cloned and not started.", _OPTIONS, 0),
    "reboot": _flag("Allow reboots; otherwise the machine ends.", _OPTIONS, 1),
    "ostype": _words("Operating system inside.", _OPTIONS, OSTYPES, "other"),
    "agent": _parts("Guest agent.", _OPTIONS, "inline:agent", platform.AGENT_FORMAT),
    "args": _plain("Arguments for QEMU (root only).", _ROOT, Kind()),
    "hookscript": _plain("A script that runs at each change of state (root only).", _ROOT, _VOLUME, live=True),
    "autostart": _flag("Start again after a crash; kept, without effect.", _OPTIONS, 0, live=True),
    "keyboard": _words("Layout for VNC clients that need one.", _OPTIONS, KEYBOARDS, None),
    "startdate": _plain("First time of the clock.", _OPTIONS, STARTDATE, default="now"),
    "tdf": _flag("Time drift fix.", _OPTIONS, 0),
    "freeze": _flag("Start halted.", "VM.PowerMgmt", None),
    "hotplug": _plain("What may be changed while it runs.", _HARDWARE, _HOTPLUG, default="network,disk,usb"),
    "migrate_downtime": _plain("Longest pause of a migration, seconds.", _OPTIONS, _SECONDS, live=True, default=0.1),
    "migrate_speed": _count("Most MB/s of a migration; 0: no limit.", _OPTIONS, 0, default=0, live=True),
    "vmstatestorage": _plain("Storage for saved memory.", _DISK, _STORAGE, live=True),
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
    "numa[n]": _parts("A NUMA node.", _CPU, "pve-qm-numanode", Format(name="pve-qm-numanode"), 8),
    "affinity": _plain("Processors of the host to run on.", _CPU, Kind(format="pve-cpuset")),
    "smp": _count("Old name for sockets times cores.", _CPU, default=1),
    "shares": _count("Weight for ballooning; 0: none.", _MEMORY, 0, 50000, default=DEFAULT_SHARES),
    "hugepages": _words("Memory in huge pages.", _ROOT, ("any", "2", "1024"), None),
    "keephugepages": _flag("Keep huge pages after the end.", _ROOT, 0),
    "allow-ksm": _flag("Let the kernel merge equal pages.", _MEMORY, 1),
    "arch": _words("Processor architecture.", _ROOT, ("x86_64", "aarch64"), None),
    "amd-sev": _parts("AMD SEV.", _ROOT, "pve-qemu-sev-fmt", Format(name="pve-qemu-sev-fmt")),
    "intel-tdx": _parts("Intel TDX.", _ROOT, "pve-qemu-tdx-fmt", Format(name="pve-qemu-tdx-fmt")),
    "kvm": _flag("Use hardware virtualization.", _HARDWARE, 1),
    "machine": _parts("Machine type.", _HARDWARE, "pve-qemu-machine-fmt", firmware.MACHINE_FORMAT),
    "bios": _words("Firmware.", _OPTIONS, ("seabios", "ovmf"), "seabios"),
    "acpi": _flag("ACPI.", _HARDWARE, 1),
    "tablet": _flag("Pointer as a tablet.", _HARDWARE, 1),
    "localtime": _flag("Clock shows local time.", _OPTIONS, None),
    "boot": _parts("Boot order.", _DISK, "pve-qm-boot", firmware.BOOT_FORMAT),
    "bootdisk": _plain("Disk for the old boot order.", _DISK, BOOTDISK),
    "vga": _parts("Screen.", _HARDWARE, "inline:vga", display.FORMAT),
    "smbios1": _parts("SMBIOS data.", _HARDWARE, "pve-qm-smbios1", firmware.SMBIOS_FORMAT),
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
    "cdrom": _plain(
        "Old name of ide2.", _CDROM, Kind(format="pve-qm-ide", check=CDROM_FORMAT.check, typetext="<volume>")
    ),
    "tpmstate0": _parts("Volume of the TPM's state.", _DISK, "inline:tpmstate0", TPM_FORMAT),
    "unused": _parts("A disk that is attached to nothing.", _DISK, "inline:unused", UNUSED_FORMAT, UNUSED_COUNT),
    "audio0": _parts("Sound card.", _HARDWARE, "inline:audio0", Format(name="inline:audio0")),
    "rng0": _parts("Random number generator.", _HARDWARE, "pve-qm-rng", Format(name="pve-qm-rng")),
    "usb": _parts("A USB device of the host.", _HARDWARE, "pve-qm-usb", Format(name="pve-qm-usb"), 14),
    "hostpci": _parts("A PCI device of the host.", _HARDWARE, "pve-qm-hostpci", Format(name="pve-qm-hostpci"), 16),
    "virtiofs": _parts("A folder of the host.", _OPTIONS, "pve-qm-virtiofs", Format(name="pve-qm-virtiofs"), 10),
    "parallel": _plain("A parallel port of the host.", _ROOT, PARALLEL, indices=3),
    "ivshmem": _parts("Memory shared between machines.", _ROOT, "inline:ivshmem", Format(name="inline:ivshmem")),
    "watchdog": _parts("Watchdog.", _HARDWARE, "pve-qm-watchdog", Format(name="pve-qm-watchdog")),
    "spice_enhancements": _parts("Extras of SPICE.", _OPTIONS, "inline:spice_enhancements", SPICE_FORMAT),
}
_CLOUD: Final[Mapping[str, Option]] = {
    "citype": _words("Form of the cloud-init drive.", _CLOUDINIT, CLOUDINIT_TYPES, None),
    "ciuser": _plain("User that cloud-init makes.", _CLOUDINIT, Kind()),
    "cipassword": _plain("Password of that user; kept as a hash.", _CLOUDINIT, Kind()),
    "ciupgrade": _flag("Upgrade packages at the first boot.", _CLOUDINIT, 1),
    "cicustom": _parts("Files of a snippet storage instead.", _CLOUDINIT, "pve-qm-cicustom", CICUSTOM_FORMAT),
    "searchdomain": _plain("Search domains inside.", _CLOUDINIT, Kind()),
    "nameserver": _plain("Name servers inside.", _CLOUDINIT, Kind(format="address-list")),
    "sshkeys": _plain("Public keys, URL-encoded, one a line.", _CLOUDINIT, Kind(format="urlencoded")),
    "ipconfig": _parts("Addresses of a card.", _CLOUDINIT, "pve-qm-ipconfig", Format(name="pve-qm-ipconfig"), 32),
}
OPTIONS: Final = Table({**_GENERAL, **_MACHINE, **_DEVICES, **_CLOUD})
DISK_KEYS: Final = (
    *(f"{bus}{n}" for bus in ("ide", "scsi", "virtio", "sata") for n in range(disk.BUSES[bus])),
    "efidisk0",
    "tpmstate0",
)
UNUSED_KEYS: Final = tuple(f"unused{n}" for n in range(UNUSED_COUNT))
_UNUSED = re.compile(r"unused\d+\Z")
_OLD_VOLUME: Final = {"volume": propstring.Alias(to="file")}


def known_keys() -> set[str]:
    """Every key that a change may name."""
    return set(OPTIONS.keys)


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


def balloon_mib(config: Mapping[str, str]) -> int:
    """The least memory that the machine's balloon leaves it; all of it where none is said, or there is no balloon."""
    memory = memory_mib(config)
    return min(int(config.get("balloon", "0")) or memory, memory)


def shares(config: Mapping[str, str]) -> int:
    """Its weight where memory is shared out; 0: its balloon is where ``balloon`` says, and nothing else moves it."""
    return int(config.get("shares", DEFAULT_SHARES))


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


def state_volumes(config: Mapping[str, str]) -> dict[str, str]:
    """Key → volume id of everything that a snapshot keeps a state of, in the order in which that is done."""
    slots = [f"{bus}{n}" for bus in ("ide", "scsi", "virtio", "sata") for n in range(disk.BUSES[bus])]
    found: dict[str, str] = {}
    for key in [*slots, "efidisk0", "tpmstate0"]:
        values = propstring.parse(config.get(key, ""), default_key="file", aliases=_OLD_VOLUME)
        file = values.get("file", "")
        if ":" in file and not file.startswith("/") and values.get("media") != "cdrom":
            found[key] = file
    return found


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
