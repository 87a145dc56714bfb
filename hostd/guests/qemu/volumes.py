"""Volumes of virtual machines: which ones a file names, where they lie, removing them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial

from hostd.core.formats.keyvalue import GuestFile
from hostd.guests.config import GuestKind, GuestPath, StoredGuest
from hostd.guests.qemu import config as keys
from hostd.guests.qemu import plan as planning
from hostd.guests.qemu.devices import firmware
from hostd.guests.qemu.devices.disk import Source
from hostd.guests.qemu.facts import Firmware
from hostd.guests.volumes import unreferenced_volumes
from hostd.node.host import Host
from hostd.storage.catalog import Catalog
from hostd.storage.volume import VolumeId


def where(host: Host, vmid: int) -> GuestPath:
    return GuestPath(node=host.node, kind=GuestKind.QEMU, vmid=vmid)


def owned(vmid: int) -> partial[str]:
    return partial(planning.owned_volume, vmid=vmid)


def source_of(catalog: Catalog, volume: VolumeId, efi: Firmware | None = None) -> Source:
    """Where a volume is, and how QEMU best writes there.

    ``efi``: it holds that firmware's variables. The volume must be active.
    """
    driver = catalog.driver(volume.storage)
    path = driver.path(volume.name)
    parsed = driver.parse(volume.name)
    block = path.startswith("/dev/")
    format = "raw" if parsed.content == "iso" else parsed.format
    if efi:
        format = firmware.store_format(efi, block=block, size_bytes=size_of(path), format=format)
    return Source(path=path, format=format, block=block, aio=driver.info.aio)


def size_of(path: str) -> int:
    """Bytes of a file or block device."""
    with open(path, "rb") as file:
        return file.seek(0, os.SEEK_END)


def sources_of(catalog: Catalog, config: Mapping[str, str]) -> dict[str, Source]:
    """Every volume that a configuration uses, by its id."""
    found = {}
    for key, name in keys.volumes(config, unused=False).items():
        efi = firmware.efi_firmware(firmware.parse_efidisk(config[key])) if key == "efidisk0" else None
        found[name] = source_of(catalog, VolumeId.parse(name), efi)
    return found


def all_volumes(file: GuestFile, vmid: int) -> list[str]:
    """Every volume that the guest owns: now, waiting, in snapshots, and saved memory."""
    sections: list[Mapping[str, str]] = [file.current, file.pending, *(s.values for s in file.snapshots.values())]
    names = (planning.owned_volume(key, value, vmid) for values in sections for key, value in values.items())
    memory = (values.get("vmstate", "") for values in sections)
    return sorted({name for name in [*names, *memory] if name})


def missing_volumes(host: Host, guest: StoredGuest) -> list[str]:
    """Volumes of the guest's id on this node's storages that its file does not name."""
    known = set(all_volumes(guest.file, guest.where.vmid))
    return [name for name in unreferenced_volumes(host, guest.where.vmid) if name not in known]


def lost_memory(host: Host, guest: StoredGuest) -> list[str]:
    """Volumes for the guest's memory that its file does not name."""
    start = f"vm-{guest.where.vmid}-state-"
    return [n for n in missing_volumes(host, guest) if re.split("[:/]", n)[-1].startswith(start)]


def default_format(catalog: Catalog, storage: str) -> str:
    return catalog.file.get(storage).text("format") or catalog.driver(storage).info.formats[0]
