"""hostd-ha-lrm: the agent of high availability; starts, stops and moves the guests of this node as the manager says."""

from __future__ import annotations

import time
from dataclasses import replace

from hostd.access.ids import ROOT
from hostd.api.cluster.ha.movable import in_the_way
from hostd.daemons.ha_wiring import make_surroundings, stop_on_signals
from hostd.daemons.wiring import logging_to_stderr
from hostd.guests.bulk_tasks import DaemonsTasks
from hostd.ha.host import shutdowns
from hostd.ha.host.agent_side import AgentSide
from hostd.ha.host.guests import HostGuests
from hostd.ha.host.loops import run_agent
from hostd.ha.host.selffence import SelfFence, end_guests
from hostd.ha.host.side import to_log
from hostd.ha.host.watchdogs import Both


def main() -> None:
    logging_to_stderr()
    stopping = stop_on_signals()
    around = make_surroundings("hostd-ha-lrm")
    mirror, locks = around.host.mirror, around.locks
    fence = SelfFence(lambda: end_guests(mirror, locks), around.clock_s)
    fence.follow()
    around = replace(around, watchdog=Both(around.watchdog, fence))
    guests = HostGuests(around.host, around.locks, DaemonsTasks(ROOT), to_log, in_the_way=in_the_way)
    side = AgentSide(around, guests)
    run_agent(side, around.locks, stopping, time.sleep, lambda: shutdowns.kind(around.host.run))


if __name__ == "__main__":
    main()
