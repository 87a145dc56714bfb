"""How an interrupted move of a container ends; what its file says meanwhile is ``guests/handover.py``'s."""

from __future__ import annotations

import shutil

from hostd.guests import config as files
from hostd.guests.config import StoredGuest
from hostd.guests.handover import completed, folder, told, unmarked
from hostd.guests.lxc.ownership import all_volumes
from hostd.guests.volumes import forget_sent
from hostd.node.host import Host
from hostd.tasks.log import TaskLog


def settle(host: Host, log: TaskLog, guest: StoredGuest) -> StoredGuest:
    """End an interrupted move; the caller holds the node's lock on the container. Nothing is started.

    On the target it is completed. Anywhere else the container stays with this node: what the target has of it is the
    target's to remove, which it does when it finds that the file did not come.
    """
    move = told(guest.file)
    if move is None:
        return guest
    vmid, comes = guest.where.vmid, move.target == host.node
    shutil.rmtree(folder(vmid), ignore_errors=True)
    saved = files.save(host.store, guest, completed(guest.file) if comes else unmarked(guest.file))
    if comes:
        log.info(f"CT {vmid} belongs to this node now")
    else:
        if guest.file.snapshots:
            forget_sent(host, log, all_volumes(guest.file, vmid))
        log.info(f"CT {vmid} stays on this node: its move to node '{move.target}' did not come to its end")
    return saved
