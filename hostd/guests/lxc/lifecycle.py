"""Starting, stopping, changing, removing containers. Each function holds the guest's lock and reads the file anew."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable

from hostd.core.errors import Conflict, TimedOut
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests import membership
from hostd.guests.changes import Change as Change
from hostd.guests.changes import apply_pending, change_now
from hostd.guests.config import StoredGuest
from hostd.guests.hooks import Phase, run_hook
from hostd.guests.lxc import config as keys
from hostd.guests.lxc import plan as planning
from hostd.guests.lxc import plugging, running, shaping, start_log, terminals
from hostd.guests.lxc import runtime_config as runtime
from hostd.guests.lxc import volumes as filesystems
from hostd.guests.lxc.engine import Engine, SystemdEngine
from hostd.guests.lxc.handover import settle as settle_move
from hostd.guests.lxc.interrupted import opened, settle
from hostd.guests.lxc.ownership import all_volumes as all_volumes
from hostd.guests.lxc.ownership import owned as owned
from hostd.guests.lxc.ownership import where as where
from hostd.guests.macs import cluster_prefix
from hostd.guests.volumes import catalog_of, free_volumes, unreferenced_volumes
from hostd.node.host import Host
from hostd.storage.interface import VolumeSpec
from hostd.storage.volume import VolumeId
from hostd.tasks.log import ListLog, TaskLog

SHUTDOWN_S = 60


# --- start and stop


def start(
    host: Host, log: TaskLog, vmid: int, *, engine: Engine | None = None, skip_lock: bool = False, debug: bool = False
) -> None:
    """Start a container: waiting changes count from now on. Returns when its first program runs.

    ``debug``: what LXC does is told in its start log, and in the task's.
    """
    engine = engine or SystemdEngine(host)
    with files.lock(vmid):
        guest = start_locked(host, log, vmid, engine, skip_lock=skip_lock, debug=debug)
    log.info(f"CT {vmid} started")
    run_hook(host, log, vmid, guest.file.current, Phase.POST_START)


def start_locked(
    host: Host, log: TaskLog, vmid: int, engine: Engine, *, skip_lock: bool = False, debug: bool = False
) -> StoredGuest:
    """The same by who holds the guest's lock; ``post-start`` is left to it."""
    guest = opened(host, log, vmid, skip_lock=skip_lock, engine=engine)
    if guest.file.current.get("template") == "1":
        raise Conflict(f"CT {vmid} is a template and cannot be started; clone it")
    if engine.running(vmid):
        raise Conflict(f"CT {vmid} already running")
    if guest.file.pending:
        guest = _settle(host, log, guest)
    run_hook(host, log, vmid, guest.file.current, Phase.PRE_START)
    try:
        engine.start(vmid, debug=debug)
    finally:
        for line in start_log.read(vmid).splitlines() if debug else ():
            log.info(line)
    for text in start_log.warnings(start_log.read(vmid)):
        log.warn(text)
    return guest


def _settle(host: Host, log: TaskLog, guest: StoredGuest) -> StoredGuest:
    """Write the file with its pending changes applied, then remove volumes that were given up for good."""
    outcome = apply_pending(guest.file, owned(guest.where.vmid))
    saved = files.save(host.store, guest, keys.without_forbidden(outcome.file))
    free_volumes(host, log, outcome.removed)
    return saved


def shutdown(
    host: Host,
    log: TaskLog,
    vmid: int,
    *,
    timeout_s: int = SHUTDOWN_S,
    force_stop: bool = False,
    engine: Engine | None = None,
    skip_lock: bool = False,
) -> None:
    """Ask the container to power off and wait; ``force_stop`` ends it when time is over."""
    engine = engine or SystemdEngine(host)
    with files.lock(vmid):
        guest = _unlocked(host, log, vmid, skip_lock=skip_lock)
        shut_down_locked(host, log, guest, engine, timeout_s=timeout_s, force_stop=force_stop)
    log.info(f"CT {vmid} stopped")
    run_hook(host, log, vmid, guest.file.current, Phase.POST_STOP)


