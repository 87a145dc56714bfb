"""What the generated LXC configuration depends on besides the container's own file: facts of this node."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hostd.guests.lxc import cgroups
from hostd.guests.lxc.cgroups import Hierarchies, read_text

# The identities of unprivileged containers: users 0 to 65535 inside are 100000 to 165535 on the host, as in the
# reference, so that volumes can be exchanged.
FIRST_ID: Final = 100_000
ID_COUNT: Final = 65_536


@dataclass(frozen=True, kw_only=True)
class NodeFacts:
    """``apparmor``: the kernel enforces profiles. ``swap_limit``: this kernel can limit swap.

    ``cpus``: processors in use. ``busy_cpus``: for each processor that a running container is pinned to, once.
    """

    cgroup_version: int
    apparmor: bool
    swap_limit: bool
    cpus: tuple[int, ...]
    busy_cpus: tuple[int, ...] = ()
    arch: str = "x86_64"


def apparmor_enabled() -> bool:
    return read_text("/sys/module/apparmor/parameters/enabled").startswith("Y") and os.path.isdir(
        "/sys/kernel/security/apparmor"
    )


def hierarchies() -> Hierarchies:
    return cgroups.parse_mountinfo(read_text("/proc/self/mountinfo"))


def machine() -> str:
    """The processor architecture, as the kernel calls it."""
    return os.uname().machine


def gather(pinned: Iterable[str] = ()) -> NodeFacts:
    """Facts of this machine. ``pinned``: the processor lists of containers that run."""
    found = hierarchies()
    swap = found.version == 2 or os.path.exists(f"{found.mounts.get('memory')}/memory.memsw.limit_in_bytes")
    return NodeFacts(
        cgroup_version=found.version,
        apparmor=apparmor_enabled(),
        swap_limit=swap,
        cpus=cgroups.parse_cpu_list(read_text("/sys/devices/system/cpu/online")),
        busy_cpus=tuple(cpu for text in pinned for cpu in cgroups.parse_cpu_list(text)),
        arch=machine(),
    )


def choose_cpus(facts: NodeFacts, count: int) -> tuple[int, ...]:
    """The processors for a container that asks for ``count``: those that fewest others are pinned to. Empty: all."""
    if count == 0 or count >= len(facts.cpus):
        return ()
    return tuple(sorted(sorted(facts.cpus, key=lambda cpu: (facts.busy_cpus.count(cpu), cpu))[:count]))
