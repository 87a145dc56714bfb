"""Copies of machines: full ones, linked ones that share a template's disks, and templates themselves."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from hostd.core.errors import Conflict, HostError
from hostd.core.formats import propstring
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests import membership, snapshots
from hostd.guests.config import StoredGuest
from hostd.guests.macs import cluster_prefix, new_mac
from hostd.guests.marks import held
from hostd.guests.options import is_unused
from hostd.guests.qemu import cloudinit, seeds, tpm
from hostd.guests.qemu import config as keys
from hostd.guests.qemu import plan as planning
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.devices import disk, net
from hostd.guests.qemu.interrupted import opened
from hostd.guests.qemu.machines import Machines
from hostd.guests.qemu.snapshotting import MachineSteps
from hostd.guests.qemu.volumes import where
from hostd.guests.stills import taken_for_copy
from hostd.guests.volumes import catalog_of, give_copy
from hostd.node.host import Host
from hostd.storage import copying
from hostd.storage.catalog import Catalog
from hostd.storage.interface import Feature, VolumeSpec
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

CLONE_LOCK: Final = "clone"
# Small, and of forms that firmware and TPM must have: never linked.
_ALWAYS_COPIED: Final = ("efidisk0", "tpmstate0")
_NOT_COPIED: Final = frozenset({"lock", "parent", "snaptime", "snapstate", "vmstate", "template"})
_STATE_LINES: Final = frozenset({"runningmachine", "runningcpu", "running-nets-host-mtu"})


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a copy is asked to be. ``snapshot`` "": the present state; ``storage`` and ``format`` "": as the source.

    ``target`` "": it stays on this node.
    """

    vmid: int
    name: str = ""
    description: str | None = None
    full: bool = True
    snapshot: str = ""
    storage: str = ""
    format: str = ""
    limit_kib: int = 0
    pool: str = ""
    target: str = ""


def source_values(file: GuestFile, snapshot: str) -> tuple[Mapping[str, str], str]:
    """Values and comment of what is copied."""
    if not snapshot:
        return file.current, file.comment
    return snapshots.find(file, snapshot).values, file.comment


def copied_values(
    values: Mapping[str, str],
    source_vmid: int,
    name: str,
    *,
    now_s: int,
    qemu_version: str,
    random: Callable[[int], bytes],
    mac_prefix: str,
) -> dict[str, str]:
    """The copy's lines, volumes still those of the source: new addresses, new identity, own name. Pure."""
    dropped = _NOT_COPIED | _STATE_LINES
    found = {k: v for k, v in values.items() if k not in dropped and not is_unused(k)}
    for card in net.nics(found):
        found[card.key] = card.with_mac(new_mac(random, mac_prefix)).text()
    if "smbios1" in found:
        parts = propstring.parse(found["smbios1"])
        found["smbios1"] = propstring.format({**parts, "uuid": str(uuid.UUID(bytes=random(16), version=4))})
    if found.get("vmgenid", "0") != "0":
        found["vmgenid"] = str(uuid.UUID(bytes=random(16), version=4))
    found["name"] = name or (f"Copy-of-{values['name']}" if "name" in values else f"Copy-of-VM-{source_vmid}")
    found["meta"] = f"creation-qemu={qemu_version},ctime={now_s}"
    return found


def require_clonable(catalog: Catalog, values: Mapping[str, str], *, full: bool, snapshot: str) -> None:
    """Conflict, naming the drive, where a volume cannot be copied in this way."""
    for key, name in keys.state_volumes(values).items():
        volume = VolumeId.parse(name)
        if not full and key not in _ALWAYS_COPIED and not catalog.can(volume, Feature.CLONE, snapshot):
            raise Conflict(f"Linked clone feature is not supported for drive '{key}' ('{name}'); make a full clone")
        if full and snapshot and not catalog.can(volume, Feature.COPY, snapshot):
            raise Conflict(f"Full clone feature is not supported for drive '{key}' in snapshot '{snapshot}'")


def clone(host: Host, log: TaskLog, vmid: int, wanted: Wanted, *, machines: Machines | None = None) -> None:
    """Make a copy of a machine; what was made of it goes again when a step fails.

    Copies of one machine run at the same time: the source is only kept from changing.
    """
    machines = machines or LibvirtMachines()
    place = where(host, wanted.vmid)
    with files.lock(vmid, shared=True), files.lock(wanted.vmid), Undo() as undo, ExitStack() as stack:
        source = files.load(host.store, where(host, vmid))
        files.check_unlocked(source)
        values, comment = source_values(source.file, wanted.snapshot)
        catalog = catalog_of(host)
        require_clonable(catalog, values, full=wanted.full, snapshot=wanted.snapshot)
        reserved = files.create(host.store, place, GuestFile(current={"lock": CLONE_LOCK}))
        undo.add(host.store.delete, place.path)
        new = copied_values(
            values,
            vmid,
            wanted.name,
            now_s=int(time.time()),
            qemu_version=machines.qemu_version(),
            random=os.urandom,
            mac_prefix=cluster_prefix(host.store),
        )
        state = wanted.snapshot or _still_state(host, log, source, wanted, machines, stack)
        for key, name in keys.state_volumes(values).items():
            volume = VolumeId.parse(name)
            made = _copy_volume(host, log, catalog, key, volume, wanted, state)
            undo.add(catalog.free, made)
            new[key] = planning.with_volume(key, new[key], made, catalog.volume(made).size_bytes)
        if (drive := cloudinit.drive(new)) and drive.volume:
            made = _new_seed_volume(catalog, drive, wanted)
            undo.add(catalog.free, made)
            new[drive.slot] = drive.with_volume(made, None).text()
        notes = comment if wanted.description is None else wanted.description
        file = seeds.written(host, log, wanted.vmid, GuestFile(comment=notes, current=new))
        saved = files.save(host.store, reserved, file)
        if wanted.pool:
            membership.join_pool(host.store, wanted.vmid, wanted.pool)
        undo.keep()
        log.info(f"VM {wanted.vmid} is a {'full' if wanted.full else 'linked'} clone of VM {vmid}")
        if wanted.target:
            names = keys.volumes(saved.file.current, unused=False).values()
            give_copy(host, log, saved, map(VolumeId.parse, names), wanted.target)


