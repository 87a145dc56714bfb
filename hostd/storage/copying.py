"""A full copy of a volume, from any storage to any other, in any format that the target can hold."""

from __future__ import annotations

import contextlib
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import Conflict, Unsupported
from hostd.core.run import Run
from hostd.core.undo import Undo
from hostd.storage.catalog import Catalog
from hostd.storage.interface import Driver, Snapshots, VolumeSpec
from hostd.storage.volume import Content, VolumeId

# Copies take as long as they take; this only ends one that hangs for ever.
_LONG_S: Final = 7 * 24 * 3600.0
_KIB: Final = 1024


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is read: a path in a format. ``state``: a state inside of the image, empty for its present contents."""

    path: str
    format: str
    state: str = ""


def convert_argv(source: Source, path: str, format: str, *, limit_kib: int = 0, zeroed: bool = False) -> list[str]:
    """``qemu-img convert`` into a volume that is there. ``limit_kib``: KiB a second, 0 for none.

    ``zeroed``: the target reads as zeroes already, so that only data is written. The formats are always named: an image
    whose format is guessed could name any file of the host as its backing file. ``-U`` reads what a guest has open.
    """
    state = ["-l", f"snapshot.name={source.state}"] if source.state else []
    rate = ["-r", f"{limit_kib * _KIB}"] if limit_kib else []
    zero = ["--target-is-zero"] if zeroed else []
    cache = ["-t", "none", "-T", "none"] if path.startswith("/dev/") else []
    named = ["-f", source.format, "-O", format]
    return ["qemu-img", "convert", "-U", "-n", *cache, *zero, *rate, *state, *named, source.path, path]


def tree_argv(source: str, target: str) -> list[str]:
    """The contents of a folder with owners, ACLs, attributes, hard links and holes; other mounts are left out."""
    return ["cp", "-a", "-x", "--sparse=always", "--reflink=auto", f"{source}/.", target]


def copy(
    catalog: Catalog,
    run: Run,
    source: VolumeId,
    storage: str,
    vmid: int,
    *,
    content: str = "images",
    format: str = "",
    name: str = "",
    snapshot: str = "",
    limit_kib: int = 0,
) -> VolumeId:
    """Copy a volume (or its snapshot) to a storage as a new volume of a guest; on any failure nothing stays behind.

    ``format`` empty: that of the source where the target can hold it, else the target's default. The result is at least
    as large as the source. Raises Unsupported between a folder and an image.
    """
    driver = catalog.driver(source.storage)
    target = catalog.require(storage, content)
    volume = driver.volume(source.name)
    formats = target.info.formats
    wanted = format or (volume.format if volume.format in formats else formats[0])
    if (volume.format == "subvol") != (wanted == "subvol"):
        raise Unsupported(f"cannot copy '{source}' ({volume.format}) to '{storage}' as {wanted}: folder and image")
    with ExitStack() as stack, Undo() as undo:
        read = _source(driver, source, volume.format, snapshot, stack)
        unlimited = wanted == "subvol" and target.info.container_format != "subvol"  # a folder's size has no limit
        size = 0 if unlimited else volume.size_bytes
        spec = VolumeSpec(vmid=vmid, size_bytes=size, format=wanted, name=name)
        made = catalog.allocate(storage, spec, content)
        undo.add(catalog.free, made)
        catalog.activate([made])
        path = catalog.path(made)
        if wanted == "subvol":
            run(tree_argv(read.path, path), timeout_s=_LONG_S)
        else:
            zeroed = wanted in target.info.image_files
            run(convert_argv(read, path, wanted, limit_kib=limit_kib, zeroed=zeroed), timeout_s=_LONG_S)
        catalog.deactivate([made])
        undo.keep()
    return made


def _source(driver: Driver, source: VolumeId, format: str, snapshot: str, stack: ExitStack) -> Source:
    """Make the volume or its state readable until the stack is left. A volume stays active: its guest may run."""
    driver.activate()
    driver.activate_volume(source.name)
    if not snapshot:
        return Source(path=driver.path(source.name), format=format)
    if not isinstance(driver, Snapshots):
        raise Unsupported(f"volume '{source}' has no snapshots")
    if format in driver.info.image_files and format == "qcow2":
        return Source(path=driver.path(source.name), format=format, state=snapshot)
    driver.activate_snapshot(source.name, snapshot)
    stack.callback(driver.deactivate_snapshot, source.name, snapshot)
    return Source(path=driver.snapshot_path(source.name, snapshot), format=format)


def empty_copy(catalog: Catalog, source: VolumeId, storage: str, vmid: int, *, format: str = "") -> VolumeId:
    """A new volume as large as ``source``, in its format where the storage can hold it, for a running guest to fill."""
    target = catalog.require(storage, "images")
    volume = catalog.volume(source)
    formats = target.info.formats
    wanted = format or (volume.format if volume.format in formats else formats[0])
    return catalog.allocate(storage, VolumeSpec(vmid=vmid, size_bytes=volume.size_bytes, format=wanted), "images")


def copy_to(catalog: Catalog, run: Run, source: VolumeId, target: VolumeId) -> VolumeId:
    """A copy under a given id. Files (images of media, templates, backups) go to storages of files.

    Conflict where there is something already.
    """
    parsed = catalog.driver(source.storage).parse(source.name)
    wanted = catalog.driver(target.storage).parse(target.name)
    if parsed.content != wanted.content:
        raise Conflict(f"'{source}' is of content '{parsed.content}', '{target}' of '{wanted.content}'")
    if wanted.content is Content.IMAGES:
        if wanted.vmid is None:
            raise Conflict(f"'{target}' belongs to no guest")
        name = wanted.name.removesuffix(f".{wanted.format}")
        return copy(catalog, run, source, target.storage, wanted.vmid, format=wanted.format, name=name)
    driver = catalog.require(target.storage, wanted.content)
    driver.activate()
    path = catalog.path(target)
    if os.path.lexists(path):
        raise Conflict(f"volume '{target}' already exists")
    part = f"{os.path.dirname(path)}/.{os.path.basename(path)}.part"
    try:
        run(["cp", "--reflink=auto", "--sparse=auto", "--", catalog.path(source), part], timeout_s=_LONG_S)
        os.rename(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
    return target
