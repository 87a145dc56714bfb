"""hostd-stream: consoles, uploads, events and delayed refusals, as user ``hostd``."""

from __future__ import annotations

import asyncio
import os

from hostd.access.authority import Authority
from hostd.api import sockets
from hostd.api.events import Watcher
from hostd.api.otherevents import OtherNodes
from hostd.api.stream import Streams, serve
from hostd.api.streampeers import StreamPeers
from hostd.cluster.store import Mirror
from hostd.core.notify import notify
from hostd.daemons.wiring import logging_to_stderr, node_name
from hostd.node.feed import Subscriber
from hostd.node.samples import ClusterSamples
from hostd.tasks.archive import Archive


def main() -> None:
    logging_to_stderr()
    mirror = Mirror(values=True)
    mirror.start()
    samples = Subscriber()
    samples.start()
    others = OtherNodes(node_name(), mirror, ClusterSamples(node_name(), samples, mirror))
    watcher = Watcher(Archive(), samples.guests, node_name(), others)
    peers = StreamPeers(node_name(), mirror)
    if os.path.exists(sockets.STREAM):
        os.unlink(sockets.STREAM)
    os.umask(0o007)

    def ready() -> None:
        os.chmod(sockets.STREAM, 0o666)  # the folder lets only nginx's and our own group through
        notify("READY=1")

    asyncio.run(serve(Streams(mirror, Authority(mirror), watcher=watcher, peers=peers), sockets.STREAM, ready))


if __name__ == "__main__":
    main()
