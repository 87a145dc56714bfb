"""Lists of guests: one pass over the copy in memory and the last sample, whatever their number."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hostd.cluster.store import Mirror
from hostd.core.errors import Conflict, HostError
from hostd.core.formats.keyvalue import parse_guest
from hostd.guests.config import HIGHEST_ID, LOWEST_ID, GuestKind, GuestPath, parse_path
from hostd.guests.lxc import config as containers
from hostd.guests.qemu import config as machines
from hostd.guests.qemu.devices import cpu

LIVE: Final = ("cpu", "mem", "memhost", "disk", "diskread", "diskwrite", "netin", "netout", "uptime")
_STILL: Final[Mapping[str, object]] = dict.fromkeys(LIVE, 0)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What lists show of a configuration. Sizes in bytes; ``cpus`` 0: as many as the node has."""

    name: str
    tags: str
    template: bool
    lock: str
    cpus: float = 0
    memory: int = 0
    swap: int = 0
    disk: int = 0
    serial: bool = False
    agent: bool = False


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A guest somewhere in the cluster."""

    where: GuestPath
    summary: Summary


def entries(mirror: Mirror) -> Iterator[Entry]:
    """Every guest of the cluster, by path."""
    for file in mirror.glob("nodes/"):
        where = parse_path(file.path)
        if where is not None:
            yield Entry(where=where, summary=summarize(where.kind, where.vmid, file.data))


@functools.lru_cache(maxsize=16384)
def summarize(kind: GuestKind, vmid: int, data: bytes) -> Summary:
    """The summary of a file's bytes; the same bytes are read once."""
    values = parse_guest(data.decode(errors="replace"), pending=kind.pending).current
    summary = Summary(
        name=f"{kind.label}{vmid}",
        tags=values.get("tags", ""),
        template=values.get("template") == "1",
        lock=values.get("lock", ""),
    )
    try:
        if kind is GuestKind.QEMU:
            return replace(
                summary,
                name=values.get("name", machines.default_name(vmid)),
                cpus=cpu.topology(values).online,
                memory=machines.memory_bytes(values),
                disk=machines.boot_disk_bytes(values),
                serial=any(f"serial{n}" in values for n in range(4)),
                agent=machines.agent_enabled(values),
            )
        return replace(
            summary,
            name=values.get("hostname", containers.default_hostname(vmid)),
            cpus=container_cpus(values),
            memory=containers.memory_bytes(values),
            swap=containers.swap_bytes(values),
            disk=containers.root_bytes(values),
        )
    except (HostError, ValueError):  # a broken file is still listed, so that it can be repaired
        return summary


def container_cpus(values: Mapping[str, str]) -> float:
    """Processors that a container may use: the smaller of ``cpulimit`` and ``cores``; 0 when nothing limits it."""
    limits = [float(values.get("cpulimit", "0")), float(values.get("cores", "0"))]
    return min((limit for limit in limits if limit), default=0)


def live_values(sample: Mapping[str, Any]) -> dict[str, object]:
    """What a sample tells, with zeroes for a guest that does not run."""
    return {name: sample.get(name, 0) for name in LIVE} if sample else dict(_STILL)


Running = Mapping[int, Mapping[str, Any]]


def list_guests(mirror: Mirror, running: Callable[[str], Running | None]) -> list[dict[str, object]]:
    """Every guest as ``/cluster/resources`` shows it. ``running``: live values by node; None where nothing is known."""
    tables: dict[str, Running | None] = {}
    rows = []
    for file in mirror.glob("nodes/"):
        still = _still_row(file.path, file.data)
        if still is None:
            continue
        node, vmid, row = still
        if node not in tables:
            tables[node] = running(node)
        rows.append(_live_row(row, vmid, tables[node]))
    return rows


def _live_row(still: Mapping[str, object], vmid: int, running: Running | None) -> dict[str, object]:
    row = dict(still)
    if running is None:
        row["status"] = "unknown"
    elif sample := running.get(vmid):
        row["status"] = "running"
        for name in LIVE:
            row[name] = sample.get(name, 0)
    return row


@functools.lru_cache(maxsize=16384)
def _still_row(path: str, data: bytes) -> tuple[str, int, Mapping[str, object]] | None:
    """Node, id and row of a guest that does not run, from its file, which is read once; None for other files."""
    where = parse_path(path)
    if where is None:
        return None
    summary = summarize(where.kind, where.vmid, data)
    row: dict[str, object] = {
        "id": f"{where.kind}/{where.vmid}",
        "type": str(where.kind),
        "vmid": where.vmid,
        "node": where.node,
        "name": summary.name,
        "status": "stopped",
        "template": int(summary.template),
        "maxcpu": summary.cpus,
        "maxmem": summary.memory,
        "maxdisk": summary.disk,
        **_STILL,
    }
    told = row | {k: v for k, v in (("tags", summary.tags), ("lock", summary.lock)) if v}
    return where.node, where.vmid, told


def used_ids(mirror: Mirror) -> set[int]:
    """Every guest id of the cluster."""
    return {where.vmid for file in mirror.glob("nodes/") if (where := parse_path(file.path))}


def free_id(used: set[int], first: int = LOWEST_ID, last: int = HIGHEST_ID) -> int:
    """The lowest id between ``first`` and ``last`` that is not used. Conflict where there is none."""
    found = next((vmid for vmid in range(first, last + 1) if vmid not in used), None)
    if found is None:
        raise Conflict(f"no guest id is free between {first} and {last} (option next-id of the cluster)")
    return found


def kinds(mirror: Mirror) -> dict[int, str]:
    """Guest id → ``qemu`` or ``lxc``, by which lists of volumes are labelled."""
    return {where.vmid: str(where.kind) for file in mirror.glob("nodes/") if (where := parse_path(file.path))}
