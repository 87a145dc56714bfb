"""Tasks on storages: putting an uploaded file in its place, removing a volume.

They stand on the guests' floor because removing asks whether a guest still uses the volume.
"""

from __future__ import annotations

import os
import secrets
from typing import Final

from hostd.cluster.store import Mirror
from hostd.core.errors import Conflict, HostError, NotFound
from hostd.core.formats.keyvalue import parse_guest
from hostd.guests.config import GuestKind, GuestPath, parse_path
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage.copying import copy_to
from hostd.storage.download import Source, fetch
from hostd.storage.interface import VolumeSpec
from hostd.storage.retention import Mark, mark, parse_keep
from hostd.storage.upload import place, target_path
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task

# Root's own folder beside that of the uploads, so that taking a file over is a rename.
TAKEN: Final = "taken"


def take_over(path: str) -> str:
    """Move an upload out of the unprivileged daemon's reach; returns where it is now. NotFound when it is not there."""
    folder = os.path.join(os.path.dirname(os.path.dirname(path)), TAKEN)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    taken = os.path.join(folder, secrets.token_hex(16))
    try:
        os.rename(path, taken)
    except FileNotFoundError as err:
        raise NotFound(f"there is no uploaded file '{path}'") from err
    return taken


@task("imgcopy")
def copy_upload(
    host: Host,
    log: TaskLog,
    *,
    storage: str,
    content: str,
    filename: str,
    source: str,
    algorithm: str = "",
    checksum: str = "",
) -> None:
    """Verify an uploaded file and put it into a storage; an older file of that name is replaced."""
    catalog = catalog_of(host)
    try:
        target = target_path(catalog, storage, content, filename)
        catalog.driver(storage).activate()
    except BaseException:
        os.unlink(source)
        raise
    log.info(f"target file: {target}")
    size = place(source, target, algorithm=algorithm, checksum=checksum)
    if algorithm:
        log.info(f"{algorithm} checksum verified")
    log.info(f"finished, {size} bytes")


@task("imgalloc")
def allocate(host: Host, log: TaskLog, *, storage: str, vmid: int, name: str, size_bytes: int, format: str) -> None:
    """Make a disk of a wished name for a guest."""
    catalog = catalog_of(host)
    spec = VolumeSpec(vmid=vmid, size_bytes=size_bytes, format=format, name=name)
    log.info(f"created '{catalog.allocate(storage, spec, 'images')}'")


@task("imgdel")
def delete_volume(host: Host, log: TaskLog, *, volume: str) -> None:
    """Remove a volume that no guest refers to."""
    catalog = catalog_of(host)
    parsed = VolumeId.parse(volume)
    catalog.free(parsed)
    log.info(f"removed volume '{volume}'")


@task("download")
def download(
    host: Host,
    log: TaskLog,
    *,
    storage: str,
    content: str,
    filename: str,
    url: str,
    verify: bool = True,
    proxy: str = "",
    algorithm: str = "",
    checksum: str = "",
    compression: str = "",
) -> None:
    """Fetch a file from the web into a storage; a file of that name must not be there yet."""
    catalog = catalog_of(host)
    target = target_path(catalog, storage, content, filename)
    catalog.driver(storage).activate()
    log.info(f"downloading {url} to {target}")

    def told(done: int, total: int) -> None:
        if total:
            log.progress(done / total)

    size = fetch(
        Source(url=url, verify=verify, proxy=proxy),
        target,
        host.run,
        algorithm=algorithm,
        checksum=checksum,
        compression=compression,
        progress=told,
    )
    if algorithm:
        log.info(f"{algorithm} checksum verified")
    log.info(f"finished, {size} bytes")


@task("volcopy")
def copy_volume(host: Host, log: TaskLog, *, source: str, target: str) -> None:
    """Copy a volume on this node: a disk to a storage of any type, a file to a storage of files."""
    catalog = catalog_of(host)
    log.info(f"copying '{source}' to '{target}'")
    made = copy_to(catalog, host.run, VolumeId.parse(source), VolumeId.parse(target))
    log.info(f"created '{made}'")


@task("prunebackups")
def prune_backups(
    host: Host, log: TaskLog, *, storage: str, rule: str = "", vmid: int | None = None, kind: str = ""
) -> None:
    """Remove the backups of a storage that no rule keeps; one that cannot be removed does not stop the others."""
    catalog = catalog_of(host)
    keep = parse_keep(rule or catalog.file.get(storage).text("prune-backups", "keep-all=1"))
    found = [listed.as_backup() for listed in catalog.volumes(storage, {"backup"}, {}, vmid)]
    failed = 0
    for marked in mark(found, keep, vmid=vmid, type=kind):
        log.info(f"{marked.mark:<9} {marked.backup.volid}")
        if marked.mark is not Mark.REMOVE:
            continue
        try:
            catalog.free(VolumeId.parse(marked.backup.volid))
        except (HostError, OSError) as err:
            failed += 1
            log.warn(f"cannot remove '{marked.backup.volid}': {err}")
    if failed:
        raise HostError(f"{failed} backups could not be removed")


def users(mirror: Mirror, volume: VolumeId) -> list[GuestPath]:
    """Guests whose files name the volume, in any section."""
    word = str(volume).encode()
    found = []
    for file in mirror.glob("nodes/"):
        where = parse_path(file.path)
        if where is not None and word in file.data and str(volume) in _words(where.kind, file.data):
            found.append(where)
    return found


def _words(kind: GuestKind, data: bytes) -> set[str]:
    guest = parse_guest(data.decode(errors="replace"), pending=kind.pending)
    sections = [guest.current, guest.pending, *(s.values for s in guest.snapshots.values())]
    parts = (part for values in sections for value in values.values() for part in value.split(","))
    return {part.removeprefix("file=").removeprefix("volume=") for part in parts}


def require_unused(mirror: Mirror, volume: VolumeId) -> None:
    """Conflict, naming the guests, while one of them refers to the volume."""
    if guests := users(mirror, volume):
        names = ", ".join(f"{g.kind.label} {g.vmid}" for g in guests)
        raise Conflict(f"cannot remove '{volume}': it is used by {names}; detach it there first")
