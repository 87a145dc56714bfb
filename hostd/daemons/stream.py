"""hostd-stream: consoles over websockets, as user ``hostd``."""

from __future__ import annotations

import asyncio
import os

from hostd.api.stream import serve
from hostd.cluster.store import Mirror
from hostd.core.notify import notify
from hostd.daemons.wiring import logging_to_stderr

SOCKET = "/run/hostd/stream/stream.sock"


def main() -> None:
    logging_to_stderr()
    mirror = Mirror()
    mirror.start()
    if os.path.exists(SOCKET):
        os.unlink(SOCKET)
    os.umask(0o117)

    def ready() -> None:
        os.chmod(SOCKET, 0o660)
        notify("READY=1")

    asyncio.run(serve(mirror, SOCKET, ready))


if __name__ == "__main__":
    main()