def _copy_volume(
    host: Host, log: TaskLog, catalog: Catalog, key: str, volume: VolumeId, wanted: Wanted, state: str
) -> VolumeId:
    if not wanted.full and key not in _ALWAYS_COPIED:
        log.info(f"{key}: linked clone of '{volume}'")
        return catalog.clone(volume, wanted.vmid, wanted.snapshot)
    log.info(f"{key}: full clone of '{volume}'")
    format = "" if key in _ALWAYS_COPIED else wanted.format
    storage = wanted.storage or volume.storage
    if key in _ALWAYS_COPIED and catalog.format(volume) == "raw":
        format = "raw"
    made = copying.copy(
        catalog, host.run, volume, storage, wanted.vmid, format=format, snapshot=state, limit_kib=wanted.limit_kib
    )
    tpm.grow(catalog, key, made)
    return made


def _still_state(
    host: Host, log: TaskLog, source: StoredGuest, wanted: Wanted, machines: Machines, stack: ExitStack
) -> str:
    """The state to copy from: of a running machine one that is made for the copy and removed after it, else ""."""
    if not wanted.full or machines.state(source.where.vmid) is None:
        return ""
    steps = MachineSteps(host, log, source, machines)
    try:
        steps.require_feature(source.file.current)
    except HostError as err:
        vmid = source.where.vmid
        raise Conflict(
            f"VM {vmid} is running and its disks cannot be copied as they are: {err}; stop it first"
        ) from err
    volumes = keys.state_volumes(source.file.current).values()
    return taken_for_copy(steps, source.where.vmid, wanted.vmid, volumes, stack)


def _new_seed_volume(catalog: Catalog, drive: disk.Disk, wanted: Wanted) -> VolumeId:
    storage = wanted.storage or (drive.volume.storage if drive.volume else "")
    name = f"vm-{wanted.vmid}-cloudinit"
    spec = VolumeSpec(vmid=wanted.vmid, size_bytes=planning.CLOUDINIT_BYTES, format="raw", name=name)
    return catalog.allocate(storage, spec, "images")


def make_template(host: Host, log: TaskLog, vmid: int, *, only: str = "", machines: Machines | None = None) -> None:
    """Turn a machine (or one disk of it, ``only``) into a template: its disks are never written again.

    After each disk the file is written, so that it names what there is at any time.
    """
    machines = machines or LibvirtMachines()
    with files.lock(vmid), Undo() as undo:
        guest = opened(host, log, vmid, machines=machines)
        if guest.file.snapshots:
            raise Conflict(f"VM {vmid} has snapshots; remove them first: a template has none")
        if machines.state(vmid) is not None:
            raise Conflict(f"you can't convert a VM to template if VM is running: stop VM {vmid} first")
        if only and only not in keys.state_volumes(guest.file.current):
            raise Conflict(f"disk '{only}' does not exist")
        guest = held(host, guest, "create", undo)
        undo.keep()
        try:
            guest = _make_bases(host, log, guest, only)
        finally:
            guest = files.load(host.store, guest.where)
            current = {k: v for k, v in guest.file.current.items() if k != "lock"}
            files.save(host.store, guest, replace(guest.file, current=current))
    log.info(f"VM {vmid} is a template")


def _make_bases(host: Host, log: TaskLog, guest: StoredGuest, only: str) -> StoredGuest:
    catalog = catalog_of(host)
    for key, name in keys.state_volumes(guest.file.current).items():
        if key in _ALWAYS_COPIED or (only and key != only):
            continue
        volume = VolumeId.parse(name)
        if not catalog.can(volume, Feature.TEMPLATE):
            raise Conflict(f"{key}: '{name}' cannot become a base; its storage has no linked clones")
    for key, name in keys.state_volumes(guest.file.current).items():
        if key in _ALWAYS_COPIED or (only and key != only):
            continue
        volume = VolumeId.parse(name)
        if catalog.driver(volume.storage).parse(volume.name).is_base:
            continue
        made = catalog.make_base(volume)
        log.info(f"{key}: '{volume}' is now '{made}'")
        changed = guest.file.current[key].replace(name, str(made), 1)
        guest = files.save(host.store, guest, replace(guest.file, current={**guest.file.current, key: changed}))
    if not only:
        guest = files.save(host.store, guest, replace(guest.file, current={**guest.file.current, "template": "1"}))
    return guest


def has_feature(host: Host, file: GuestFile, feature: str, snapshot: str) -> bool:
    """Whether all disks of a machine (or of its snapshot) can do ``snapshot``, ``clone`` or ``copy``."""
    values, _comment = source_values(file, snapshot)
    catalog = Catalog.from_mirror(host.mirror, node=host.node, run=host.run)
    volumes = [VolumeId.parse(name) for key, name in keys.state_volumes(values).items() if key not in _ALWAYS_COPIED]
    return all(catalog.can(volume, Feature(feature), snapshot) for volume in volumes)
