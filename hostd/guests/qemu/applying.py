"""Making waiting changes of a running machine count at once, as far as they can (``hotplug``)."""

from __future__ import annotations

from hostd.core.errors import HostError
from hostd.guests import config as files
from hostd.guests.changes import Change, change_now, merged, parse_delete
from hostd.guests.config import StoredGuest
from hostd.guests.qemu import config as keys
from hostd.guests.qemu import hotplug, plugging
from hostd.guests.qemu.gathering import facts_of
from hostd.guests.qemu.machines import Machines
from hostd.guests.qemu.volumes import owned
from hostd.guests.volumes import catalog_of, free_volumes
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog


def apply_now(host: Host, log: TaskLog, guest: StoredGuest, machines: Machines) -> StoredGuest:
    """The guest after its waiting changes were taken to the running machine, where that is possible.

    What libvirt or the guest refuses is a warning, and waits for the next start like everything else.
    """
    vmid, file = guest.where.vmid, guest.file
    if not file.pending:
        return guest
    running = keys.with_old_names(file.current)
    wanted = keys.with_old_names(merged(file))
    try:
        if machines.state(vmid) is None:
            return guest
        found = _plan(host, vmid, running, wanted, machines)
    except HostError as err:
        log.warn(f"the change waits for the next start: {err}")
        return guest
    done = set(found.settled) | _perform(log, vmid, found, machines)
    if not done:
        return guest
    delete = {k: force for k, force in parse_delete(file.pending.get("delete", "")).items() if k in done}
    values = {k: v for k, v in file.pending.items() if k in done}
    outcome = change_now(file, Change(values=values, delete=delete), owned(vmid))
    saved = files.save(host.store, guest, outcome.file)
    free_volumes(host, log, outcome.removed)
    return saved


def _plan(host: Host, vmid: int, running: dict[str, str], wanted: dict[str, str], machines: Machines) -> hotplug.Plan:
    both = {**running, **wanted}
    volumes = {*keys.volumes(running, unused=False).values(), *keys.volumes(wanted, unused=False).values()}
    catalog_of(host).activate(VolumeId.parse(name) for name in sorted(volumes))
    facts = facts_of(host, vmid, both, kvm=False, qemu=machines.qemu_version(), also=running)
    return hotplug.plan(running, wanted, facts)


def _perform(log: TaskLog, vmid: int, found: hotplug.Plan, machines: Machines) -> set[str]:
    """Keys whose steps were all done."""
    failed: set[str] = set()
    for step in found.now:
        if step.key in failed:
            continue
        try:
            plugging.perform(machines, vmid, step)
            log.info(f"{step.key}: {step.kind} done while VM {vmid} runs")
        except HostError as err:
            failed.add(step.key)
            log.warn(f"{step.key} waits for the next start: {err}")
    return {step.key for step in found.now} - failed
