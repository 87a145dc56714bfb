"""Copies of containers: full ones, linked ones that share a template's volumes, and templates themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from hostd.core.errors import Conflict, HostError
from hostd.core.formats.keyvalue import GuestFile, GuestSection
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests import membership, snapshots
from hostd.guests.config import StoredGuest
from hostd.guests.lxc import config as keys
from hostd.guests.lxc import copies, lifecycle, mounts, network
from hostd.guests.lxc.copies import Copied
from hostd.guests.lxc.create import remember_files, renew_identity
from hostd.guests.lxc.engine import Engine, SystemdEngine
from hostd.guests.lxc.interrupted import DISK_LOCK, opened
from hostd.guests.lxc.mounts import MountPoint
from hostd.guests.lxc.ownership import where
from hostd.guests.lxc.snapshotting import ContainerSteps
from hostd.guests.macs import cluster_prefix, new_mac
from hostd.guests.marks import held
from hostd.guests.options import is_unused
from hostd.guests.stills import taken_for_copy
from hostd.guests.volumes import catalog_of, give_copy
from hostd.node.host import Host
from hostd.storage.catalog import Catalog
from hostd.storage.interface import Feature, State
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

_MAKING: Final = "create"
_NOT_COPIED: Final = frozenset({"lock", "parent", "snaptime", "snapstate", "template"})


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a copy is asked to be. ``snapshot`` "": the present state; ``storage`` "": where the source is.

    ``target`` "": it stays on this node.
    """

    vmid: int
    hostname: str = ""
    description: str | None = None
    full: bool = True
    snapshot: str = ""
    storage: str = ""
    limit_kib: int = 0
    pool: str = ""
    target: str = ""


def source_section(file: GuestFile, snapshot: str) -> GuestSection:
    """What is copied, with the notes of the container itself."""
    if not snapshot:
        return GuestSection(comment=file.comment, values=file.current, raw=file.raw)
    return replace(snapshots.find(file, snapshot), comment=file.comment)


def copied_values(
    values: Mapping[str, str], source_vmid: int, hostname: str, random: Callable[[int], bytes], mac_prefix: str
) -> dict[str, str]:
    """The copy's lines, volumes still those of the source: new addresses of cards, a name of its own. Pure."""
    found = {k: v for k, v in values.items() if k not in _NOT_COPIED and not is_unused(k)}
    for nic in network.nics(found):
        found[nic.key] = nic.with_mac(new_mac(random, mac_prefix)).text()
    found["hostname"] = hostname or f"Copy-of-{values.get('hostname') or keys.default_hostname(source_vmid)}"
    return found


def volumes_of(values: Mapping[str, str]) -> list[MountPoint]:
    """Mount points that have a volume; those of the host's own folders and devices are not copied."""
    return [point for point in mounts.mount_points(values) if not point.is_path]


def require_clonable(catalog: Catalog, values: Mapping[str, str], *, full: bool, snapshot: str) -> None:
    """Conflict, naming the mount point, where a volume cannot be copied in this way."""
    for point in volumes_of(values):
        if not full and not can_link(catalog, point.volume, snapshot):
            raise Conflict(
                f"Linked clone feature is not supported for '{point.key}' ('{point.volume}'); make a full clone"
            )
        if full and snapshot and not catalog.can(point.volume, Feature.COPY, snapshot):
            raise Conflict(f"Full clone feature is not supported for '{point.key}' in snapshot '{snapshot}'")


def can_link(catalog: Catalog, volume: VolumeId, snapshot: str = "") -> bool:
    """Whether linked copies of a volume are of its own format, as containers need it.

    Storages of files without states of their own make overlays of QEMU's instead.
    """
    states = catalog.driver(volume.storage).info.features.get(Feature.SNAPSHOT, {}).get(State.CURRENT, frozenset())
    return catalog.format(volume) in states and catalog.can(volume, Feature.CLONE, snapshot)


