"""Moving a virtual machine to another node of the cluster, as the source does it; ``incoming`` is the other side.

Who has the file has the machine. The order of a move: the file is marked; the target makes volumes and takes what does
not change meanwhile; QEMU's memory and disks go over, and the machine stands still on the target, complete, while it is
gone here; the file is renamed, which the store does for all nodes at once; the target lets the machine go on. Whatever
dies before the rename, the machine is this node's, whatever dies after it, the target's (``guests/handover``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from hostd.core.errors import Conflict, HostError, NotFound
from hostd.core.pace import Pace
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests import handover
from hostd.guests.config import StoredGuest
from hostd.guests.handover import Handover
from hostd.guests.qemu import sockets
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.handover import settle
from hostd.guests.qemu.interrupted import opened
from hostd.guests.qemu.live_move import LiveMove, Progress
from hostd.guests.qemu.machines import Machines, MachineState
from hostd.guests.volumes import catalog_of
from hostd.migration import leftovers, preconditions, sending
from hostd.migration.leftovers import Side
from hostd.migration.outgoing import Road, Target
from hostd.migration.plan import How, MovePlan, Transfer, Wish, plan
from hostd.migration.sending import mib
from hostd.migration.switch import switch, uninterrupted
from hostd.migration.wire import Stream
from hostd.node.host import Host
from hostd.storage.interface import VolumeSpec
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task

_KIB: Final = 1024


def move(
    host: Host,
    log: TaskLog,
    vmid: int,
    wish: Wish,
    road: Road,
    others: Sequence[str],
    *,
    limit_kib: int = 0,
    machines: Machines | None = None,
) -> None:
    """Hand a machine to ``wish.target``, one of ``others``. ``limit_kib``: KiB a second for all streams together."""
    machines = machines or LibvirtMachines()
    started_s = time.monotonic()
    leftovers.clear_all(host, log, machines)
    with files.lock(vmid):
        guest = opened(host, log, vmid, machines=machines)
        catalog = catalog_of(host)
        running = machines.state(vmid)
        found = preconditions.report(guest.file, catalog.file, others)
        if wish.target == host.node:
            raise Conflict("target is local node.")
        planned = plan(vmid, found, catalog.file, wish, running=running is not None)
        if running is None and not planned.transfers:
            catalog.deactivate(planned.shared)
            switch(host, log, guest, wish.target)
        else:
            pace = Pace(_slowest(limit_kib, guest.file.current) * _KIB)
            _Move(host, log, guest, wish, planned, machines).run(road, pace, running)
    log.info(f"VM {vmid} belongs to node '{wish.target}' now; the move took {time.monotonic() - started_s:.0f} s")


def _slowest(limit_kib: int, config: Mapping[str, str]) -> int:
    """KiB a second; the machine's own ``migrate_speed`` is in MiB a second. 0: no limit."""
    limits = (limit_kib, int(config.get("migrate_speed", "0")) * _KIB)
    return min((limit for limit in limits if limit), default=0)


