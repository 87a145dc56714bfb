"""Live values of every guest of this node: one call to libvirt for all machines, kernel files for the containers."""

from __future__ import annotations

import logging
from typing import Any

from hostd.core.errors import HostError
from hostd.guests.lxc.sampling import ContainerSampler
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.machines import Machines
from hostd.guests.qemu.sampling import MachineSampler
from hostd.node.host import Host

log = logging.getLogger(__name__)


class Sampler:
    """``sample`` by guest id; guests that do not run are not among them."""

    def __init__(
        self, host: Host, machines: Machines | None = None, containers: ContainerSampler | None = None
    ) -> None:
        self._libvirt = machines or LibvirtMachines()
        self._machines = MachineSampler()
        self._containers = containers or ContainerSampler(host)
        self._silent = False

    def sample(self, now_s: float) -> dict[int, dict[str, Any]]:
        """``now_s`` is monotonic, in seconds. While libvirt is away, containers are still told."""
        found: dict[int, dict[str, Any]] = {**self._containers.sample(now_s)}
        try:
            found |= self._machines.sample(self._libvirt.stats(), now_s)
        except HostError as err:
            if not self._silent:  # said once, not at every sample
                log.warning("virtual machines cannot be sampled: %s", err)
            self._silent = True
            return found
        self._silent = False
        return found