def shut_down_locked(
    host: Host, log: TaskLog, guest: StoredGuest, engine: Engine, *, timeout_s: int, force_stop: bool
) -> None:
    """The same by who holds the guest's lock; ``post-stop`` is left to it."""
    vmid = guest.where.vmid
    if not engine.running(vmid):
        raise Conflict(f"CT {vmid} not running")
    run_hook(host, log, vmid, guest.file.current, Phase.PRE_STOP)
    log.info(f"asked CT {vmid} to shut down, waiting up to {timeout_s} s")
    if not engine.shutdown(vmid, timeout_s):
        if not force_stop:
            raise TimedOut(f"CT {vmid} did not shut down within {timeout_s} s (got timeout)")
        log.info(f"CT {vmid} still running - terminating now")
        engine.kill(vmid)


def _unlocked(host: Host, log: TaskLog, vmid: int, *, skip_lock: bool) -> StoredGuest:
    """A guest that no operation holds; an interrupted move is ended first."""
    guest = settle_move(host, log, files.load(host.store, where(host, vmid)))
    files.check_unlocked(guest, skip=skip_lock)
    return guest


def stop(host: Host, log: TaskLog, vmid: int, *, engine: Engine | None = None, skip_lock: bool = False) -> None:
    """End every process of the container at once; nothing to do when it does not run."""
    engine = engine or SystemdEngine(host)
    with files.lock(vmid):
        guest = _unlocked(host, log, vmid, skip_lock=skip_lock)
        if not engine.running(vmid):
            log.info(f"CT {vmid} is not running")
            return
        run_hook(host, log, vmid, guest.file.current, Phase.PRE_STOP)
        engine.kill(vmid)
    log.info(f"CT {vmid} stopped")
    run_hook(host, log, vmid, guest.file.current, Phase.POST_STOP)


# --- change


def change(
    host: Host,
    log: TaskLog,
    vmid: int,
    wanted: Change,
    *,
    digest: str = "",
    engine: Engine | None = None,
    skip_lock: bool = False,
) -> None:
    """Change the configuration; of a running container what cannot change at once waits for the next start."""
    engine = engine or SystemdEngine(host)
    with files.lock(vmid), Undo() as undo:
        guest = settle(host, log, files.load(host.store, where(host, vmid)), engine)
        files.check_digest(guest, digest)
        files.check_unlocked(guest, skip=skip_lock or "lock" in wanted.delete)
        _check_fixed(guest, wanted)
        plan = planning.identified(planning.plan_values(wanted.values), os.urandom, cluster_prefix(host.store))
        values = allocate(host, log, vmid, plan, undo, unprivileged=keys.is_unprivileged(guest.file.current))
        planned = Change(values=values, delete=wanted.delete, revert=wanted.revert)
        mine = owned(vmid)
        if engine.running(vmid):
            outcome = plugging.changed(host, log, guest, planned, mine, engine, undo)
        else:
            outcome = change_now(guest.file, planned, mine)
        files.save(host.store, guest, keys.without_forbidden(outcome.file))
        undo.keep()
        free_volumes(host, log, outcome.removed)


def change_text(host: Host, vmid: int, wanted: Change, *, digest: str = "") -> None:
    """A change that makes and removes no volume: nothing to log, done within a request."""
    change(host, ListLog(), vmid, wanted, digest=digest)


def _check_fixed(guest: StoredGuest, wanted: Change) -> None:
    """The owners of the files inside were chosen at creation."""
    current = guest.file.current
    now = wanted.values.get("unprivileged", current.get("unprivileged", "0"))
    if now != current.get("unprivileged", "0") or "unprivileged" in wanted.delete:
        raise Conflict("'unprivileged' cannot be changed: the owners of the container's files depend on it")
    if "rootfs" in wanted.delete:
        raise Conflict("'rootfs' cannot be removed")


