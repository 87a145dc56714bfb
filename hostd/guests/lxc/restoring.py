"""The configuration in a container's backup becomes that of a restored container. Pure.

Volumes are made anew, folders and devices of the host and what reaches into it only for who may give it, cards keep
their addresses unless the container is to be another one (``unique``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import Conflict, Denied, HostError, ParseError
from hostd.core.formats import propstring
from hostd.core.formats.keyvalue import LXC_PENDING, GuestFile, parse_guest
from hostd.core.units import GIB
from hostd.guests.lxc import mounts, network
from hostd.guests.lxc.config import OPTIONS, allowed_raw
from hostd.guests.lxc.mounts import MountPoint
from hostd.guests.lxc.plan import DEFAULT_ROOT_GIB
from hostd.guests.macs import new_mac
from hostd.guests.options import is_card, is_unused
from hostd.guests.qemu import rights

_OF_THE_MOMENT: Final = frozenset({"lock", "parent", "snaptime", "snapstate", "template", "digest"})
_SCRIPTS: Final = "Host.GuestArguments"
_DEVICES: Final = "Host.Devices"

May = Callable[[str, str], bool]
"""Whether who restores has a privilege on an ACL path."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who restores. ``root``: root@pam itself, to whom the reference leaves features and LXC's own settings."""

    may: May
    root: bool


@dataclass(frozen=True, kw_only=True)
class Restored:
    """``values``: lines of the file, volumes that are to be made as ``<storage>:<GiB>``. ``notes``: what differs from
    the backup, for the log."""

    values: Mapping[str, str]
    raw: tuple[tuple[str, str], ...]
    comment: str
    notes: tuple[str, ...]


def restored(
    text: str,
    vmid: int,
    given: Mapping[str, str],
    storage: str,
    caller: Caller,
    *,
    unique: bool,
    random: Callable[[int], bytes],
    mac_prefix: str,
) -> Restored:
    """``text``: the backup's configuration, "" where there is none. ``given`` stands before what the backup says.

    ``storage``: where volumes go. Conflict where nothing tells of a root; Denied for a bridge that the caller may not
    use.
    """
    file = parse_guest(text, pending=LXC_PENDING)
    if not file.current and "rootfs" not in given:
        raise Conflict("there is no container's configuration in this archive; say at least 'rootfs=<storage>:<GiB>'")
    notes: list[str] = []
    values: dict[str, str] = {}
    unprivileged = given.get("unprivileged", file.current.get("unprivileged", "0")) == "1"
    for key, value in file.current.items():
        if key in given or key in _OF_THE_MOMENT or is_unused(key):
            continue
        try:
            kept = _kept(key, value, vmid, storage, caller, notes, unprivileged=unprivileged)
        except (ParseError, ValueError) as err:
            kept = None
            notes.append(f"{key} is left out: {err}")
        if kept is not None:
            values[key] = _renewed(key, kept, random, mac_prefix) if unique else kept
    values |= {key: value for key, value in given.items() if key != "description"}
    values.setdefault("rootfs", f"{storage}:{DEFAULT_ROOT_GIB}")
    return Restored(
        values=values,
        raw=_raw(file, caller, notes),
        comment=given.get("description", file.comment),
        notes=tuple(notes),
    )


def _kept(
    key: str, value: str, vmid: int, storage: str, caller: Caller, notes: list[str], *, unprivileged: bool
) -> str | None:
    """A line of the backup as it is restored; None: it is left out."""
    own = f"/vms/{vmid}"
    if key == "rootfs" or re.fullmatch(r"mp\d+", key):
        return _volume(mounts.parse_mount(key, value), storage, caller.may(own, _DEVICES), notes)
    if key == "features":
        return _features(value, caller, notes, unprivileged=unprivileged)
    option = OPTIONS.get(key)
    privilege = _SCRIPTS if key == "hookscript" else _DEVICES
    if (option is None or option.privilege == "root") and not caller.may(own, privilege):
        notes.append(f"{key} is left out: only who may use the host's devices or scripts may restore it")
        return None
    if is_card(key):
        _require_bridge(key, value, caller)
    return value


def _volume(point: MountPoint, storage: str, host: bool, notes: list[str]) -> str | None:
    if point.is_path:
        if host:
            return point.text()
        notes.append(f"{point.key} is left out: '{point.source}' is the host's own")
        return None
    if point.key != "rootfs" and not propstring.boolean(point.values.get("backup", "0")):
        notes.append(f"{point.key} is made empty: the backup does not hold its files")
    rest = {name: part for name, part in point.values.items() if name != "size"}
    return propstring.format({**rest, "volume": f"{storage}:{_gib(point)}"}, default_key="volume")


def _gib(point: MountPoint) -> str:
    """As much as it had; 0 for a folder without limit, the usual where the backup does not tell."""
    if "size" not in point.values:
        return str(DEFAULT_ROOT_GIB)
    return f"{point.size_bytes / GIB:.6f}".rstrip("0").rstrip(".")


def _features(text: str, caller: Caller, notes: list[str], *, unprivileged: bool) -> str | None:
    if caller.root:
        return text
    words = propstring.parse(text)
    kept = {name: word for name, word in words.items() if name == "nesting" and unprivileged}
    if kept != words:
        notes.append("features are left out, except nesting of an unprivileged container: they are for root@pam alone")
    return propstring.format(kept) or None


def _require_bridge(key: str, value: str, caller: Caller) -> None:
    for need in rights.needs(key, value):
        if need.path and not caller.may(need.path, need.privilege):
            raise Denied(f"Permission check failed ({need.path}, {need.privilege})")


def _renewed(key: str, value: str, random: Callable[[int], bytes], mac_prefix: str) -> str:
    if not is_card(key):
        return value
    return network.parse_nic(key, value).with_mac(new_mac(random, mac_prefix)).text()


def _raw(file: GuestFile, caller: Caller, notes: list[str]) -> tuple[tuple[str, str], ...]:
    if file.raw and not caller.root:
        notes.append("LXC's own settings (lxc.*) are left out: they are for root@pam alone")
        return ()
    return allowed_raw(file.raw)


def require_storages(storages: set[str], caller: Caller) -> None:
    """Denied unless the caller may allocate on each storage on which volumes are made."""
    for name in sorted(storages):
        if not caller.may(f"/storage/{name}", "Datastore.AllocateSpace"):
            raise Denied(f"Permission check failed (/storage/{name}, Datastore.AllocateSpace)")


def refuse_root_elsewhere(values: Mapping[str, str]) -> None:
    """Conflict unless the root is a new volume: files are never unpacked over others."""
    try:
        new = mounts.new_volume(mounts.parse_mount("rootfs", values["rootfs"]).source)
    except HostError:
        new = None
    if new is None:
        raise Conflict("rootfs: a restored container needs a new volume: '<storage>:<GiB>'")
