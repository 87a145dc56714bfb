"""Memory: NUMA nodes inside the guest, huge pages of the host, where on the host the memory may lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from hostd.core.errors import Conflict
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.guests.qemu.devices.cpu import Topology
from hostd.guests.qemu.devices.xml import element

NODE_FORMAT: Final = Format(name="pve-qm-numanode")
_NODES: Final = 8
_MODES: Final[Mapping[str, str]] = {"preferred": "preferred", "bind": "strict", "interleave": "interleave"}
_KIB_PER_MIB: Final = 1024
_BIG_MIB: Final = 1024
_SMALL_MIB: Final = 2


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One NUMA node of the guest: processors (``0-1,4``), memory, and where that lies on the host."""

    index: int
    cpus: str
    memory_mib: int
    host_nodes: str = ""
    policy: str = ""


def cells(config: Mapping[str, str], shape: Topology, memory_mib: int) -> list[Cell]:
    """NUMA nodes: those of ``numa<n>``, else one for each socket; none unless ``numa`` is on.

    Conflict when the nodes' memory or processors are not those of the machine.
    """
    if config.get("numa", "0") != "1":
        return []
    if not any(re.fullmatch(r"numa\d+", key) for key in config):
        if memory_mib % shape.sockets:
            raise Conflict(f"memory: {memory_mib} MiB cannot be divided among {shape.sockets} sockets; change one")
        size = memory_mib // shape.sockets
        return [
            Cell(index=n, cpus=_span(n * shape.cores, (n + 1) * shape.cores - 1), memory_mib=size)
            for n in range(shape.sockets)
        ]
    found = []
    for index in range(_NODES):
        if f"numa{index}" not in config:
            continue
        values = propstring.validate(config[f"numa{index}"], NODE_FORMAT)
        if "memory" not in values:
            raise Conflict(f"numa{index}: no memory given")
        found.append(
            Cell(
                index=index,
                cpus=values["cpus"].replace(";", ","),
                memory_mib=int(float(values["memory"])),
                host_nodes=values.get("hostnodes", "").replace(";", ","),
                policy=values.get("policy", "preferred") if "hostnodes" in values else "",
            )
        )
    if (total := sum(cell.memory_mib for cell in found)) != memory_mib:
        raise Conflict(f"numa: the nodes have {total} MiB together, the machine has {memory_mib} MiB")
    if (many := len({n for cell in found for n in spread(cell.cpus)})) != shape.most:
        raise Conflict(f"numa: the nodes have {many} processors together, the machine has {shape.most}")
    return found


def _span(first: int, last: int) -> str:
    return f"{first}-{last}" if last > first else str(first)


def spread(text: str) -> list[int]:
    """``0-2,5`` → [0, 1, 2, 5]."""
    found: list[int] = []
    for part in re.split(r"[,;]", text):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def page_kib(config: Mapping[str, str], nodes: list[Cell], memory_mib: int) -> int:
    """Size of huge pages, KiB; 0: none. ``any``: the big ones where every node's memory is a multiple of them."""
    wanted = config.get("hugepages", "")
    if not wanted:
        return 0
    sizes = [cell.memory_mib for cell in nodes] or [memory_mib]
    page = int(wanted) if wanted != "any" else _SMALL_MIB if any(size % _BIG_MIB for size in sizes) else _BIG_MIB
    for size in sizes:
        if size % page:
            raise Conflict(f"hugepages: {size} MiB of memory is no multiple of {page} MiB")
    return page * _KIB_PER_MIB


def cell_elements(nodes: list[Cell]) -> list[Element]:
    """``<cell>`` of ``<cpu><numa>``."""
    return [element("cell", id=c.index, cpus=c.cpus, memory=c.memory_mib, unit="MiB") for c in nodes]


def tune_element(nodes: list[Cell]) -> Element | None:
    """``<numatune>``: which of the host's nodes each of the guest's nodes takes its memory from."""
    rows = [
        element("memnode", cellid=c.index, mode=_MODES[c.policy], nodeset=c.host_nodes) for c in nodes if c.host_nodes
    ]
    return element("numatune", *rows) if rows else None


def backing_element(config: Mapping[str, str], kib: int) -> Element | None:
    """``<memoryBacking>``: huge pages, and memory that the host does not merge with that of others."""
    pages = element("hugepages", element("page", size=kib, unit="KiB")) if kib else None
    alone = element("nosharepages") if config.get("allow-ksm") == "0" else None
    return element("memoryBacking", pages, alone) if pages is not None or alone is not None else None
