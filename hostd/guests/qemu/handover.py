"""How an interrupted move of a machine ends; what its file says meanwhile is ``guests/handover.py``'s."""

from __future__ import annotations

import shutil
import time
from typing import Final

from hostd.core.errors import HostError
from hostd.guests import config as files
from hostd.guests.config import StoredGuest
from hostd.guests.handover import completed, folder, told, unmarked
from hostd.guests.qemu.machines import Machines, MachineState
from hostd.guests.qemu.volumes import all_volumes
from hostd.guests.volumes import forget_sent
from hostd.node.host import Host
from hostd.tasks.log import TaskLog

_TRIES: Final = 6
_TRY_S: Final = 1.0


def settle(host: Host, log: TaskLog, guest: StoredGuest, machines: Machines) -> StoredGuest:
    """End an interrupted move; the caller holds the node's lock on the machine.

    On the target it is completed. Anywhere else the machine stays with this node and runs on if it ran: what the target
    has of it is the target's to remove, which it does when it finds that the file did not come.
    """
    move = told(guest.file)
    if move is None:
        return guest
    vmid, comes = guest.where.vmid, move.target == host.node
    if not comes:
        machines.cancel_migration(vmid)
    # First the machine, then the file: it goes on even where the store takes no writes, and the mark is settled later.
    if not move.paused and machines.state(vmid) is MachineState.PAUSED:
        _resume(machines, vmid)
    shutil.rmtree(folder(vmid), ignore_errors=True)
    saved = files.save(host.store, guest, completed(guest.file) if comes else unmarked(guest.file))
    if comes:
        log.info(f"VM {vmid} belongs to this node now")
    else:
        if guest.file.snapshots:
            forget_sent(host, log, all_volumes(guest.file, vmid))
        log.info(f"VM {vmid} stays on this node: its move to node '{move.target}' did not come to its end")
    return saved


def _resume(machines: Machines, vmid: int) -> None:
    """Let it go on; the other node's QEMU may hold its images for a moment yet."""
    for _ in range(_TRIES):
        try:
            machines.resume(vmid)
            return
        except HostError:
            time.sleep(_TRY_S)
    machines.resume(vmid)