class _Move:
    """A move for which the target has to do something."""

    def __init__(
        self, host: Host, log: TaskLog, guest: StoredGuest, wish: Wish, planned: MovePlan, machines: Machines
    ) -> None:
        self._host, self._log, self._wish, self._planned, self._machines = host, log, wish, planned, machines
        self._guest, self._vmid = guest, guest.where.vmid
        self._moved: dict[str, str] = {}

    def run(self, road: Road, pace: Pace, running: MachineState | None) -> None:
        paused = running is MachineState.PAUSED
        with Undo() as undo:
            undo.add(self._take_back)
            self._mark(Handover(target=self._wish.target, paused=paused))
            with Target(self._host, self._log, self._wish.target, self._vmid, road, pace) as target:
                for transfer in self._planned.transfers:
                    self._make(target, transfer, pace)
                with uninterrupted() if running is None else _late(self._migrate, target):
                    leftovers.note(Side.DEPARTED, self._vmid, (one.volume for one in self._planned.transfers))
                    if self._moved:
                        self._mark(Handover(target=self._wish.target, paused=paused, moved=self._moved))
                    still_s = time.monotonic()
                    switch(self._host, self._log, self._guest, self._wish.target)
                    undo.keep()
                    self._finish(target, still_s, running)
                    self._clean()

    def _mark(self, move: Handover) -> None:
        self._guest = files.save(
            self._host.store, self._guest, handover.marked(handover.unmarked(self._guest.file), move)
        )

    def _take_back(self) -> None:
        """The machine stays here, if it is still here."""
        try:
            guest = files.load(self._host.store, self._guest.where)
        except NotFound:
            return
        settle(self._host, self._log, guest, self._machines)
        leftovers.forget(Side.DEPARTED, self._vmid)

    # --- volumes

    def _make(self, target: Target, transfer: Transfer, pace: Pace) -> None:
        """A volume on the target; with its contents unless QEMU brings them."""
        catalog, volume = catalog_of(self._host), transfer.volume
        catalog.activate([volume])
        wanted = VolumeSpec(
            vmid=self._vmid,
            size_bytes=catalog.volume(volume).size_bytes,
            format=catalog.format(volume),
            name=volume.name,
        )
        exact = transfer.how is How.MIRROR or (transfer.slot == "efidisk0" and not transfer.stream)
        made = sending.make(target, volume, transfer.storage, wanted, exact=exact)
        self._moved[str(volume)] = made.volume
        if transfer.stream:
            sending.send_states(self._host, self._log, target, volume, made, transfer.stream)
        elif transfer.how is How.COPY:
            sending.send_image(self._host, self._log, target, volume, made, pace)

    # --- the machine itself

    def _migrate(self, target: Target) -> None:
        """Memory, and disks that change meanwhile. When this returns, the machine stands still on the target."""
        ready = target.ask("prepare", moved=self._moved)
        move = LiveMove(
            libvirt=target.place(Stream.LIBVIRT),
            memory=target.place(Stream.MEMORY),
            disks=target.place(Stream.DISKS),
            xml=self._machines.move_definition(self._vmid, str(ready["xml"])),
            slots=[transfer.slot for transfer in self._planned.mirrored],
            downtime_ms=int(float(self._guest.file.current.get("migrate_downtime", "0")) * 1000),
        )
        self._log.info("moving memory" + (f" and disks {', '.join(move.slots)}" if move.slots else ""))
        self._machines.migrate(self._vmid, move, self._tell)

    def _tell(self, now: Progress) -> None:
        rate = f", {mib(now.rate_bps)}/s" if now.rate_bps else ""
        self._log.info(f"transferred {mib(now.done)}, remaining {mib(now.remaining)} of {mib(now.total)}{rate}")
        self._log.progress(now.fraction)

    def _finish(self, target: Target, still_s: float, running: MachineState | None) -> None:
        """The machine is the target's: what fails from here on it ends by itself."""
        try:
            answer = target.ask("finish")
        except HostError as err:
            self._log.warn(f"{err}; the node completes the move by itself")
            return
        if running is not None:
            downtime_ms = int(answer["downtime_ms"]) + round((time.monotonic() - still_s) * 1000)
            self._log.info(f"downtime {downtime_ms} ms")
            if self._planned.mirrored:
                self._trim(target)

    def _trim(self, target: Target) -> None:
        """Its outcome is in the target's log; a move that has come to its end does not fail by it."""
        try:
            target.ask("trim")
        except HostError as err:
            self._log.warn(f"disks were not trimmed: {err}")

    def _clean(self) -> None:
        """What this node no longer needs; what stays is noted, and the next move of any machine tries again."""
        try:
            sockets.remove(self._vmid)
            catalog_of(self._host).deactivate(self._planned.shared)
            leftovers.clear(self._host, self._log, self._vmid, self._machines)
        except HostError as err:
            self._log.warn(f"the machine has moved; what it leaves here could not be removed: {err}")


@contextmanager
def _late(migrate: Callable[[Target], None], target: Target) -> Iterator[None]:
    """Migrate, which may be interrupted; what follows may not. An interruption that comes when the machine has left
    is dropped."""
    migrate(target)
    with uninterrupted():
        yield


@task("qmigrate")
def move_task(
    host: Host,
    log: TaskLog,
    *,
    vmid: int,
    target: str,
    others: list[str],
    addresses: Sequence[str] = (),
    online: bool = False,
    with_local_disks: bool = False,
    storages: dict[str, str] | None = None,
    limit_kib: int = 0,
    network: str = "",
    secure: bool = True,
) -> None:
    """Move a machine to another node."""
    wish = Wish(target=target, online=online, with_local_disks=with_local_disks, storages=storages or {})
    road = Road(addresses=addresses, network=network, secure=secure)
    move(host, log, vmid, wish, road, others, limit_kib=limit_kib)
