"""hostd-ct@ID: one container. Prepares it and becomes LXC's own process, so that no code of ours stays behind."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from hostd.cluster.store import Mirror, Store
from hostd.core.errors import HostError
from hostd.core.run import run
from hostd.guests.lxc.launch import launch
from hostd.node.host import Host


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0].isdecimal():
        print("usage: python3 -m hostd.daemons.ct ID", file=sys.stderr)
        return 2
    node = os.uname().nodename.partition(".")[0]
    try:
        argv = launch(Host(node=node, store=Store(), mirror=Mirror(), run=run), int(arguments[0]))
    except HostError as err:
        print(err, file=sys.stderr)
        return 1
    return become(argv)


def become(argv: list[str]) -> NoReturn:
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
