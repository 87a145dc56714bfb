"""What has to be made for a configuration: new volumes from ``<storage>:<GiB>``, ids, addresses, defaults. Pure.

Randomness comes in as functions, so that a plan can be tested.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from hostd.core.errors import ParseError
from hostd.core.formats import propstring
from hostd.core.units import KIB, MIB, format_size
from hostd.guests import newvalues
from hostd.guests.macs import Random, addressed
from hostd.guests.options import is_card, is_unused
from hostd.guests.qemu.devices import disk, firmware, net
from hostd.guests.qemu.facts import OVMF_2M, Firmware
from hostd.storage.volume import VolumeId

_NEW = re.compile(r"([a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]):(\d+(?:\.\d+)?|cloudinit)\Z")
CLOUDINIT_BYTES: Final = 4 * MIB
TPM_BYTES: Final = 4 * MIB
_OLD_VOLUME: Final = {"volume": propstring.Alias(to="file")}


@dataclass(frozen=True, kw_only=True)
class NewVolume:
    """A volume to allocate for a key. ``format`` empty: the storage's own choice. ``efi``: filled with variables.

    ``cloudinit``: it gets the seed of cloud-init. ``source``: a volume or path whose contents are copied, whose size
    then counts.
    """

    key: str
    storage: str
    size_bytes: int
    format: str = ""
    efi: Firmware | None = None
    cloudinit: bool = False
    source: str = ""


Plan = newvalues.Plan[NewVolume]


def plan_values(values: Mapping[str, str]) -> Plan:
    """The volumes that new values of a configuration ask for. Raises Invalid with every key that cannot be."""
    new: list[NewVolume] = []
    existing: dict[str, VolumeId] = {}

    def look(key: str, value: str) -> None:
        if disk.parse_slot(key):
            _plan_volume(key, disk.parse_disk(key, value).values, new, existing)
        elif key == "efidisk0":
            _plan_volume(key, firmware.parse_efidisk(value), new, existing)
        elif key == "tpmstate0" or is_unused(key):
            _plan_volume(key, propstring.parse(value, default_key="file", aliases=_OLD_VOLUME), new, existing)
        elif is_card(key):
            net.parse_nic(key, value)

    newvalues.each(values, look)
    return Plan(values=values, new=tuple(new), existing=existing)


def identified(plan: Plan, random: Random, mac_prefix: str) -> Plan:
    """The plan, its values with new addresses for cards without one and a new id for a generation that asks for it."""
    found = addressed(plan.values, net.parse_nic, random, mac_prefix)
    if found.get("vmgenid") == "1":
        found["vmgenid"] = str(uuid.UUID(bytes=random(16), version=4))
    return replace(plan, values=found)


def _plan_volume(key: str, values: Mapping[str, str], new: list[NewVolume], existing: dict[str, VolumeId]) -> None:
    file = values["file"]
    if file in ("none", "cdrom") or file.startswith("/"):
        if file.startswith("/"):
            raise ParseError("paths on the host are not supported; use a volume of a storage")
        return
    source = values.get("import-from", "")
    match = _NEW.match(file)
    if match is None:
        if source:
            raise ParseError("import-from needs a new volume: write <storage>:0")
        existing[key] = VolumeId.parse(file)
        return
    storage, wanted = match.groups()
    if wanted == "cloudinit":
        if disk.parse_slot(key) is None:
            raise ParseError("a cloud-init drive belongs on ide, sata or scsi")
        new.append(NewVolume(key=key, storage=storage, size_bytes=CLOUDINIT_BYTES, format="raw", cloudinit=True))
        return
    if values.get("media") == "cdrom":
        raise ParseError("a CD drive needs an ISO image or none")
    if is_unused(key):
        raise ParseError("an unused disk must be there already")
    efi = firmware.efi_firmware(values) if key == "efidisk0" else None
    if efi is OVMF_2M:
        raise ParseError("only efitype=4m is supported; Debian has no 2 MB build of UEFI any more")
    size = efi.size_bytes if efi else TPM_BYTES if key == "tpmstate0" else int(float(wanted) * MIB) * KIB
    if not size and not source:
        raise ParseError("a new disk needs a size, in GiB")
    if source and float(wanted):
        raise ParseError("import-from takes the size of what is imported: write <storage>:0")
    format = "raw" if key == "tpmstate0" else values.get("format", "")
    new.append(NewVolume(key=key, storage=storage, size_bytes=size, format=format, efi=efi, source=source))


def with_volume(key: str, value: str, volume: VolumeId, size_bytes: int | None) -> str:
    """A drive's value that names an allocated volume and its size."""
    if key in ("efidisk0", "tpmstate0"):
        dropped = ("file", "format", "import-from", "size")
        old = propstring.parse(value, default_key="file", aliases=_OLD_VOLUME)
        values = {k: v for k, v in old.items() if k not in dropped}
        return propstring.format({**values, "file": str(volume), **_size(size_bytes)}, default_key="file")
    if is_unused(key):
        return str(volume)
    return disk.parse_disk(key, value).with_volume(volume, size_bytes).text()


def _size(size_bytes: int | None) -> dict[str, str]:
    return {} if size_bytes is None else {"size": format_size(size_bytes)}


def first_values(values: Mapping[str, str], *, now_s: int, qemu_version: str, random: Random) -> dict[str, str]:
    """What a new machine gets without being asked: identity, generation, boot order, when it was made."""
    found = dict(values)
    smbios = propstring.parse(found.get("smbios1", ""))
    if "uuid" not in smbios:
        found["smbios1"] = propstring.format({**smbios, "uuid": str(uuid.UUID(bytes=random(16), version=4))})
    found.setdefault("vmgenid", "1")
    if found["vmgenid"] == "1":
        found["vmgenid"] = str(uuid.UUID(bytes=random(16), version=4))
    if "boot" not in found and (order := firmware.default_boot(disk.disks(found), net.nics(found))):
        found["boot"] = order
    found["meta"] = f"creation-qemu={qemu_version},ctime={now_s}"
    return found


def owned_volume(key: str, value: str, vmid: int) -> str:
    """The volume that a guest owns by this line: its disks and UEFI variables, detached ones too; not ISO images."""
    if not value or not (disk.parse_slot(key) or key in ("efidisk0", "tpmstate0") or is_unused(key)):
        return ""
    try:
        values = propstring.parse(value, default_key="file", aliases=_OLD_VOLUME)
        volume = VolumeId.parse(values.get("file", ""))
    except ParseError:
        return ""
    mine = re.search(rf"(?:^|/)(?:vm|base)-{vmid}-", volume.name)
    return str(volume) if mine else ""
