"""What the machine boots with: SeaBIOS or UEFI and its variables, boot order, SMBIOS."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element

from hostd.core.errors import Conflict, Invalid, ParseError
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.core.schema import Kind
from hostd.guests.qemu.devices import machine as machine_types
from hostd.guests.qemu.devices.disk import DRIVE, SIZE, Disk, Source, parse_slot
from hostd.guests.qemu.devices.machine import MachineType
from hostd.guests.qemu.devices.net import Nic
from hostd.guests.qemu.devices.xml import element, yes_no
from hostd.guests.qemu.facts import AAVMF, OVMF_2M, OVMF_4M, OVMF_4M_SECURE, Firmware

_UUID = r"[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}"
GENERATION: Final = rf"{_UUID}|[01]"
EFI_FORMAT: Final = Format(name="inline:efidisk0", own={"file": DRIVE, "size": SIZE})
_SMBIOS_TEXTS: Final = ("manufacturer", "product", "version", "serial", "sku", "family")
SMBIOS_FORMAT: Final = Format(name="pve-qm-smbios1")


def check_bootdev_list(value: str) -> str:
    """Names of drives and cards, separated by semicolons."""
    for name in value.split(";"):
        if name and not (parse_slot(name) or re.fullmatch(r"net\d+|(hostpci|usb)\d+", name)):
            return f"invalid boot device '{name}'"
    return ""


BOOT_FORMAT: Final = Format(
    name="pve-qm-boot", own={"order": Kind(format="pve-qm-bootdev-list", check=check_bootdev_list)}
)
MACHINE_FORMAT: Final = machine_types.FORMAT
# A namespace of ours, so that a machine without a UUID of its own shows the same one at every start.
_UUID_NAMESPACE = uuid.UUID("b1cf1f0e-9a5d-5e0b-8f5a-6d1f1c9f4d10")
_REBOOT_TIMEOUT_MS = 1000
_MENU_MS = 3000


def machine_uuid(vmid: int, config: Mapping[str, str]) -> str:
    """The machine's UUID: that of ``smbios1``, else one made from the guest's id."""
    values = propstring.parse(config.get("smbios1", ""))
    return values.get("uuid") or str(uuid.uuid5(_UUID_NAMESPACE, f"vm-{vmid}"))


def efi_firmware(values: Mapping[str, str]) -> Firmware:
    """Which UEFI an ``efidisk0`` is for."""
    if values.get("efitype", "2m") != "4m":
        return OVMF_2M
    return OVMF_4M_SECURE if propstring.boolean(values.get("pre-enrolled-keys", "0")) else OVMF_4M


def os_element(
    config: Mapping[str, str], machine: MachineType, arch: str, sources: Mapping[str, Source], scratch: str
) -> Element:
    """``<os>``: machine type and firmware. ``scratch``: where variables lie that are not kept. Conflict for firmware
    that cannot be."""
    children: list[Element | None] = [element("type", text="hvm", arch=arch, machine=machine.name)]
    if config.get("bios", "seabios") == "ovmf":
        children += _uefi(config, machine, arch, sources, scratch)
    children.append(element("bootmenu", enable="yes", timeout=_MENU_MS))
    if "smbios1" in config:
        children.append(element("smbios", mode="sysinfo"))
    seabios = config.get("bios", "seabios") == "seabios"
    serial = "yes" if seabios and _serial_display(config) else None
    children.append(element("bios", useserial=serial, rebootTimeout=_REBOOT_TIMEOUT_MS))
    return element("os", *children)


def _serial_display(config: Mapping[str, str]) -> bool:
    return propstring.parse(config.get("vga", ""), default_key="type").get("type", "").startswith("serial")


def _uefi(
    config: Mapping[str, str], machine: MachineType, arch: str, sources: Mapping[str, Source], scratch: str
) -> list[Element]:
    if "efidisk0" not in config:
        code = AAVMF.code if arch == "aarch64" else OVMF_2M.code
        variables = element("nvram", element("source", file=scratch), type_="file", format="raw")
        return [element("loader", text=code, readonly="yes", type_="pflash"), variables]
    values = propstring.validate(config["efidisk0"], EFI_FORMAT)
    firmware = AAVMF if arch == "aarch64" else efi_firmware(values)
    source = sources[values["file"]]
    if firmware.secure_boot and not machine.q35:
        raise Conflict("Secure Boot (pre-enrolled-keys) needs machine q35")
    place = element("source", **{"dev" if source.block else "file": source.path})
    kind = "block" if source.block else "file"
    return [
        element("loader", text=firmware.code, readonly="yes", secure=yes_no(firmware.secure_boot), type_="pflash"),
        element("nvram", place, type_=kind, format=source.format),
    ]


def store_format(firmware: Firmware, *, block: bool, size_bytes: int, format: str) -> str:
    """How the variables lie in a volume of ``size_bytes``.

    UEFI finds them only where the store has exactly its size, and block devices are rounded up: there they are in a
    qcow2 image of the right size inside the device. The volume's size decides, never its content, which the guest
    writes.
    """
    return "qcow2" if block and size_bytes != firmware.size_bytes else format


def sysinfo_element(config: Mapping[str, str], uuid_text: str) -> Element | None:
    """``<sysinfo>`` from ``smbios1``; its texts may be base64."""
    if "smbios1" not in config:
        return None
    values = propstring.validate(config["smbios1"], SMBIOS_FORMAT)
    encoded = propstring.boolean(values.get("base64", "0"))
    rows = [
        element("entry", text=_decode(key, values[key]) if encoded else values[key], name=key)
        for key in _SMBIOS_TEXTS
        if key in values
    ]
    return element("sysinfo", element("system", *rows, element("entry", text=uuid_text, name="uuid")), type_="smbios")


def _decode(key: str, text: str) -> str:
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as err:
        raise Invalid({"smbios1": f"'{key}' is not base64: {err}"}) from err
    if not decoded.isprintable():
        raise Invalid({"smbios1": f"'{key}' holds control characters"})
    return decoded


def boot_order(config: Mapping[str, str], drives: Sequence[Disk], cards: Sequence[Nic]) -> list[str]:
    """Keys of what is tried, in order: ``order=scsi0;net0``, or the old letters c (disk), d (CD), n (network)."""
    values = propstring.parse(config.get("boot", "cdn"), default_key="legacy")
    present = {d.slot for d in drives} | {n.key for n in cards}
    if "order" in values:
        return [name for name in values["order"].split(";") if name in present]
    found: list[str] = []
    for letter in values.get("legacy", ""):
        if letter == "c":
            found += [d.slot for d in drives if d.slot == config.get("bootdisk") and not d.is_cdrom]
        elif letter == "d":
            found += [d.slot for d in drives if d.is_cdrom]
        elif letter == "n":
            found += [n.key for n in cards]
    return found


def default_boot(drives: Sequence[Disk], cards: Sequence[Nic]) -> str:
    """The order that a new machine gets: its first disk, its first CD drive, its first card."""
    first = [next((d.slot for d in drives if not d.is_cdrom), ""), next((d.slot for d in drives if d.is_cdrom), "")]
    names = [name for name in (*first, cards[0].key if cards else "") if name]
    return f"order={';'.join(names)}" if names else ""


def parse_efidisk(text: str) -> dict[str, str]:
    """The parts of ``efidisk0``; ParseError or Invalid."""
    values = propstring.validate(text, EFI_FORMAT)
    if values["file"] in ("none", "cdrom"):
        raise ParseError("efidisk0 needs a volume")
    return values
