"""What a host that wants to join brings along, and what of it the cluster cannot take. Pure.

A joining host gives up its own tree for the cluster's; only what lies below ``nodes/<its name>/`` comes along. So ids
must not meet, and what only its own files tell (storages, users) is named before it is gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MOST_CLOCK_S: Final = 5.0
_GUEST = re.compile(r"nodes/([^/]+)/(?:qemu-server|lxc)/([0-9]+)\.conf\Z")
# Lines of guests that name a volume: disks of machines, root and mount points of containers.
_VOLUME = re.compile(
    rb"^(?:scsi|virtio|ide|sata|efidisk|tpmstate|unused|rootfs|mp|vmstate)[0-9]*:\s*(?:[a-z]+=)?([A-Za-z][A-Za-z0-9._-]*):",
    re.MULTILINE,
)
_HEADER = re.compile(r"^([a-z0-9-]+):\s*(\S+)\s*$", re.MULTILINE)
_USER = re.compile(r"^(user|group|role|pool):([^:]+):", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Of a host or a cluster. ``guests``: node by id; ``storages``: type by id; ``used``: storage ids by guest id."""

    version: str
    time_s: float
    guests: Mapping[int, str] = field(default_factory=dict)
    storages: Mapping[str, str] = field(default_factory=dict)
    used: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    accounts: frozenset[tuple[str, str]] = frozenset()  # (user, group, role, pool or realm; its id)

    def to_wire(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "time": self.time_s,
            "guests": {str(k): v for k, v in self.guests.items()},
            "storages": dict(self.storages),
            "used": {str(k): list(v) for k, v in self.used.items()},
            "accounts": sorted(map(list, self.accounts)),
        }

    @classmethod
    def from_wire(cls, told: Mapping[str, Any]) -> Inventory:
        """Raises KeyError, TypeError, ValueError, AttributeError for what is none."""
        return cls(
            version=str(told["version"]),
            time_s=float(told["time"]),
            guests={int(k): str(v) for k, v in told["guests"].items()},
            storages={str(k): str(v) for k, v in told["storages"].items()},
            used={int(k): tuple(map(str, v)) for k, v in told["used"].items()},
            accounts=frozenset((str(kind), str(id)) for kind, id in told["accounts"]),
        )


def take(files: Iterable[tuple[str, bytes]], *, version: str, time_s: float) -> Inventory:
    """The inventory of a tree, from the paths and contents of its files."""
    guests: dict[int, str] = {}
    used: dict[int, tuple[str, ...]] = {}
    storages: dict[str, str] = {}
    accounts: set[tuple[str, str]] = set()
    for path, data in files:
        if match := _GUEST.match(path):
            guests[int(match[2])] = match[1]
            used[int(match[2])] = tuple(sorted({name.decode() for name in _VOLUME.findall(data)}))
        elif path == "storage.cfg":
            storages = {id: kind for kind, id in _HEADER.findall(data.decode(errors="replace"))}
        elif path == "domains.cfg":
            accounts |= {("realm", id) for _, id in _HEADER.findall(data.decode(errors="replace"))}
        elif path == "user.cfg":
            accounts |= set(_USER.findall(data.decode(errors="replace")))
    return Inventory(
        version=version, time_s=time_s, guests=guests, storages=storages, used=used, accounts=frozenset(accounts)
    )


def refusals(joiner: Inventory, cluster: Inventory) -> list[str]:
    """Everything for which the host cannot join; each a sentence that says what to do."""
    found = list(_ids(joiner, cluster))
    if _level(joiner.version) != _level(cluster.version):
        found.append(
            f"the versions differ: {joiner.version} here, {cluster.version} in the cluster; upgrade the older one first"
        )
    if (away_s := abs(joiner.time_s - cluster.time_s)) > MOST_CLOCK_S:
        found.append(
            f"the clocks are {away_s:.0f} s apart, {MOST_CLOCK_S:g} s are allowed; check chronyd on both hosts"
        )
    for vmid in sorted(joiner.used):
        missing = [id for id in joiner.used[vmid] if id in joiner.storages and id not in cluster.storages]
        if missing:
            found.append(
                f"guest {vmid} uses storage '{missing[0]}', which the cluster does not know; add it there "
                f"(pvesm add {joiner.storages[missing[0]]} {missing[0]} …, with --nodes for this host alone)"
            )
    return found


def _ids(joiner: Inventory, cluster: Inventory) -> Iterator[str]:
    for vmid in sorted(joiner.guests.keys() & cluster.guests.keys()):
        yield f"guest id {vmid} exists here and on node '{cluster.guests[vmid]}' of the cluster; give one another id"
    for id in sorted(joiner.storages.keys() & cluster.storages.keys()):
        if joiner.storages[id] != cluster.storages[id]:
            yield (
                f"storage '{id}' is of type {joiner.storages[id]} here and {cluster.storages[id]} in the cluster; "
                "rename it or take it out here"
            )


def losses(joiner: Inventory, cluster: Inventory) -> list[str]:
    """What only the joining host's own files tell, which the cluster's replace: worth a warning."""
    gone = sorted(joiner.storages.keys() - cluster.storages.keys())
    found = [f"storage '{id}' of this host is not defined in the cluster and is no longer used" for id in gone]
    for kind, id in sorted(joiner.accounts - cluster.accounts):
        found.append(f"{kind} '{id}' of this host does not exist in the cluster and is gone")
    return found


def _level(version: str) -> tuple[str, ...]:
    """The parts of a version that must agree: ``0.1`` of ``0.1.7``."""
    return tuple(version.split(".")[:2])