def allocate(
    host: Host, log: TaskLog, vmid: int, plan: planning.Plan, undo: Undo, *, unprivileged: bool
) -> dict[str, str]:
    """Make a plan's volumes, each with an empty file system; returns the values that name them.

    Volumes that exist must be there.
    """
    catalog = catalog_of(host)
    values = dict(plan.values)
    for volume in plan.existing.values():
        catalog.volume(volume)
    for new in plan.new:
        format = "subvol" if new.size_bytes == 0 else catalog.driver(new.storage).info.container_format
        spec = VolumeSpec(vmid=vmid, size_bytes=new.size_bytes, format=format)
        made = catalog.allocate(new.storage, spec, "rootdir")
        undo.add(catalog.free, made)
        catalog.activate([made])
        filesystems.format_volume(host.run, filesystems.source_of(catalog, made), unprivileged=unprivileged)
        log.info(f"{new.point.key}: made volume '{made}'")
        values[new.point.key] = new.point.with_volume(made, new.size_bytes).text()
    return values


# --- remove


def destroy(
    host: Host,
    log: TaskLog,
    vmid: int,
    *,
    unreferenced: bool = False,
    force: bool = False,
    purge: bool = False,
    engine: Engine | None = None,
) -> None:
    """Remove a container, its volumes, who may use it; what an interrupted creation or removal left as well.

    ``force``: also one that runs; ``unreferenced``: also volumes of its id that its file does not name; ``purge``:
    backup jobs forget it, too. Conflict while linked copies stand on its volumes.
    """
    engine = engine or SystemdEngine(host)
    with files.lock(vmid):
        guest = settle(host, log, files.load(host.store, where(host, vmid)), engine)
        interrupted = guest.file.current.get("lock") in ("create", "destroyed")
        files.check_unlocked(guest, skip=interrupted)
        if guest.file.current.get("protection") == "1":
            raise Conflict(f"can't remove CT {vmid} - protection mode enabled")
        if engine.running(vmid):
            if not force:
                raise Conflict(f"CT {vmid} is running - destroy failed")
            engine.kill(vmid)
            log.info(f"CT {vmid} stopped")
        catalog = catalog_of(host)
        for name in all_volumes(guest.file, vmid):
            catalog.require_no_clones(VolumeId.parse(name))
        guest = files.save(host.store, guest, _marked(guest.file))
        free_volumes(host, log, all_volumes(guest.file, vmid))
        if unreferenced or interrupted:  # an interrupted creation's volumes are not named yet
            free_volumes(host, log, unreferenced_volumes(host, vmid))
        remove_runtime_files(vmid)
        host.store.delete(guest.where.path)
        membership.forget_rights(host.store, vmid)
        if purge:
            membership.leave_jobs(host.store, vmid)
    log.info(f"CT {vmid} removed")


def _marked(file: GuestFile) -> GuestFile:
    """From here on it cannot be started: volumes may be missing already."""
    marked = keys.without_forbidden(file)
    return GuestFile(
        comment=marked.comment,
        current={**marked.current, "lock": "destroyed"},
        raw=marked.raw,
        pending=marked.pending,
        snapshots=marked.snapshots,
        special=marked.special,
    )


def remove_runtime_files(vmid: int) -> None:
    """LXC's folder of the container: our files in it, its profiles for AppArmor, then the folders if they are empty."""
    place = runtime.folder(vmid)
    shutil.rmtree(f"{place}/apparmor", ignore_errors=True)
    for name in ("config", "files", *shaping.FILES.values()):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{place}/{name}")
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(place):
            with contextlib.suppress(OSError):
                os.rmdir(f"{place}/{name}")
    with contextlib.suppress(OSError):
        os.rmdir(place)


# --- programs inside


def require_init(vmid: int) -> int:
    """The first process of a running container; Conflict when it does not run."""
    pid = running.init_pid(vmid)
    if pid is None:
        raise Conflict(f"CT {vmid} is not running")
    return pid


def exec_argv(host: Host, vmid: int, command: Iterable[str]) -> list[str]:
    """Run a program inside, as its root, with an environment of its own."""
    require_init(vmid)
    return [*terminals.attach_argv(vmid), *command]


def console_argv(host: Host, vmid: int) -> list[str]:
    """What a person should see who opens the container's console: a log-in, else a shell."""
    config = files.show(host.mirror, where(host, vmid)).file.current
    init = require_init(vmid)
    found = running.groups(vmid)
    lines = terminals.login_lines(found) if found else []
    return terminals.console_argv(vmid, config.get("cmode", "tty"), lines, f"/proc/{init}/root")
