"""What the methods of both kinds of guest share: their configuration's keys as parameters, checks of privileges."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from hostd.access import ids
from hostd.api import members, option_params, tagrights
from hostd.api.context import Context
from hostd.cluster import datacenter
from hostd.core.errors import Conflict, Denied, HostError, Invalid, TimedOut
from hostd.guests import config as files
from hostd.guests import roads
from hostd.guests.changes import Change
from hostd.guests.config import StoredGuest
from hostd.guests.options import Table
from hostd.guests.qemu import rights
from hostd.guests.qemu.rights import ROOT, Need
from hostd.storage import config as storage_config
from hostd.storage.catalog import Catalog
from hostd.storage.rights import bandwidth_limit, parse_limits, require_volume_access
from hostd.storage.volume import VolumeId
from hostd.tasks.archive import Archive
from hostd.tasks.upid import Upid

T = TypeVar("T")
_POLL_S = 0.05
_NUMBERS = ("integer", "number", "boolean")


def with_options(table: Table) -> Callable[[type[T]], type[T]]:
    """Add every declared key of a guest's configuration to a class of parameters, all optional."""
    return option_params.with_options(table.options)


def given_options(p: object) -> dict[str, str]:
    """The keys that a call sets, as the file writes them."""
    return option_params.given(p, separator=";")


def typed(table: Table, values: Mapping[str, str]) -> dict[str, object]:
    """Values of a file as answers carry them: numbers where the key is declared as one."""
    return {key: _typed(table, key, value) for key, value in values.items()}


def _typed(table: Table, key: str, value: str) -> object:
    option = table.get(key)
    if option is None or option.kind.type not in _NUMBERS:
        return value
    try:
        parsed = option.kind.parse(value)
    except ValueError:
        return value
    return int(parsed) if isinstance(parsed, bool) or float(parsed).is_integer() else parsed


# Keys that the reference leaves to root@pam, by the privilege that grants them here (no built-in role has one).
HOST_KEYS = {"args": "Host.GuestArguments", "hookscript": "Host.GuestArguments"}


def require_key_privileges(ctx: Context, vmid: int, table: Table, keys: set[str]) -> None:
    """Denied, naming the first key that the caller may not touch."""
    for key in sorted(keys):
        option = table.get(key)
        privilege = option.privilege if option else "VM.Config.Disk"  # unused<n>
        if privilege == "root" and not ctx.may(f"/vms/{vmid}", HOST_KEYS.get(key, "Host.Devices")):
            raise Denied(f"only root can set '{key}' config")
        if privilege != "root" and not ctx.may(f"/vms/{vmid}", privilege):
            raise Denied(f"Permission check failed (/vms/{vmid}, {privilege})")


def require(ctx: Context, vmid: int, key: str, needs: Iterable[Need]) -> None:
    """Denied, naming what is missing to set, replace or remove a line of a machine's configuration."""
    for need in needs:
        path = need.path or f"/vms/{vmid}"
        if need.privilege == ROOT:
            if not ctx.may(path, HOST_KEYS.get(key, "Host.Devices")):
                raise Denied(f"only root can set '{key}' config")
        elif not ctx.may(path, need.privilege):
            raise Denied(f"Permission check failed ({path}, {need.privilege})")


def require_tags(ctx: Context, guest: StoredGuest, change: Change) -> None:
    """Denied unless the caller may give the guest the tags of this change and take from it those that go.

    What it has is read from the store itself: the copy in memory may be a moment behind, and a right hangs on it.
    """
    if "tags" not in change.delete and "tags" not in change.values:
        return
    before = files.load(ctx.store, guest.where).file.current.get("tags", "")
    tagrights.require(ctx, before, "" if "tags" in change.delete else change.values["tags"])


def require_bridges(ctx: Context, values: Mapping[str, str]) -> None:
    """Denied unless the caller may use every bridge that a machine's cards are on."""
    for key, value in values.items():
        if key.startswith("net"):
            require(ctx, 0, key, [need for need in rights.needs(key, value) if need.path])


SECRET = "**********"


def masked(shown: dict[str, object]) -> dict[str, object]:
    """Without the password's hash."""
    return shown | ({"cipassword": SECRET} if "cipassword" in shown else {})


def require_storage(ctx: Context, storage: str, privilege: str) -> None:
    if not ctx.may(f"/storage/{storage}", privilege):
        raise Denied(f"Permission check failed (/storage/{storage}, {privilege})")


def require_volume(ctx: Context, volume: VolumeId, *, vmid: int | None = None, content: str = "") -> None:
    """Denied unless the caller may use a volume for guest ``vmid``; Conflict when it is not of that ``content``.

    A disk belongs to the guest that its name tells of, whoever may use the storage (``storage/rights.py``).
    """
    here = Catalog.from_mirror(ctx.mirror, node=ctx.node, run=ctx.run)
    parsed = here.driver(volume.storage).parse(volume.name)
    require_volume_access(parsed, volume.storage, lambda p, right: ctx.may(p, right), vmid=vmid, content=content)


