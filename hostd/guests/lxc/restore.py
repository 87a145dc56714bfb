"""Restoring a container from a backup: a new one, or in the place of one that is there.

What is there stays until the restored files are whole: new volumes are made beside the old ones, the file names them in
one step, and only then the old ones go.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from hostd.access import users
from hostd.access.files import text_of
from hostd.access.ids import ROOT
from hostd.access.rights import Rights
from hostd.core.errors import CommandFailed, Conflict, NotFound
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.run import Run
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests import membership
from hostd.guests.config import StoredGuest
from hostd.guests.lxc import archive, identities, launch, lifecycle, restoring
from hostd.guests.lxc import config as keys
from hostd.guests.lxc import plan as planning
from hostd.guests.lxc import runtime_config as runtime
from hostd.guests.lxc.build import Build, build_isolated
from hostd.guests.lxc.create import CREATE_LOCK, check_arch, mount_plan, remember_files
from hostd.guests.lxc.engine import Engine, SystemdEngine
from hostd.guests.lxc.inside.job import Report
from hostd.guests.lxc.interrupted import DISK_LOCK, opened
from hostd.guests.lxc.ownership import all_volumes, where
from hostd.guests.lxc.restoring import Caller, Restored
from hostd.guests.macs import cluster_prefix
from hostd.guests.marks import held
from hostd.guests.volumes import catalog_of, free_volumes
from hostd.node.host import Host
from hostd.storage.catalog import Catalog
from hostd.storage.volume import Content, VolumeId
from hostd.tasks.log import TaskLog

_SEARCH_S: Final = 3600.0


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for. ``given``: lines that stand before those of the backup; ``storage``: where volumes go.

    ``force``: in the place of a container that is there. ``ignore_errors``: files that cannot be unpacked are left out.
    ``limit_kib``: most KiB a second of the archive, 0 for no limit.
    """

    archive: str
    user: str
    storage: str
    given: Mapping[str, str] = field(default_factory=dict)
    unique: bool = False
    force: bool = False
    ignore_errors: bool = False
    start: bool = False
    pool: str = ""
    limit_kib: int = 0


def restore(host: Host, log: TaskLog, vmid: int, wanted: Wanted, *, engine: Engine | None = None) -> None:
    """Make a container as its backup says. What was made is undone if a step fails."""
    engine = engine or SystemdEngine(host)
    catalog = catalog_of(host)
    path = archive_path(catalog, wanted.archive)
    identities.ensure_reserved(host.run)
    prefix = cluster_prefix(host.store)
    found = _planned(host, vmid, wanted, read_config(host.run, path), prefix)
    for text in found.notes:
        log.warn(text)
    plan = planning.identified(planning.plan_values(found.values), os.urandom, prefix)
    with files.lock(vmid), Undo() as undo:
        before = _present(host, log, vmid, engine) if wanted.force else None
        reserved = _reserved(host, vmid, before, undo)
        unprivileged = keys.is_unprivileged(found.values)
        values = lifecycle.allocate(host, log, vmid, plan, undo, unprivileged=unprivileged)
        first = planning.first_values(values, vmid=vmid)
        draft = keys.parse_container(vmid, GuestFile(current=first, raw=found.raw))
        log.info(f"unpacking '{wanted.archive}'")
        report = _fill(host, catalog, draft, path, wanted)
        for text in report.warnings:
            log.warn(text)
        config = planning.first_values(values, vmid=vmid, ostype=report.ostype, arch=report.arch)
        check_arch(config["arch"])
        if wanted.pool:
            membership.join_pool(host.store, vmid, wanted.pool)
        files.save(host.store, reserved, GuestFile(comment=found.comment, current=config, raw=found.raw))
        undo.keep()  # at once: from here on the file names the new volumes
        remember_files(replace(draft, ostype=config["ostype"]))
        if before is not None:
            free_volumes(host, log, all_volumes(before.file, vmid))
    log.info(f"CT {vmid} restored from '{wanted.archive}'")
    if wanted.start:
        lifecycle.start(host, log, vmid, engine=engine)


def archive_path(catalog: Catalog, name: str) -> str:
    """Where a backup lies; NotFound when it is not there, Conflict for a volume that is no archive of a container's."""
    volume = VolumeId.parse(name)
    found = catalog.volume(volume)
    if found.content is not Content.BACKUP or found.subtype not in ("", "lxc"):
        raise Conflict(f"'{name}' is no backup of a container")
    return catalog.path(volume)


def read_config(run: Run, path: str) -> str:
    """The configuration in a backup, "" where there is none. ParseError for a file that is no archive.

    Read by a program without rights on the host, and not more than a guest's file may be long.
    """
    with open(path, "rb", buffering=0) as file, tempfile.TemporaryFile() as found:
        option = archive.compression(file.read(archive.HEAD_BYTES))
        file.seek(0)
        try:
            argv = archive.member_argv(option, archive.CONFIG)
            run(argv, timeout_s=_SEARCH_S, stdin=file.fileno(), stdout=found.fileno())
        except CommandFailed as err:
            if "Not found in archive" in err.stderr:
                return ""
            raise
        found.seek(0)
        return found.read().decode(errors="replace")


def _planned(host: Host, vmid: int, wanted: Wanted, text: str, mac_prefix: str) -> Restored:
    known = Rights(users.parse(text_of(host.store, users.PATH)))
    caller = Caller(may=lambda path, privilege: known.may(wanted.user, path, (privilege,)), root=wanted.user == ROOT)
    found = restoring.restored(
        text, vmid, wanted.given, wanted.storage, caller, unique=wanted.unique, random=os.urandom, mac_prefix=mac_prefix
    )
    restoring.refuse_root_elsewhere(found.values)
    restoring.require_storages(planning.storages(found.values), caller)
    keys.refuse_what_we_cannot(found.values)
    return found


def _present(host: Host, log: TaskLog, vmid: int, engine: Engine) -> StoredGuest | None:
    """The container in whose place the restored one comes; None where there is none on this node."""
    try:
        guest = opened(host, log, vmid, engine=engine)
    except NotFound:
        return None
    if guest.file.current.get("protection") == "1":
        raise Conflict(f"CT {vmid} is protected and cannot be restored over: remove 'protection' first")
    if engine.running(vmid):
        raise Conflict(f"CT {vmid} is running: shut it down before it is restored over")
    catalog = catalog_of(host)
    for name in all_volumes(guest.file, vmid):
        catalog.require_no_clones(VolumeId.parse(name))
    return guest


def _reserved(host: Host, vmid: int, before: StoredGuest | None, undo: Undo) -> StoredGuest:
    """The file while volumes are made that it does not name: a new one, or the present one, marked."""
    if before is not None:
        return held(host, before, DISK_LOCK, undo)
    place = where(host, vmid)
    made = files.create(host.store, place, GuestFile(current={"lock": CREATE_LOCK}))
    undo.add(host.store.delete, place.path)
    undo.add(lifecycle.remove_runtime_files, vmid)
    return made


def _fill(host: Host, catalog: Catalog, draft: keys.Container, path: str, wanted: Wanted) -> Report:
    """Unpack into the container's volumes, and set the files inside as the configuration says, as at each start."""
    root = runtime.rootfs(draft.vmid)
    work = Build(
        root=root,
        mounts=tuple(mount_plan(catalog, draft.mounts, root)),
        template=path,
        unprivileged=draft.unprivileged,
        job=launch.job_of(draft, first=False),
        backup=True,
        ignore_errors=wanted.ignore_errors,
        limit_kib=wanted.limit_kib,
    )
    return build_isolated(host.run, work)
