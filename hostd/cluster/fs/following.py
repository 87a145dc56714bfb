"""Watches the tree for a new corosync.conf, and for the witness's certificates, for as long as the daemon runs in a
cluster.
"""

from __future__ import annotations

import trio

from hostd.cluster.corosync import follow as corosync
from hostd.cluster.corosync import qdevice
from hostd.cluster.fs import patience
from hostd.cluster.fs.engine import Engine
from hostd.cluster.fs.replicate import Entry
from hostd.cluster.fs.tree import Node

PATH = "corosync.conf"


async def follow(engine: Engine, follower: corosync.Follower, witness: qdevice.Follower) -> None:
    """Offer each version of the stored files, the present ones first. Until cancelled.

    One after the other: the witness's daemon reads what Corosync has read.
    """
    changed = trio.Event()

    def published(_entry: Entry, _from_mount: bool) -> None:
        changed.set()

    def offer(conf: bytes, bundle: bytes | None) -> None:
        follower.offer(conf)
        witness.offer(conf, bundle)

    engine.listen(published)
    seen = (0, 0)
    while True:
        conf, bundle = engine.tree.find(PATH), engine.tree.find(qdevice.PATH)
        versions = (_version(conf), _version(bundle))
        if conf is not None and conf.data is not None and versions != seen:
            seen = versions
            await patience.ask(offer, conf.data, bundle.data if bundle else None)
        await changed.wait()
        changed = trio.Event()


def _version(node: Node | None) -> int:
    return node.version if node else 0
