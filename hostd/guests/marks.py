"""The mark ``lock`` in a guest's file while an operation is under way that its other lines do not tell of yet."""

from __future__ import annotations

from dataclasses import replace

from hostd.core.formats.keyvalue import GuestFile
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests.config import StoredGuest
from hostd.node.host import Host


def held(host: Host, guest: StoredGuest, mark: str, undo: Undo) -> StoredGuest:
    """Mark the guest while volumes are made that its file does not name yet."""
    marked = files.save(host.store, guest, replace(guest.file, current={**guest.file.current, "lock": mark}))
    undo.add(_unmark, host, marked)
    return marked


def without_mark(file: GuestFile) -> GuestFile:
    """The file without a mark."""
    return replace(file, current={k: v for k, v in file.current.items() if k != "lock"})


def unmarked(host: Host, guest: StoredGuest) -> StoredGuest:
    """Take the mark away; the guest's file is as it was read."""
    return files.save(host.store, guest, without_mark(guest.file))


def _unmark(host: Host, guest: StoredGuest) -> None:
    unmarked(host, files.load(host.store, guest.where))
