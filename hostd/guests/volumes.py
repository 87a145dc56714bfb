"""Volumes of guests of both kinds: where they are found, how they are called and grow, and removing them."""

from __future__ import annotations

from collections.abc import Iterable

from hostd.core.errors import Conflict, HostError, NotFound
from hostd.core.units import format_size, parse_size
from hostd.guests import config as files
from hostd.guests.config import StoredGuest
from hostd.node.host import Host
from hostd.storage.catalog import Catalog
from hostd.storage.interface import Streams
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog


def catalog_of(host: Host) -> Catalog:
    return Catalog.from_store(host.store, node=host.node, run=host.run)


def give_copy(host: Host, log: TaskLog, copy: StoredGuest, volumes: Iterable[VolumeId], node: str) -> None:
    """A copy's volumes are where the other node sees them, too: nothing but its file goes there."""
    catalog_of(host).deactivate(volumes)
    files.give(host.store, copy, node)
    log.info(f"{copy.where.kind.label} {copy.where.vmid} belongs to node '{node}' now")


def unreferenced_volumes(host: Host, vmid: int) -> list[str]:
    """Volumes on any storage of this node that bear the guest's id."""
    catalog = catalog_of(host)
    found: list[str] = []
    for storage in catalog.here():
        if {"images", "rootdir"} & set(storage.content):
            found += [str(entry.id) for entry in catalog.volumes(storage.id, {"images", "rootdir"}, {}, vmid)]
    return found


def free_volumes(host: Host, log: TaskLog, names: Iterable[str]) -> None:
    """Remove volumes; one that cannot be removed is a warning, one that is gone is none."""
    catalog = catalog_of(host)
    for name in names:
        try:
            catalog.free(VolumeId.parse(name))
            log.info(f"removed volume '{name}'")
        except NotFound:
            log.info(f"volume '{name}' was already gone")
        except HostError as err:
            log.warn(f"could not remove volume '{name}': {err}")


def forget_sent(host: Host, log: TaskLog, names: Iterable[str]) -> None:
    """Remove what a move that was killed left on volumes that it sent with their states; failures are warnings."""
    catalog = catalog_of(host)
    for name in names:
        try:
            volume = VolumeId.parse(name)
            driver = catalog.driver(volume.storage)
            if isinstance(driver, Streams):
                driver.forget_sent(volume.name)
        except HostError as err:
            log.warn(f"volume '{name}': what a move left on it is still there: {err}")


def wanted_size(size: str, now_bytes: int) -> int:
    """Bytes from ``+10G`` (more than now) or ``32G``; Conflict for less than now: what lies there would be lost."""
    grow = size.startswith("+")
    wanted = parse_size(size.lstrip("+")) + (now_bytes if grow else 0)
    if wanted < now_bytes:
        raise Conflict(f"shrinking disks is not supported: it has {format_size(now_bytes)}, asked for was {size}")
    return wanted


def base_id(volume: str) -> str:
    """What a volume is called once it is a base: ``a:100/vm-100-disk-0.raw`` → ``a:100/base-100-disk-0.raw``."""
    head, slash, tail = volume.rpartition("/")
    if not slash:
        head, slash, tail = volume.partition(":")
    return f"{head}{slash}base-{tail.removeprefix('vm-')}"
