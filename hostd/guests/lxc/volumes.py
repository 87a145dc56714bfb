"""The volumes of a container as file systems: made, mounted. Argument lists here are pure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from hostd.core.errors import Conflict, Unsupported
from hostd.core.run import Run
from hostd.guests.lxc.identities import owner_of
from hostd.guests.lxc.mounts import MountPoint
from hostd.storage.catalog import Catalog
from hostd.storage.volume import VolumeId

_MKFS_S = 300
# Options of mount(8) that belong to a file system, not to a mount of its folder somewhere else.
_OF_FILE_SYSTEMS = frozenset(("discard", "lazytime", "acl", "noacl"))


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a volume is. ``kind``: ``image`` (a file), ``block`` (a device) or ``folder``."""

    path: str
    kind: str


def source_of(catalog: Catalog, volume: VolumeId) -> Source:
    """Where a volume is on this node; nothing is touched. Unsupported for image formats that cannot be mounted."""
    format, path = catalog.format(volume), catalog.path(volume)
    if format == "subvol":
        return Source(path=path, kind="folder")
    if format != "raw":
        raise Unsupported(f"volume '{volume}': a container cannot use format '{format}'")
    return Source(path=path, kind="block" if path.startswith("/dev/") else "image")


def mount_argv(source: Source, target: str, options: Sequence[str]) -> list[str]:
    """Mount a volume. A loop device made for an image goes away with its mount."""
    if source.kind == "folder":
        words = ["bind", *(word for word in options if word not in _OF_FILE_SYSTEMS)]
        return ["mount", "-o", ",".join(words), source.path, target]
    words = ["loop", *options] if source.kind == "image" else list(options)
    return ["mount", "-t", "ext4", *(["-o", ",".join(words)] if words else []), source.path, target]


def mkfs_argv(path: str, owner: int) -> list[str]:
    """An empty file system whose root belongs to the container's root; nothing is held back for the host's."""
    return ["mkfs.ext4", "-q", "-F", "-m", "0", "-E", f"root_owner={owner}:{owner}", path]


def format_volume(run: Run, source: Source, *, unprivileged: bool) -> None:
    """Make a fresh volume ready to be mounted by a container."""
    owner = owner_of(unprivileged)
    if source.kind == "folder":
        os.chown(source.path, owner, owner)
        os.chmod(source.path, 0o755)
    else:
        run(mkfs_argv(source.path, owner), timeout_s=_MKFS_S)


def source_of_point(catalog: Catalog, point: MountPoint) -> Source:
    """What a mount point mounts: a volume, or a folder or device of the host. Conflict where that is not there."""
    if not point.is_path:
        return source_of(catalog, point.volume)
    if os.path.isdir(point.source):
        return Source(path=point.source, kind="folder")
    if point.source.startswith("/dev/") and os.path.exists(point.source):
        return Source(path=point.source, kind="block")
    raise Conflict(f"{point.key}: '{point.source}' is neither a folder nor a device of this host")


def mount_options(point: MountPoint, *, unprivileged: bool) -> list[str]:
    """Options of mount(8) for a container that runs.

    Control groups do not keep an unprivileged container from devices (LXC's userns.conf): it can make no nodes, and one
    that came to its volume in another way (from a privileged container, by the host's root) must not open anything.
    What the host gives on purpose, folders and devices, is as the host has it.
    """
    return [*(["nodev"] if unprivileged and not point.is_path else []), *point.options]


def mount_all(
    run: Run, catalog: Catalog, points: Sequence[MountPoint], targets: Sequence[str], *, unprivileged: bool
) -> None:
    """Mount volumes in order, each on its own target, as the configuration's options say."""
    for point, target in zip(points, targets, strict=True):
        os.makedirs(target, exist_ok=True)
        options = mount_options(point, unprivileged=unprivileged)
        run(mount_argv(source_of_point(catalog, point), target, options), timeout_s=60)
