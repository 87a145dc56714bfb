"""Which rights a line of a machine's configuration asks for, as far as its value decides it. Pure.

The key's own privilege is declared with it (``config.OPTIONS``). ``ROOT`` is what the reference leaves to root@pam; the
API grants it to privileges of ours that no built-in role holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import ParseError
from hostd.core.formats import propstring
from hostd.guests.qemu import cloudinit
from hostd.guests.qemu.config import OPTIONS
from hostd.guests.qemu.devices import disk
from hostd.guests.qemu.devices.cpu import CUSTOM

ROOT: Final = "root"
_CDROM, _DISK, _HARDWARE = "VM.Config.CDROM", "VM.Config.Disk", "VM.Config.HWType"
_RANDOM: Final = ("/dev/urandom", "/dev/random")


@dataclass(frozen=True, kw_only=True)
class Need:
    """A privilege on an ACL path; ``path`` "" is the machine's own. ``privilege`` may be ROOT."""

    privilege: str
    path: str = ""


def needs(key: str, value: str) -> list[Need]:
    """What it takes to set, replace or remove this line. A value that cannot be read needs the key's privilege."""
    option = OPTIONS.get(key)
    own = Need(privilege=option.privilege if option else ROOT)
    stem = key.rstrip("0123456789")
    try:
        if disk.parse_slot(key) or key == "cdrom":
            return _drive(key, value)
        if stem in ("usb", "hostpci", "virtiofs"):
            return [own, *_mapped(stem, value)] if value else [own]
    except ParseError:
        return [own]
    if stem == "serial" and value.startswith("/"):
        return [Need(privilege=ROOT)]
    if key == "rng0" and propstring.parse(value, default_key="source").get("source", _RANDOM[0]) not in _RANDOM:
        return [own, Need(privilege=ROOT)]
    if key == "startup":
        return [own, Need(privilege="Sys.Modify", path="/")]  # it changes when the host's other guests start
    if stem == "net":
        return [own, *_bridge(value)]
    if key == "cpu":
        return [own, *_model(value)]
    return [own]


def _model(value: str) -> list[Need]:
    """A processor model of the cluster's own needs its use."""
    name = propstring.parse(value, default_key="cputype").get("cputype", "")
    if not name.startswith(CUSTOM):
        return []
    return [Need(privilege="Mapping.Use", path=f"/mapping/cpu/{name.removeprefix(CUSTOM)}")]


def _drive(key: str, value: str) -> list[Need]:
    slot = "ide2" if key == "cdrom" else key
    drive = disk.parse_disk(slot, value)
    if drive.file.startswith("/"):
        return [Need(privilege=ROOT)]
    if cloudinit.is_drive(drive) or drive.file.endswith(":cloudinit"):
        return [Need(privilege=_CDROM), Need(privilege="VM.Config.Cloudinit")]
    if drive.is_cdrom or key == "cdrom" or drive.file in ("none", "cdrom"):
        return [Need(privilege=_CDROM)]
    if drive.values.get("import-from", "").startswith("/"):
        return [Need(privilege=_DISK), Need(privilege=ROOT)]
    return [Need(privilege=_DISK)]


def _mapped(stem: str, value: str) -> list[Need]:
    """A device by its mapping needs the mapping's use; one by its address on the host is root's."""
    default = "dirid" if stem == "virtiofs" else "host"
    values = propstring.parse(value, default_key=default)
    if stem == "virtiofs":
        return [Need(privilege="Mapping.Use", path=f"/mapping/dir/{values.get('dirid', '')}")]
    if "mapping" in values:
        kind = "usb" if stem == "usb" else "pci"
        return [Need(privilege="Mapping.Use", path=f"/mapping/{kind}/{values['mapping']}")]
    if stem == "usb" and values.get("host", "spice").lower() == "spice":
        return []
    return [Need(privilege=ROOT)]


def _bridge(value: str) -> list[Need]:
    bridge = re.search(r"(?:^|,)bridge=([^,]+)", value)
    if bridge is None:
        return []
    tag = re.search(r"(?:^|,)tag=(\d+)", value)
    path = f"/sdn/zones/localnetwork/{bridge.group(1)}"
    return [Need(privilege="SDN.Use", path=f"{path}/{tag.group(1)}" if tag else path)]
