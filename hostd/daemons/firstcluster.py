"""hostd-first-cluster: at a host's first boot, begins or joins the cluster that its answer file named.

What can pass by waiting (the other node is not there yet) is tried again by systemd; the wish is removed when the host
is a member. The token is given on standard input: in a list of processes everybody could read it.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hostd.clustering import change
from hostd.core.errors import CommandFailed, ParseError
from hostd.core.run import Run, run
from hostd.daemons.wiring import logging_to_stderr

log = logging.getLogger("hostd-first-cluster")
WISH: Final = Path("/var/lib/hostd/first-cluster.json")
LIMIT_S: Final = 600


def command(wish: Mapping[str, object]) -> tuple[list[str], bytes]:
    """The program and its standard input. Raises ParseError for what the installer did not write."""
    if token := wish.get("join"):
        return ["pvecm", "join", "-"], f"{token}\n".encode()
    if name := wish.get("create"):
        return ["pvecm", "create", str(name)], b""
    raise ParseError(f"{WISH}: neither 'create' nor 'join' is in it")


def fulfil(place: Path, run: Run) -> None:
    """Bring the host where its answer file wanted it. Raises HostError where it has to be tried again."""
    if change.pending() is None and not change.is_member():
        argv, data = command(json.loads(place.read_bytes()))
        done = run(argv, input=data, timeout_s=LIMIT_S)
        log.info("%s", done.stdout.strip())
    place.unlink()


def main() -> int:
    logging_to_stderr()
    try:
        fulfil(WISH, run)
    except FileNotFoundError:
        return 0
    except CommandFailed as err:
        log.error("not yet: %s", err.stderr.strip() or err)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
