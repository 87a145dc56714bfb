"""Making, changing and removing machines. Each function holds the guest's lock and reads the file anew."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace

from hostd.core.errors import Conflict, NotFound
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests import membership
from hostd.guests.changes import Change, change_later, change_now
from hostd.guests.config import StoredGuest
from hostd.guests.macs import cluster_prefix
from hostd.guests.marks import held
from hostd.guests.qemu import cloudinit, lifecycle, process, seeds, sockets, tpm
from hostd.guests.qemu import config as keys
from hostd.guests.qemu import plan as planning
from hostd.guests.qemu.applying import apply_now
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.facts import Firmware
from hostd.guests.qemu.importing import import_disk
from hostd.guests.qemu.interrupted import opened
from hostd.guests.qemu.machines import Machines
from hostd.guests.qemu.volumes import all_volumes, default_format, owned, source_of, where
from hostd.guests.volumes import catalog_of, free_volumes, unreferenced_volumes
from hostd.node.host import Host
from hostd.storage.catalog import Catalog
from hostd.storage.interface import VolumeSpec
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

CREATE_LOCK = "create"


def create(
    host: Host,
    log: TaskLog,
    vmid: int,
    values: Mapping[str, str],
    *,
    start_after: bool = False,
    pool: str = "",
    limit_kib: int = 0,
    working: str = "",
    machines: Machines | None = None,
) -> None:
    """Make a machine: reserve its id, allocate its disks, write its file. What was made is undone if a step fails.

    ``limit_kib``: KiB a second that imported disks are copied with; 0: as fast as it goes. ``working``: storage where
    disks of archives are extracted; "" beside them.
    """
    machines = machines or LibvirtMachines()
    place = where(host, vmid)
    comment, plain = values.get("description", ""), {k: v for k, v in values.items() if k != "description"}
    known = keys.with_old_names(plain)
    plan = planning.identified(planning.plan_values(known), os.urandom, cluster_prefix(host.store))
    with files.lock(vmid), Undo() as undo:
        reserved = files.create(host.store, place, GuestFile(current={"lock": CREATE_LOCK}))
        undo.add(host.store.delete, place.path)
        config = allocate(host, log, vmid, plan, undo, limit_kib=limit_kib, working=working)
        version = machines.qemu_version()
        config = planning.first_values(config, now_s=int(time.time()), qemu_version=version, random=os.urandom)
        file = seeds.written(host, log, vmid, GuestFile(comment=comment, current=config))
        files.save(host.store, reserved, file)
        if pool:
            membership.join_pool(host.store, vmid, pool)
        undo.keep()
    log.info(f"VM {vmid} created")
    if start_after:
        lifecycle.start(host, log, vmid, machines=machines)


def allocate(
    host: Host, log: TaskLog, vmid: int, plan: planning.Plan, undo: Undo, *, limit_kib: int = 0, working: str = ""
) -> dict[str, str]:
    """Allocate a plan's volumes; returns the values that name them. Existing volumes must be there."""
    catalog = catalog_of(host)
    values = dict(plan.values)
    for new in plan.new:
        format = new.format or default_format(catalog, new.storage)
        if new.source:
            volume = import_disk(host, log, catalog, vmid, new, format, limit_kib=limit_kib, working=working)
        else:
            name = f"vm-{vmid}-cloudinit" if new.cloudinit else ""
            spec = VolumeSpec(vmid=vmid, size_bytes=new.size_bytes, format=format, name=name)
            volume = catalog.allocate(new.storage, spec, "images")
        undo.add(catalog.free, volume)
        if new.efi and not new.source:
            _write_variables(host, catalog, volume, new.efi)
        log.info(f"{new.key}: successfully created disk '{volume}'")
        size_bytes = catalog.volume(volume).size_bytes if new.source else new.size_bytes
        values[new.key] = planning.with_volume(new.key, values[new.key], volume, size_bytes)
        if new.cloudinit:
            values[new.key] = seeds.drive_value(volume)
    for key, volume in plan.existing.items():
        found = catalog.volume(volume)
        if found.vmid not in (None, vmid):
            raise Conflict(f"{key}: volume '{volume}' belongs to guest {found.vmid}")
        if key != "efidisk0":
            values[key] = planning.with_volume(key, values[key], volume, found.size_bytes)
    return values


def _write_variables(host: Host, catalog: Catalog, volume: VolumeId, efi: Firmware) -> None:
    """Put empty UEFI variables into a new volume."""
    catalog.activate([volume])
    source = source_of(catalog, volume, efi)
    host.run(["qemu-img", "convert", "-f", "raw", "-O", source.format, efi.variables, source.path], timeout_s=60)