def clone(host: Host, log: TaskLog, vmid: int, wanted: Wanted, *, engine: Engine | None = None) -> None:
    """Make a copy of a container; what was made of it goes again when a step fails.

    Copies of one container are made at the same time: the source is only kept from changing.
    """
    engine = engine or SystemdEngine(host)
    place = where(host, wanted.vmid)
    with files.lock(vmid, shared=True), files.lock(wanted.vmid), Undo() as undo, ExitStack() as stack:
        source = files.load(host.store, where(host, vmid))
        files.check_unlocked(source)
        section = source_section(source.file, wanted.snapshot)
        catalog = catalog_of(host)
        require_clonable(catalog, section.values, full=wanted.full, snapshot=wanted.snapshot)
        reserved = files.create(host.store, place, GuestFile(current={"lock": _MAKING}))
        undo.add(host.store.delete, place.path)
        undo.add(lifecycle.remove_runtime_files, wanted.vmid)
        new = copied_values(section.values, vmid, wanted.hostname, os.urandom, cluster_prefix(host.store))
        state = wanted.snapshot or _still_state(host, log, source, wanted, engine, stack)
        for point in volumes_of(section.values):
            made, size = _copy_volume(host, log, catalog, point, wanted, state, keys.is_unprivileged(section.values))
            undo.add(catalog.free, made)
            new[point.key] = point.with_volume(made, size).text()
        notes = section.comment if wanted.description is None else wanted.description
        file = keys.without_forbidden(GuestFile(comment=notes, current=new, raw=section.raw))
        container = keys.parse_container(wanted.vmid, file)
        renew_identity(host, catalog, container)
        saved = files.save(host.store, reserved, file)
        remember_files(container)
        if wanted.pool:
            membership.join_pool(host.store, wanted.vmid, wanted.pool)
        undo.keep()
        log.info(f"CT {wanted.vmid} is a {'full' if wanted.full else 'linked'} clone of CT {vmid}")
        if wanted.target:
            lifecycle.remove_runtime_files(wanted.vmid)
            give_copy(host, log, saved, (point.volume for point in volumes_of(new)), wanted.target)


def _copy_volume(
    host: Host, log: TaskLog, catalog: Catalog, point: MountPoint, wanted: Wanted, state: str, unprivileged: bool
) -> tuple[VolumeId, int]:
    """The copy and its size, 0 where it has no limit."""
    volume = point.volume
    size = catalog.volume(volume).size_bytes or point.size_bytes
    if not wanted.full:
        log.info(f"{point.key}: linked clone of '{volume}'")
        return catalog.clone(volume, wanted.vmid, wanted.snapshot), size
    log.info(f"{point.key}: full clone of '{volume}'")
    what = Copied(
        source=volume,
        storage=wanted.storage or volume.storage,
        vmid=wanted.vmid,
        size_bytes=size,
        unprivileged=unprivileged,
        snapshot=state,
        limit_kib=wanted.limit_kib,
    )
    return copies.copy(catalog, host.run, what), size


def _still_state(
    host: Host, log: TaskLog, source: StoredGuest, wanted: Wanted, engine: Engine, stack: ExitStack
) -> str:
    """The states from which a running container is copied, made for the copy and removed after it, else ""."""
    vmid = source.where.vmid
    if not wanted.full or not engine.running(vmid):
        return ""
    steps = ContainerSteps(host, log, source, engine)
    try:
        steps.require_feature(source.file.current)
    except HostError as err:
        raise Conflict(
            f"CT {vmid} is running and its volumes cannot be copied as they are: {err}; shut it down first"
        ) from err
    return taken_for_copy(steps, vmid, wanted.vmid, keys.state_volumes(source.file.current).values(), stack)


def make_template(host: Host, log: TaskLog, vmid: int, *, engine: Engine | None = None) -> None:
    """Turn a container into a template: its volumes are never written again.

    After each volume the file is written, so that it names what there is at any time.
    """
    engine = engine or SystemdEngine(host)
    with files.lock(vmid), Undo() as undo:
        guest = opened(host, log, vmid, engine=engine)
        if guest.file.snapshots:
            raise Conflict(f"CT {vmid} has snapshots; remove them first: a template has none")
        if engine.running(vmid):
            raise Conflict(f"you can't convert a CT to template if the CT is running: shut CT {vmid} down first")
        catalog = catalog_of(host)
        for point in volumes_of(guest.file.current):
            if not catalog.can(point.volume, Feature.TEMPLATE):
                raise Conflict(f"{point.key}: '{point.volume}' cannot become a base; its storage has no linked clones")
        guest = held(host, guest, DISK_LOCK, undo)
        for point in volumes_of(guest.file.current):
            made = catalog.make_base(point.volume)
            undo.keep()  # there is no way back from a base; the file names what there is
            log.info(f"{point.key}: '{point.volume}' is now '{made}'")
            current = {**guest.file.current, point.key: point.with_volume(made, point.size_bytes).text()}
            guest = files.save(host.store, guest, replace(guest.file, current=current))
        current = {k: v for k, v in guest.file.current.items() if k != "lock"} | {"template": "1"}
        files.save(host.store, guest, replace(guest.file, current=current))
        undo.keep()
    log.info(f"CT {vmid} is a template")


def has_feature(host: Host, file: GuestFile, feature: str, snapshot: str) -> bool:
    """Whether all volumes of a container (or of its snapshot) can do ``snapshot``, ``clone`` or ``copy``."""
    catalog = Catalog.from_mirror(host.mirror, node=host.node, run=host.run)
    points = volumes_of(source_section(file, snapshot).values)
    if Feature(feature) is Feature.CLONE:
        return all(can_link(catalog, point.volume, snapshot) for point in points)
    return all(catalog.can(point.volume, Feature(feature), snapshot) for point in points)
