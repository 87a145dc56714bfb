"""Moving a container to another node of the cluster, as the source does it; ``incoming_containers`` is the other side.

A container is off while it moves; one that runs is shut down for it (``restart``) and runs again on the target. As with
machines, who has the file has the container: it is marked, the target makes the volumes, the container is shut down,
their contents go over, the file is renamed. Whatever dies before the rename, the container is this node's, whatever
dies after it, the target's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from hostd.core.errors import Conflict, HostError, NotFound
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.pace import Pace
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests import handover
from hostd.guests.config import GuestKind, StoredGuest
from hostd.guests.handover import Handover
from hostd.guests.hooks import Phase, run_hook
from hostd.guests.lxc import config as keys
from hostd.guests.lxc import devices, lifecycle, mounts
from hostd.guests.lxc.engine import Engine, SystemdEngine
from hostd.guests.lxc.handover import settle
from hostd.guests.lxc.interrupted import opened
from hostd.guests.options import is_unused
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.machines import Machines
from hostd.guests.volumes import catalog_of
from hostd.migration import leftovers, sending
from hostd.migration.leftovers import Side
from hostd.migration.outgoing import Road, Target
from hostd.migration.plan import MovePlan, Transfer, Wish, plan
from hostd.migration.preconditions import Report, Volume, missing
from hostd.migration.sending import Made
from hostd.migration.switch import switch, uninterrupted
from hostd.node.host import Host
from hostd.storage.config import StorageFile
from hostd.storage.interface import VolumeSpec
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task

SHUTDOWN_S: Final = 180
_KIB: Final = 1024


def report(vmid: int, file: GuestFile, storages: StorageFile, others: Sequence[str]) -> Report:
    """For a container and the nodes it could go to; volumes of snapshots and unused ones count, too. Pure."""
    volumes = _volumes(vmid, file, storages)
    used = {volume.id.storage for volume in volumes}
    points = mounts.mount_points(file.current)
    paths = [point.key for point in points if point.is_path and point.values.get("shared", "0") != "1"]
    return Report(
        volumes=volumes,
        resources=(*paths, *(device.key for device in devices.devices(file.current))),
        mapped=(),
        unavailable={node: missing(used, storages, node) for node in others},
    )


def _volumes(vmid: int, file: GuestFile, storages: StorageFile) -> tuple[Volume, ...]:
    found: dict[str, Volume] = {}
    states = [section.values for section in file.snapshots.values()]
    for values in (file.current, file.pending, *states):
        for key, name in _named(values).items():
            id = VolumeId.parse(name)
            storage = storages.storages.get(id.storage)
            volume = Volume(
                id=id,
                cdrom=False,
                unused=is_unused(key),
                shared=storage is not None and storage.shared,
                key=key,
                current=values is file.current,
                owned=bool(mounts.owned_volume(key, values[key], vmid)),
            )
            first = found.setdefault(name, volume)
            found[name] = replace(first, kept=first.kept or any(values is state for state in states))
    return tuple(found[name] for name in sorted(found))


def _named(values: Mapping[str, str]) -> dict[str, str]:
    """Line → the volume that it names."""
    points = {point.key: point.source for point in mounts.mount_points(values) if not point.is_path}
    return points | {key: value for key, value in values.items() if is_unused(key)}


def move(
    host: Host,
    log: TaskLog,
    vmid: int,
    wish: Wish,
    road: Road,
    others: Sequence[str],
    *,
    restart: bool = False,
    timeout_s: int = SHUTDOWN_S,
    limit_kib: int = 0,
    engine: Engine | None = None,
    machines: Machines | None = None,
) -> None:
    """Hand a container to ``wish.target``, one of ``others``.

    ``restart``: one that runs is shut down, ended after ``timeout_s``, and started there. ``limit_kib``: KiB a second
    of contents.
    """
    engine, machines = engine or SystemdEngine(host), machines or LibvirtMachines()
    started_s = time.monotonic()
    leftovers.clear_all(host, log, machines, engine)
    with files.lock(vmid):
        guest = opened(host, log, vmid, engine=engine)
        catalog, running = catalog_of(host), engine.running(vmid)
        found = report(vmid, guest.file, catalog.file, others)
        if wish.target == host.node:
            raise Conflict("target is local node.")
        planned = plan(vmid, found, catalog.file, wish, running=running and not restart, kind=GuestKind.LXC)
        if not running and not planned.transfers:
            catalog.deactivate(planned.shared)
            switch(host, log, guest, wish.target)
        else:
            moving = _Move(host, log, guest, wish, planned, engine, machines)
            moving.run(road, Pace(limit_kib * _KIB), running=running, timeout_s=timeout_s)
    log.info(f"CT {vmid} belongs to node '{wish.target}' now; the move took {time.monotonic() - started_s:.0f} s")


class _Move:
    """A move for which the target has to do something."""

    def __init__(
        self,
        host: Host,
        log: TaskLog,
        guest: StoredGuest,
        wish: Wish,
        planned: MovePlan,
        engine: Engine,
        machines: Machines,
    ) -> None:
        self._host, self._log, self._wish, self._planned = host, log, wish, planned
        self._engine, self._machines = engine, machines
        self._guest, self._vmid = guest, guest.where.vmid
        self._unprivileged = keys.is_unprivileged(guest.file.current)
        self._ran = False

    def run(self, road: Road, pace: Pace, *, running: bool, timeout_s: int) -> None:
        self._ran = running
        with Undo() as undo:
            undo.add(self._take_back)
            self._mark(Handover(target=self._wish.target, restart=running))
            target = Target(self._host, self._log, self._wish.target, self._vmid, road, pace, kind=GuestKind.LXC)
            with target:
                made = {str(one.volume): self._make(target, one) for one in self._planned.transfers}
                off_s = time.monotonic()
                if running:
                    self._shut_down(timeout_s)
                for transfer in self._planned.transfers:
                    self._send(target, transfer, made[str(transfer.volume)], pace)
                with uninterrupted():
                    self._hand_over(made, restart=running)
                    undo.keep()
                    self._finish(target, off_s, running=running)
                    self._clean()

    def _mark(self, move: Handover) -> None:
        unmarked = handover.unmarked(self._guest.file)
        self._guest = files.save(self._host.store, self._guest, handover.marked(unmarked, move))

    def _take_back(self) -> None:
        """The container stays here, if it is still here, and runs again if it ran."""
        try:
            guest = files.load(self._host.store, self._guest.where)
        except NotFound:
            return
        settle(self._host, self._log, guest)
        leftovers.forget(Side.DEPARTED, self._vmid)
        if self._ran and not self._engine.running(self._vmid):
            lifecycle.start_locked(self._host, self._log, self._vmid, self._engine)
            self._log.info(f"CT {self._vmid} runs here again")

    def _make(self, target: Target, transfer: Transfer) -> Made:
        """A volume on the target. Its form there may be another one."""
        catalog, volume = catalog_of(self._host), transfer.volume
        size = catalog.volume(volume).size_bytes or self._told_size(volume)
        wanted = VolumeSpec(vmid=self._vmid, size_bytes=size, format=catalog.format(volume), name=volume.name)
        return sending.make(target, volume, transfer.storage, wanted)

    def _told_size(self, volume: VolumeId) -> int:
        """What the file says of a folder that knows no limit."""
        points = [point for point in mounts.mount_points(self._guest.file.current) if point.source == str(volume)]
        return points[0].size_bytes if points else 0

    def _shut_down(self, timeout_s: int) -> None:
        """Ask it to power off; what does not in time is ended."""
        host, log, guest = self._host, self._log, self._guest
        lifecycle.shut_down_locked(host, log, guest, self._engine, timeout_s=timeout_s, force_stop=True)
        run_hook(host, log, self._vmid, guest.file.current, Phase.POST_STOP)

    def _send(self, target: Target, transfer: Transfer, made: Made, pace: Pace) -> None:
        catalog, volume = catalog_of(self._host), transfer.volume
        catalog.activate([volume])
        if transfer.stream:
            sending.send_states(self._host, self._log, target, volume, made, transfer.stream)
        elif catalog.format(volume) == made.format == "raw":
            sending.send_image(self._host, self._log, target, volume, made, pace)
        else:
            sending.send_tree(self._host, self._log, target, volume, made, pace, unprivileged=self._unprivileged)

    def _hand_over(self, made: Mapping[str, Made], *, restart: bool) -> None:
        catalog_of(self._host).deactivate([*self._planned.shared, *(one.volume for one in self._planned.transfers)])
        leftovers.note(Side.DEPARTED, self._vmid, (one.volume for one in self._planned.transfers))
        moved = {old: one.volume for old, one in made.items()}
        self._mark(Handover(target=self._wish.target, restart=restart, moved=moved))
        switch(self._host, self._log, self._guest, self._wish.target)

    def _finish(self, target: Target, off_s: float, *, running: bool) -> None:
        """The container is the target's: what fails from here on it ends by itself."""
        try:
            target.ask("finish")
        except HostError as err:
            self._log.warn(f"{err}; the node completes the move by itself, look there whether the container runs")
            return
        if running:
            self._log.info(f"CT {self._vmid} runs again, after {time.monotonic() - off_s:.0f} s")

    def _clean(self) -> None:
        """What this node no longer needs; what stays is noted, and the next move of any guest tries again."""
        try:
            lifecycle.remove_runtime_files(self._vmid)
            leftovers.clear(self._host, self._log, self._vmid, self._machines, self._engine)
        except HostError as err:
            self._log.warn(f"the container has moved; what it leaves here could not be removed: {err}")


@task("vzmigrate")
def move_container_task(
    host: Host,
    log: TaskLog,
    *,
    vmid: int,
    target: str,
    others: list[str],
    addresses: Sequence[str] = (),
    restart: bool = False,
    timeout_s: int = SHUTDOWN_S,
    storages: dict[str, str] | None = None,
    limit_kib: int = 0,
    network: str = "",
    secure: bool = True,
) -> None:
    """Move a container to another node."""
    wish = Wish(target=target, storages=storages or {})
    road = Road(addresses=addresses, network=network, secure=secure)
    move(host, log, vmid, wish, road, others, restart=restart, timeout_s=timeout_s, limit_kib=limit_kib)
