"""hostd-stream: consoles over websockets and uploads, as user ``hostd``."""

from __future__ import annotations

import asyncio
import os

from hostd.access.authority import Authority
from hostd.api import sockets
from hostd.api.stream import Streams, serve
from hostd.cluster.store import Mirror
from hostd.core.notify import notify
from hostd.daemons.wiring import logging_to_stderr


def main() -> None:
    logging_to_stderr()
    mirror = Mirror()
    mirror.start()
    if os.path.exists(sockets.STREAM):
        os.unlink(sockets.STREAM)
    os.umask(0o007)

    def ready() -> None:
        os.chmod(sockets.STREAM, 0o666)  # the folder lets only nginx's and our own group through
        notify("READY=1")

    asyncio.run(serve(Streams(mirror, Authority(mirror)), sockets.STREAM, ready))


if __name__ == "__main__":
    main()
