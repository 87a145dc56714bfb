"""Where a container's file is, and which volumes are its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from hostd.core.formats.keyvalue import GuestFile
from hostd.guests.config import GuestKind, GuestPath
from hostd.guests.lxc import mounts
from hostd.node.host import Host


def where(host: Host, vmid: int) -> GuestPath:
    return GuestPath(node=host.node, kind=GuestKind.LXC, vmid=vmid)


def owned(vmid: int) -> Callable[[str, str], str]:
    return partial(mounts.owned_volume, vmid=vmid)


def all_volumes(file: GuestFile, vmid: int) -> list[str]:
    """Every volume that the container owns: now, waiting, in snapshots."""
    sections: list[Mapping[str, str]] = [file.current, file.pending, *(s.values for s in file.snapshots.values())]
    names = (mounts.owned_volume(key, value, vmid) for values in sections for key, value in values.items())
    return sorted({name for name in names if name})
