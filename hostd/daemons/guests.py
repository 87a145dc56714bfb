"""hostd-guests: the node's guests at its boot and at its end. ``start``, and ``stop`` when the unit is stopped.

Each guest has a task of its own, in root's name. The unit's other half, that nothing of ours which is merely restarted
touches a guest, is its ``RefuseManualStop``. Guests that high availability looks after are left to it.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Final

from hostd.access.ids import ROOT
from hostd.cluster.store import Mirror, Store
from hostd.core.errors import NotFound
from hostd.daemons.journal import JournalLog
from hostd.daemons.wiring import logging_to_stderr, make_host
from hostd.guests import bulk
from hostd.guests.bulk_tasks import DaemonsTasks, configs, runs
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.ha import config, stored
from hostd.ha.states import Requested
from hostd.migration import leftovers

log = logging.getLogger(__name__)
# Without quorum the configurations may be old, and a guest could run elsewhere already.
_QUORUM_S: Final = 600.0
_POLL_S: Final = 1.0


def wait_quorate(mirror: Mirror, timeout_s: float, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Whether the node had quorum in time; a node alone always has it."""
    end_s = time.monotonic() + timeout_s
    while (standing := mirror.members()) is not None and not standing.quorate:
        if time.monotonic() >= end_s:
            return False
        sleep(_POLL_S)
    return True


def managed(store: Store) -> set[int]:
    """Guests that high availability starts and moves itself; what it shall ignore is none of them."""
    try:
        text = store.read(stored.RESOURCES).data.decode(errors="replace")
    except NotFound:
        return set()
    services = config.parse_resources(text, {}).values()
    return {int(each.sid.partition(":")[2]) for each in services if each.requested is not Requested.IGNORED}


def main(arguments: list[str]) -> int:
    if arguments not in (["start"], ["stop"]):
        print("usage: python3 -m hostd.daemons.guests start|stop", file=sys.stderr)
        return 2
    logging_to_stderr()
    host, tasks, journal = make_host(values=True), DaemonsTasks(ROOT), JournalLog(log)
    leave = managed(host.store)
    if arguments == ["start"]:
        host.mirror.start()
        host.mirror.wait_ready(_QUORUM_S)
        if not wait_quorate(host.mirror, _QUORUM_S):
            log.error("no quorum after %d s: no guest is started; start them once it is back", _QUORUM_S)
            return 1
        leftovers.clear_all(host, journal, LibvirtMachines())
        members = bulk.wanted(configs(host.store, host.node), onboot=True, leave=leave)
        bulk.start(journal, tasks, bulk.in_order(members), runs)
    else:
        members = bulk.wanted(configs(host.store, host.node), leave=leave)
        bulk.stop(journal, tasks, bulk.in_order(members, reverse=True), runs, workers=bulk.WORKERS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
