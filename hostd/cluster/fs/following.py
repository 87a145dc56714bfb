"""Watches the tree for a new corosync.conf, for as long as the daemon runs in a cluster."""

from __future__ import annotations

import trio

from hostd.cluster.corosync.follow import Follower
from hostd.cluster.fs.engine import Engine
from hostd.cluster.fs.replicate import Entry

PATH = "corosync.conf"


async def follow(engine: Engine, follower: Follower) -> None:
    """Offer each version of the stored file, the present one first. Until cancelled."""
    changed = trio.Event()

    def published(_entry: Entry, _from_mount: bool) -> None:
        changed.set()

    engine.listen(published)
    seen = 0
    while True:
        file = engine.tree.find(PATH)
        if file is not None and file.data is not None and file.version != seen:
            seen = file.version
            await trio.to_thread.run_sync(follower.offer, file.data)
        await changed.wait()
        changed = trio.Event()