def destroy(
    host: Host,
    log: TaskLog,
    vmid: int,
    *,
    unreferenced: bool = False,
    purge: bool = False,
    machines: Machines | None = None,
    skip_lock: bool = False,
) -> None:
    """Remove a machine, its disks, who may use it.

    ``unreferenced``: also volumes of its id that its file does not name. ``purge``: backup jobs forget it, too.
    """
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        guest = opened(host, log, vmid, skip_lock=skip_lock, machines=machines)
        if guest.file.current.get("protection") == "1":
            raise Conflict(f"can't remove VM {vmid} - protection mode enabled")
        if machines.state(vmid) is not None:
            raise Conflict(f"VM {vmid} is running - destroy failed")
        if guest.file.current.get("template") == "1":
            _require_no_clones(host, guest)
        tpm.end(host.run, vmid)
        free_volumes(host, log, all_volumes(guest.file, vmid))
        if unreferenced:
            free_volumes(host, log, unreferenced_volumes(host, vmid))
        host.store.delete(guest.where.path)
        membership.forget_rights(host.store, vmid)
        if purge:
            membership.leave_jobs(host.store, vmid)
        sockets.remove(vmid)
    log.info(f"VM {vmid} removed")


def _require_no_clones(host: Host, guest: StoredGuest) -> None:
    """Conflict while linked clones stand on a template's disks: nothing of it is removed then."""
    catalog = catalog_of(host)
    for name in all_volumes(guest.file, guest.where.vmid):
        catalog.require_no_clones(VolumeId.parse(name))


# --- change


def change(
    host: Host,
    log: TaskLog,
    vmid: int,
    change: Change,
    *,
    digest: str = "",
    running: bool | None = None,
    skip_lock: bool = False,
    working: str = "",
    machines: Machines | None = None,
) -> None:
    """Change the configuration; on a running machine what touches it waits for the next start.

    ``running`` None: as the process table tells. ``working``: as for ``create``.
    """
    known = keys.with_old_names(change.values)
    plan = planning.identified(planning.plan_values(known), os.urandom, cluster_prefix(host.store))
    with files.lock(vmid), Undo() as undo:
        guest = opened(host, log, vmid, skip_lock=skip_lock, machines=machines)
        files.check_digest(guest, digest)
        _require_changeable(guest, change)
        if plan.new:
            guest = held(host, guest, CREATE_LOCK, undo)
        planned = replace(change, values=allocate(host, log, vmid, plan, undo, working=working))
        mine = owned(vmid)
        later = process.is_running(vmid) if running is None else running
        outcome = change_later(guest.file, planned, is_live, mine) if later else change_now(guest.file, planned, mine)
        file = outcome.file
        if plan.new:
            file = replace(file, current={k: v for k, v in file.current.items() if k != "lock"})
        saved = files.save(host.store, guest, seeds.without_stale_record(file))
        undo.keep()
        free_volumes(host, log, outcome.removed)
        if later:
            apply_now(host, log, saved, machines or LibvirtMachines())


def _require_changeable(guest: StoredGuest, change: Change) -> None:
    """Conflict for changes that protection or snapshots forbid."""
    protected = guest.file.current.get("protection") == "1"
    for key in change.delete:
        volume = planning.owned_volume(key, guest.file.current.get(key, ""), guest.where.vmid)
        removes = change.delete[key] or key.startswith("unused")
        if volume and removes and protected:
            raise Conflict(f"can't remove '{key}': VM {guest.where.vmid} is protected")
        if (
            volume
            and removes
            and any(volume in keys.state_volumes(s.values).values() for s in guest.file.snapshots.values())
        ):
            raise Conflict(f"can't remove '{key}': '{volume}' is part of a snapshot; remove the snapshot first")


def is_live(key: str) -> bool:
    """Whether a change of the key counts at once on a running machine."""
    option = keys.OPTIONS.get(key)
    return key == "description" or key.startswith("unused") or (option is not None and option.live)


def write_seed(host: Host, log: TaskLog, vmid: int) -> None:
    """Make the cloud-init drive anew. NotFound where the machine has none."""
    with files.lock(vmid):
        guest = opened(host, log, vmid)
        if cloudinit.drive(guest.file.current) is None:
            raise NotFound(f"VM {vmid} has no cloud-init drive; add one, for example with ide2=<storage>:cloudinit")
        files.save(host.store, guest, seeds.written(host, log, vmid, guest.file))
