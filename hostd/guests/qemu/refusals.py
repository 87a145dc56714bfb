"""What a configuration may say and this node cannot give yet: kept in the file, refused at start. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hostd.core.errors import Unsupported
from hostd.core.formats import propstring
from hostd.guests.qemu.devices import disk, display, firmware, hostdevices
from hostd.guests.qemu.devices.platform import numbered
from hostd.guests.qemu.facts import OVMF_2M

_KEYS: Final[Mapping[str, str]] = {
    "amd-sev": "encrypted memory",
    "intel-tdx": "encrypted memory",
}
_STEMS: Final[Mapping[str, str]] = {
    "hostpci": "passing on PCI devices of the host",
    "virtiofs": "folders of the host",
}


def refuse(config: Mapping[str, str], arch: str) -> None:
    """Unsupported, naming the first key that asks for what cannot be given. ``arch``: the node's."""
    for key, what in _KEYS.items():
        if key in config:
            raise _kept(key, what)
    for drive in disk.disks(config):
        if drive.not_given:
            raise Unsupported(f"{drive.slot}: {drive.not_given} is not supported yet: remove it to start this machine")
    for stem, what in _STEMS.items():
        if found := numbered(config, stem):
            raise _kept(found[0], what)
    for key in numbered(config, "usb"):
        values = propstring.validate(config[key], hostdevices.USB_FORMAT)
        if values.get("host", "").lower() == "spice":
            raise _kept(key, "USB devices of a SPICE viewer")
        if "mapping" in values:
            raise _kept(key, "mapped devices")
    if display.display_type(config).startswith("qxl"):
        raise Unsupported("vga: QXL is for SPICE, which is not supported yet: choose std or virtio")
    if config.get("arch", arch) != arch:
        raise Unsupported(f"arch: this node is {arch} and has no emulator of {config['arch']}")
    if config.get("bios") == "ovmf":
        if "efidisk0" not in config:
            raise Unsupported("bios ovmf needs an efidisk0, on which UEFI keeps its variables: add one with efitype=4m")
        if firmware.efi_firmware(firmware.parse_efidisk(config["efidisk0"])) is OVMF_2M:
            raise Unsupported("efidisk0: only efitype=4m is supported; Debian has no 2 MB build of UEFI any more")


def _kept(key: str, what: str) -> Unsupported:
    return Unsupported(f"'{key}' is kept, but {what} cannot be given yet: remove it to start this machine")
