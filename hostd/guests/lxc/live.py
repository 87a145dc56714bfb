"""Limits of a running container that change at once: the files of its control groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hostd.core.errors import HostError
from hostd.guests.lxc import cgroups, facts, running
from hostd.guests.lxc import runtime_config as runtime
from hostd.guests.lxc.cgroups import Groups
from hostd.guests.lxc.config import Container

KEYS: Final = frozenset({"memory", "swap", "cpulimit", "cpuunits", "cores"})


def set_limits(container: Container) -> None:
    """Bring a running container's limits to what its configuration says. HostError where the kernel refuses one."""
    found = running.groups(container.vmid)
    if found is None:
        raise HostError(f"the control groups of CT {container.vmid} are not known")
    others = [text for vmid, text in running.pins().items() if vmid != container.vmid]
    node = facts.gather(others)
    write(found, runtime.limits(container, node, live=True))
    cpus = cgroups.format_cpu_list(facts.choose_cpus(node, container.cores))
    running.record_cpus(container.vmid, cpus)


def write(groups: Groups, values: Mapping[str, str | int]) -> None:
    """Write files of control groups by their names (``memory.max``).

    Version 1 takes a limit of memory only below that of memory with swap: what is refused is tried again after the
    others, as long as one more succeeds.
    """
    left = dict(values)
    while left:
        refused: dict[str, OSError] = {}
        for name, value in left.items():
            try:
                _write(groups, name, str(value))
            except OSError as err:
                refused[name] = err
        if len(refused) == len(left):
            name, error = next(iter(refused.items()))
            raise HostError(f"{name} cannot become {left[name]}: {error.strerror or error}") from error
        left = {name: left[name] for name in refused}


def _write(groups: Groups, name: str, value: str) -> None:
    folder = groups.folder(name.partition(".")[0])
    if folder is None:
        raise FileNotFoundError(2, "this machine has no such limit")
    with open(f"{folder}/{name}", "w", encoding="ascii") as file:
        file.write(value)
