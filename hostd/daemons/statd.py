"""hostd-statd: samples node, guests and storages in the background and pushes each sample to its listeners."""

from __future__ import annotations

import logging
import time
from typing import Any

from hostd.core.errors import HostError
from hostd.core.notify import notify
from hostd.daemons.wiring import logging_to_stderr, make_host
from hostd.guests.sampling import Sampler
from hostd.node import kvm_probe
from hostd.node.feed import Publisher
from hostd.node.history import History
from hostd.node.status import NodeSampler
from hostd.storage.sampling import StorageSampler

log = logging.getLogger(__name__)
INTERVAL_S = 2.0
# Asking storages starts programs, so they are asked less often.
STORAGE_INTERVAL_S = 10.0


def main() -> None:
    logging_to_stderr()
    host = make_host()
    host.mirror.start()
    node, guests, storages = NodeSampler(), Sampler(host), StorageSampler(host.mirror, host.run)
    publisher, history = Publisher(group="hostd"), History(host.node)
    kvm_probe.verdict(host.run)  # told by the API, whose front may not open /dev/kvm
    notify("READY=1")
    space: dict[str, object] = {}
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
        time.sleep(INTERVAL_S)


if __name__ == "__main__":
    main()