def limit_kib(ctx: Context, operation: str, storages: Iterable[str], asked: float | None) -> int:
    """KiB a second that an operation's copies may take: limits of the storages, of the cluster, and what is asked for.

    0: no limit. Who may configure a storage is not held by its limit when asking for another.
    """
    names = list(dict.fromkeys(storages))
    storage = ctx.mirror.get(storage_config.PATH)
    known = storage_config.parse_storage_cfg(storage.data if storage else b"").storages
    limit = bandwidth_limit(
        operation,
        [parse_limits(known[name].text("bwlimit")) if name in known else None for name in names],
        parse_limits(datacenter.words_of(ctx.mirror).get("bwlimit", "")),
        asked,
        may=ctx.may,
        names=names,
    )
    return max(int(limit), 1) if limit else 0


def require_copy_node(ctx: Context, target: str, storages: Iterable[str]) -> str:
    """The node that a copy is for, "" for this one; Conflict unless that node sees the copy's storages, too."""
    if target in ("", ctx.node):
        return ""
    if target not in roads.others(members.nodes(ctx), ctx.node):
        raise Conflict(f"target: node '{target}' is not there")
    file = storage_config.file_in(ctx.mirror)
    for storage in sorted(set(storages)):
        if not (file.get(storage).shared and file.get(storage).used_on(target)):
            raise Conflict(
                f"target: storage '{storage}' is not one that node '{target}' sees, too: "
                f"make the copy here, or on shared storage (storage=...)"
            )
    return target


def end_shutdowns(ctx: Context, type: str, vmid: int) -> None:
    """End the caller's tasks of this type that wait for a guest to shut down; anybody's for who manages the node."""
    for entry in Archive().running():
        upid = entry.upid
        mine = upid.user == ctx.user or ctx.may(f"/nodes/{ctx.node}", "Sys.Modify")
        if upid.type == type and upid.id == str(vmid) and mine:
            ctx.tasks.stop(str(upid))


def sample_of(ctx: Context, vmid: int, pid: int) -> Mapping[str, Any]:
    """A guest's last sample if it is of this very process, else nothing: samples are of some seconds ago, and callers
    ask right after a start or a rollback. ``pid`` 0: it does not run."""
    sample = ctx.samples.guests().get(vmid, {})
    return sample if pid and sample.get("pid") == pid else {}


def check_skiplock(ctx: Context, skiplock: bool) -> None:
    check_root_only(ctx, skiplock=skiplock)


def check_root_only(ctx: Context, **given: object) -> None:
    """Invalid for parameters that somebody else than root has given, by their names in the API (``_`` for ``-``)."""
    wrong = [name.replace("_", "-") for name, value in given.items() if value]
    if wrong and ctx.user != ids.ROOT:
        raise Invalid(dict.fromkeys(wrong, "Only root may use this option."))


def make_change(
    values: Mapping[str, str], delete: list[str], revert: list[str], force: bool, known: set[str]
) -> Change:
    """A change from a call's parameters. Raises Invalid for unknown keys, HostError when nothing is asked for."""
    for name in [*delete, *revert]:
        if name in values:
            raise Invalid({"delete": f"you can't use '-{name}' and '-delete {name}' at the same time"})
        if name not in known:
            raise Invalid({"delete": f"unknown option '{name}'"})
    if not values and not delete and not revert:
        raise HostError("no options specified")
    return Change(values=values, delete=dict.fromkeys(delete, force), revert=tuple(revert))


def snapshot_values(guest: StoredGuest, name: str) -> tuple[Mapping[str, str], str]:
    """Values and comment of a snapshot; HostError in the words that clients know."""
    section = guest.file.snapshots.get(name)
    if section is None:
        raise HostError(f"snapshot '{name}' does not exist")
    return section.values, section.comment


def wait_for(upid: str, timeout_s: float, archive: Archive | None = None) -> None:
    """Wait for the end of a task; HostError with its error, TimedOut while it still runs."""
    archive, task = archive or Archive(), Upid.parse(upid)
    end_s = time.monotonic() + timeout_s
    while True:
        entry = archive.status(task)
        if entry is not None and entry.status is not None:
            break
        if time.monotonic() > end_s:
            raise TimedOut(f"the change goes on as task {upid}")
        time.sleep(_POLL_S)
    if entry.status != "OK" and not entry.status.startswith("WARNINGS"):
        raise HostError(entry.status)


def ended_within(upid: str, timeout_s: float) -> str | None:
    """None when a task has ended by then, else its id, under which it goes on; HostError with the task's error."""
    try:
        wait_for(upid, timeout_s)
    except TimedOut:
        return upid
    return None
