"""hostd-ha-crm: the manager of high availability; of all nodes' one is master."""

from __future__ import annotations

import time
from dataclasses import replace

from hostd.access.ids import ROOT
from hostd.api.cluster.ha.movable import machines
from hostd.daemons.ha_wiring import make_surroundings, stop_on_signals
from hostd.daemons.wiring import logging_to_stderr
from hostd.guests.bulk_tasks import DaemonsTasks
from hostd.ha import stored
from hostd.ha.host.balancer import Balancer
from hostd.ha.host.devices import FenceAgents
from hostd.ha.host.loops import run_manager
from hostd.ha.host.manager_side import ManagerSide
from hostd.ha.host.recorder import Recorder, spawner
from hostd.tasks.client import DaemonTasks


def main() -> None:
    logging_to_stderr()
    stopping = stop_on_signals()
    around = make_surroundings("hostd-ha-crm")
    host = around.host
    recorder = Recorder(host, spawner(DaemonTasks(), ROOT))
    devices = FenceAgents(
        lambda: stored.fence_devices(host.mirror), host.run, around.clock_s, tell=recorder.device
    )  # fmt: skip
    recorder.follow()
    Balancer(host, around.locks, DaemonsTasks(ROOT), machines).follow()
    around = replace(around, tell=recorder.tell)
    run_manager(ManagerSide(around, devices), around.locks, stopping, time.sleep, devices.take_news)


if __name__ == "__main__":
    main()
