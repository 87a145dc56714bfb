"""What every daemon starts with: log, node name, the host's handles. It imports little, as starts are waited for."""

from __future__ import annotations

import logging
import os
import sys

from hostd.cluster.store import Mirror, Store
from hostd.core.run import run
from hostd.node.host import Host


def logging_to_stderr() -> None:
    """The journal adds time and unit; priorities by prefix (sd-daemon(3))."""
    logging.basicConfig(stream=sys.stderr, level=os.environ.get("HOSTD_LOG", "INFO"), format="%(name)s: %(message)s")


def node_name() -> str:
    """This node's name: the host name without its domain."""
    return os.uname().nodename.partition(".")[0]


def make_host(*, values: bool = False) -> Host:
    """Handles of this process; the mirror is followed once ``mirror.start()`` was called, with ``values`` all of it."""
    return Host(node=node_name(), store=Store(), mirror=Mirror(values=values), run=run)
