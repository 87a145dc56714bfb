"""Guests' files in the tree: where they lie, reading and writing them with a digest, locks.

A guest id exists once in the cluster; the folder of its file says which node runs it. The digest is the SHA-1 of the
file's bytes, as in the reference.
"""

from __future__ import annotations

import functools
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum

from hostd.cluster import locks
from hostd.cluster.store import File, Mirror, Store
from hostd.core.digest import digest
from hostd.core.errors import Changed, Conflict, NotFound
from hostd.core.formats.keyvalue import LXC_PENDING, QEMU_PENDING, GuestFile, format_guest, parse_guest

_PATH = re.compile(r"nodes/([^/]+)/(qemu-server|lxc)/([1-9]\d{2,8})\.conf\Z")
LOWEST_ID, HIGHEST_ID = 100, 999_999_999
LOCK_S = 10.0


class GuestKind(StrEnum):
    """The two kinds of guest, by the names that the API's paths use."""

    QEMU = "qemu"
    LXC = "lxc"

    @property
    def folder(self) -> str:
        return "qemu-server" if self is GuestKind.QEMU else "lxc"

    @property
    def label(self) -> str:
        """How messages call such a guest."""
        return "VM" if self is GuestKind.QEMU else "CT"

    @property
    def pending(self) -> str:
        """The section of the file for changes that wait."""
        return QEMU_PENDING if self is GuestKind.QEMU else LXC_PENDING


@dataclass(frozen=True, kw_only=True)
class GuestPath:
    """What a path in the tree says about a guest."""

    node: str
    kind: GuestKind
    vmid: int

    @property
    def path(self) -> str:
        return f"nodes/{self.node}/{self.kind.folder}/{self.vmid}.conf"


@dataclass(frozen=True, kw_only=True)
class StoredGuest:
    """A guest's file as it was read. ``version`` guards the next write."""

    where: GuestPath
    file: GuestFile
    digest: str
    version: int


@functools.lru_cache(maxsize=32768)
def parse_path(path: str) -> GuestPath | None:
    """The guest whose file this is, or None for another file. Remembered: lists ask for every file each time."""
    match = _PATH.match(path)
    if match is None:
        return None
    kind = GuestKind.QEMU if match.group(2) == "qemu-server" else GuestKind.LXC
    return GuestPath(node=match.group(1), kind=kind, vmid=int(match.group(3)))


def from_file(where: GuestPath, file: File) -> StoredGuest:
    parsed = parse_guest(file.data.decode(errors="replace"), pending=where.kind.pending)
    return StoredGuest(where=where, file=parsed, digest=digest(file.data), version=file.version)


def load(store: Store, where: GuestPath) -> StoredGuest:
    """The guest as it is now; NotFound with the text by which clients recognise absence."""
    try:
        return from_file(where, store.read(where.path))
    except NotFound as err:
        raise missing(where) from err


def show(mirror: Mirror, where: GuestPath) -> StoredGuest:
    """The guest as the copy in memory has it."""
    file = mirror.get(where.path)
    if file is None:
        raise missing(where)
    return from_file(where, file)


def missing(where: GuestPath) -> NotFound:
    return NotFound(f"Configuration file '{where.path}' does not exist")


def save(store: Store, guest: StoredGuest, file: GuestFile) -> StoredGuest:
    """Write the guest's file if nobody else did since it was read; Conflict otherwise."""
    data = format_guest(file, pending=guest.where.kind.pending).encode()
    return from_file(guest.where, store.write(guest.where.path, data, if_version=guest.version))


def create(store: Store, where: GuestPath, file: GuestFile) -> StoredGuest:
    """Write a new guest's file; Conflict when the id is taken anywhere in the cluster."""
    data = format_guest(file, pending=where.kind.pending).encode()
    try:
        return from_file(where, store.write(where.path, data, if_version=0))
    except Conflict as err:
        raise Conflict(f"unable to create {where.kind.label} {where.vmid} - {err}") from err


def give(store: Store, guest: StoredGuest, node: str) -> None:
    """Hand a guest over to another node: its file is renamed, for all nodes at once. Conflict where it was changed."""
    store.rename(guest.where.path, replace(guest.where, node=node).path, if_version=guest.version)


def find(mirror: Mirror, vmid: int) -> GuestPath | None:
    """Where in the cluster a guest is."""
    return next((where for f in mirror.glob("nodes/") if (where := parse_path(f.path)) and where.vmid == vmid), None)


def require_free(mirror: Mirror, kind: GuestKind, vmid: int) -> None:
    """Conflict, in the words that clients know, when the id is in use."""
    if other := find(mirror, vmid):
        what = f"{other.kind.label} {vmid} already exists on node '{other.node}'"
        raise Conflict(f"unable to create {kind.label} {vmid} - {what}")


def lock(vmid: int, timeout_s: float = LOCK_S, *, shared: bool = False) -> AbstractContextManager[None]:
    """The node's lock on a guest, held by whatever changes its file or state; ``shared``: by who only reads it."""
    return locks.local_lock(f"vm-{vmid}", timeout_s, locks.DIRECTORY, shared=shared)


def check_digest(guest: StoredGuest, wanted: str) -> None:
    if wanted and wanted != guest.digest:
        raise Changed("checksum mismatch (file change by other user?)")


def check_unlocked(guest: StoredGuest, *, skip: bool = False) -> None:
    """A longer operation marks the guest by the key ``lock``; Conflict while it is there."""
    if (mark := guest.file.current.get("lock")) and not skip:
        raise Conflict(f"{guest.where.kind.label} is locked ({mark})")
