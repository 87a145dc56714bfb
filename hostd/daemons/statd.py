"""hostd-statd: samples node, guests and storages in the background and pushes each sample to its listeners.

It moves the balloons of machines by what the host has.

It also tells the other nodes: samples, and news of tasks and events.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from hostd.cluster.store import Store
from hostd.core.errors import HostError
from hostd.core.notify import notify
from hostd.daemons.wiring import logging_to_stderr, make_host
from hostd.guests import index as guests_index
from hostd.guests.ballooner import Ballooner
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.sampling import Sampler
from hostd.node import kvm_probe
from hostd.node.feed import Publisher
from hostd.node.history import History
from hostd.node.samples import Announcer
from hostd.node.status import NodeSampler
from hostd.storage.sampling import StorageSampler
from hostd.tasks.archive import Archive
from hostd.tasks.shared import Teller

log = logging.getLogger(__name__)
INTERVAL_S = 2.0
# Asking storages starts programs, so they are asked less often.
STORAGE_INTERVAL_S = 10.0


def _tell_others(
    sample: Callable[[float], object], news: Callable[[float], object], now_s: float, silent: bool
) -> bool:
    """Whether the store does not take values now, which is said once."""
    try:
        sample(now_s)
        news(now_s)
    except (HostError, OSError) as err:
        if not silent:
            log.warning("other nodes are not told: %s", err)
        return True
    return False


def main() -> None:
    logging_to_stderr()
    host = make_host()
    host.mirror.start()
    node, guests, storages = NodeSampler(), Sampler(host), StorageSampler(host.mirror, host.run)
    publisher, history = Publisher(group="hostd"), History(host.node)
    # With little patience: the next sample must not wait for a store that is being started again.
    others = Store(timeout_s=0.5)
    announcer, teller = Announcer(others.publish, guests_index.LIVE), Teller(others.publish, Archive())
    kvm_probe.verdict(host.run)  # told by the API, whose front may not open /dev/kvm
    notify("READY=1")
    # In a thread and with a connection of its own: a call that libvirt keeps waiting holds up no sample.
    balloons = Ballooner(host, LibvirtMachines())
    threading.Thread(target=balloons.run, name="ballooner", daemon=True).start()
    space: dict[str, object] = {}
    silent = False
    asked = -STORAGE_INTERVAL_S
    while True:
        now_s = time.monotonic()
        try:
            if now_s - asked >= STORAGE_INTERVAL_S:
                asked = now_s
                space = dict(storages.sample())
            sample: dict[str, Any] = {"node": node.sample(), "guests": guests.sample(now_s), "storages": space}
            publisher.publish(sample)
            history.keep(sample, time.time())
        except (HostError, OSError) as err:
            log.warning("sampling: %s", err)
        else:
            silent = _tell_others(partial(announcer.take, sample), teller.look, now_s, silent)
        time.sleep(INTERVAL_S)


if __name__ == "__main__":
    main()
