"""The cloud-init drive: a small disc image on a volume of the machine, made anew when what it tells has changed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import Final

from hostd.core.errors import Conflict, NotFound
from hostd.core.formats import propstring
from hostd.core.formats.keyvalue import GuestFile
from hostd.guests.qemu import cloudinit
from hostd.guests.qemu.cloudinit import Resolver, without_stale_record
from hostd.guests.qemu.understood import CLOUDINIT
from hostd.guests.volumes import catalog_of
from hostd.node import resolver as host_resolver
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

__all__ = ["changed", "drive_value", "dump", "files_of", "without_stale_record", "written"]
_LABELS: Final[Mapping[str, str]] = {"nocloud": "cidata", "configdrive2": "config-2", "opennebula": "CONTEXT"}
_TEXT_BYTES: Final = 1024 * 1024
_BUILD_S: Final = 60


def drive_value(volume: VolumeId) -> str:
    return f"{volume},media=cdrom"


def disc_argv(folder: str, image: str, label: str) -> list[str]:
    """An ISO 9660 image with long names in both ways that systems read them (Joliet, Rock Ridge)."""
    return ["xorrisofs", "-quiet", "-o", image, "-V", label, "-J", "-r", folder]


def files_of(config: Mapping[str, str], seed: cloudinit.Seed, context: str = "") -> dict[str, str]:
    """Path on the disc → text, as the guest's system looks for them."""
    form = cloudinit.form(config)
    if form == "opennebula":
        return {"context.sh": context}
    if form == "configdrive2":
        found = {
            "openstack/latest/user_data": seed.user,
            "openstack/content/0000": seed.network,
            "openstack/latest/meta_data.json": seed.meta,
        }
        return found | ({"openstack/latest/vendor_data.json": seed.vendor} if seed.vendor else {})
    found = {"user-data": seed.user, "network-config": seed.network, "meta-data": seed.meta}
    return found | ({"vendor-data": seed.vendor} if seed.vendor else {})


def changed(file: GuestFile) -> bool:
    """Whether the machine has a drive that does not say what a new one would."""
    if cloudinit.drive(file.current) is None:
        return False
    return CLOUDINIT not in file.special or any(row.delete or row.pending is not None for row in cloudinit.rows(file))


def written(host: Host, log: TaskLog, vmid: int, file: GuestFile) -> GuestFile:
    """Make the drive's contents, if there is one, and return the file with the record of what they were made from."""
    drive = cloudinit.drive(file.current)
    if drive is None or drive.volume is None:
        return without_stale_record(file)
    catalog = catalog_of(host)
    config, resolver = file.current, _resolver(host)
    seed = cloudinit.seed(config, vmid, resolver, _snippets(host, config))
    parts = files_of(config, seed, cloudinit.context(config, vmid, resolver))
    catalog.activate([drive.volume])
    target = catalog.path(drive.volume)
    with tempfile.TemporaryDirectory(prefix="hostd-seed-") as folder:
        tree, image = f"{folder}/tree", f"{folder}/image"
        for name, text in parts.items():
            os.makedirs(os.path.dirname(f"{tree}/{name}"), exist_ok=True)
            with open(f"{tree}/{name}", "w", encoding="utf-8") as part:
                part.write(text)
        host.run(disc_argv(tree, image, _LABELS[cloudinit.form(config)]), timeout_s=_BUILD_S)
        _put(image, target)
    log.info(f"cloud-init drive '{drive.volume}' written")
    return cloudinit.with_record(file)


def _put(image: str, target: str) -> None:
    """Copy the disc over the volume, which stays as large as it is: a running machine sees the new one."""
    with open(image, "rb") as source:
        data = source.read()
    with open(target, "r+b") as volume:
        space = volume.seek(0, os.SEEK_END)
        if len(data) > space:
            raise Conflict(f"the cloud-init files need {len(data)} bytes, and '{target}' has {space}; shorten them")
        volume.seek(0)
        volume.write(data + bytes(space - len(data)))
        os.fsync(volume.fileno())


def dump(host: Host, vmid: int, config: Mapping[str, str], part: str) -> str:
    """What the drive would say: ``user`` (without the password), ``network`` or ``meta``."""
    resolver, custom = _resolver(host), _snippets(host, config)
    seed = cloudinit.seed(config, vmid, resolver, custom)
    shown = {**config, "cipassword": "**********"} if "cipassword" in config else config
    user = cloudinit.seed(shown, vmid, resolver, custom).user
    return {"user": user, "network": seed.network, "meta": seed.meta}[part]


def _resolver(host: Host) -> Resolver:
    try:
        with open(host_resolver.PATH, encoding="utf-8", errors="replace") as file:
            found = host_resolver.parse(file.read())
    except OSError:
        return Resolver()
    return Resolver(nameservers=found.servers, search=found.search)


def _snippets(host: Host, config: Mapping[str, str]) -> dict[str, str]:
    """Texts of ``cicustom``: files of snippet storages, by what they replace."""
    catalog = catalog_of(host)
    found = {}
    for part, name in propstring.parse(config.get("cicustom", "")).items():
        volume = VolumeId.parse(name)
        driver = catalog.require(volume.storage, "snippets")
        if driver.parse(volume.name).content != "snippets":
            raise Conflict(f"cicustom: '{name}' is no snippet")
        driver.activate()
        try:
            with open(driver.path(volume.name), encoding="utf-8") as file:
                found[part] = file.read(_TEXT_BYTES)
        except FileNotFoundError as err:
            raise NotFound(f"cicustom: '{name}' does not exist") from err
    return found
