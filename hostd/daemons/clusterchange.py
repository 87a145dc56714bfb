"""hostd-cluster-change: carries out what ``pvecm create``, ``join`` and ``leave`` have prepared."""

from __future__ import annotations

import logging
import sys

from hostd.clustering import carry, change
from hostd.core.errors import HostError
from hostd.daemons.wiring import logging_to_stderr, make_host

log = logging.getLogger("hostd-cluster-change")


def say(text: str) -> None:
    """To the journal, and to the task that shows it."""
    log.info("%s", text)
    with carry.PROGRESS.open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


def main() -> int:
    logging_to_stderr()
    wanted = change.pending()
    if wanted is None:
        return 0
    try:
        carry.carry_out(make_host(), wanted, say)
    except carry.Refused as err:
        say(f"{carry.FAILED}{err}")
        change.done()
    except HostError as err:
        log.error("%s", err)
        return 1  # systemd starts it again
    return 0


if __name__ == "__main__":
    sys.exit(main())
