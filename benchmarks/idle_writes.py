#!/usr/bin/env python3
"""How much a node writes to its disk while nothing happens, extrapolated to a day, and which processes do.

    benchmarks/idle_writes.py [--minutes M] [--path DIR]          on a running node, as root
    benchmarks/idle_writes.py --nodes N [--minutes M]             N light nodes with Corosync and the store's daemon

On a running node two things are read at the beginning and at the end: the block counters of the disk that DIR is on
(/proc/diskstats: everything, the file system's journal included) and what each process has caused (/proc/PID/io).
The nodes of `make cluster` have counters of their own where their folders (cluster-PORT-N below the cache's ``dev``)
are links to mounted disks, made before; then run it outside of them. Light nodes share their machine's disk with
everybody, so only their processes are counted; those of the first node are named. Exit code 1 when a node writes more
than the limit of 1 GB a day.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

LIMIT_BYTES = 10**9
DAY_S = 86400
SECTOR_BYTES = 512  # of /proc/diskstats, whatever the disk's are
SETTLE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Process:
    """``written``: bytes that it has caused to be written, taken back ones subtracted."""

    name: str
    written: int


def disk_of(path: Path) -> tuple[int, int]:
    """Major and minor number of the device that a path is on."""
    device = path.stat().st_dev
    return os.major(device), os.minor(device)


def sectors_written(device: tuple[int, int]) -> int:
    """From /proc/diskstats (kernel documentation, "I/O statistics fields"); raises SystemExit for what is no disk."""
    for line in Path("/proc/diskstats").read_text().splitlines():
        major, minor, _, *counters = line.split()
        if (int(major), int(minor)) == device:
            return int(counters[6])
    sys.exit(f"device {device[0]}:{device[1]} has no block counters; name a directory on a disk with --path")


def processes(pids: Iterable[int]) -> dict[int, Process]:
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):  # it has ended
            counters = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
            name = " ".join(words[:3]) or Path(f"/proc/{pid}/comm").read_text().strip()
            written = int(counters["write_bytes"]) - int(counters["cancelled_write_bytes"])
            found[pid] = Process(name=name, written=written)
    return found


def everybody() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def of_namespace(pid: int) -> list[int]:
    """All processes in the process namespace of ``pid``: those of a light node."""
    wanted = os.readlink(f"/proc/{pid}/ns/pid")
    found = []
    for other in everybody():
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{other}/ns/pid") == wanted:
                found.append(other)
    return found


def grown(before: Mapping[int, Process], after: Mapping[int, Process]) -> dict[str, int]:
    """Bytes written meanwhile, by name, most first; processes that ended meanwhile are not counted."""
    sums: dict[str, int] = {}
    for pid, process in after.items():
        more = process.written - (before[pid].written if pid in before else 0)
        if more > 0:
            sums[process.name] = sums.get(process.name, 0) + more
    return dict(sorted(sums.items(), key=lambda pair: -pair[1]))


def tell(what: str, written: int, seconds: float) -> bool:
    """One line; whether it is within the limit."""
    a_day = written * DAY_S / seconds
    verdict = "holds" if a_day < LIMIT_BYTES else "MISSED"
    print(f"{what:40}{written / 1e3:12.1f} kB{a_day / 1e6:12.1f} MB a day  (limit {LIMIT_BYTES / 1e6:g}) {verdict}")
    return a_day < LIMIT_BYTES


def name_writers(sums: Mapping[str, int]) -> None:
    for name, written in list(sums.items())[:10]:
        print(f"  {written / 1e3:10.1f} kB  {name}")


def running_node(path: Path, seconds: float) -> bool:
    device, before = disk_of(path), processes(everybody())
    sectors = sectors_written(device)
    time.sleep(seconds)
    written = (sectors_written(device) - sectors) * SECTOR_BYTES
    name_writers(grown(before, processes(everybody())))
    return tell(f"disk of {path}", written, seconds)


def light_nodes(count: int, seconds: float) -> bool:
    from tests.lib.storenodes import stores, together  # a running node has this file alone

    with stores(count) as (lab, nodes):
        together(nodes.values())
        time.sleep(SETTLE_S)
        before = {number: processes(of_namespace(node.pid)) for number, node in lab.nodes.items()}
        for number, by in before.items():
            written = sum(process.written for process in by.values())
            print(f"node{number}: {len(by)} processes, {written / 1e3:.1f} kB written since their start")
            assert written > 0, "the counters count"
        time.sleep(seconds)
        sums = {n: grown(before[n], processes(of_namespace(node.pid))) for n, node in lab.nodes.items()}
        name_writers(sums[1])
        verdicts = [tell(f"node{number}", sum(by.values()), seconds) for number, by in sums.items()]
        return all(verdicts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="default: %(default)s")
    parser.add_argument("--path", type=Path, default=Path("/var/lib"), help="on the disk (default: %(default)s)")
    parser.add_argument("--nodes", type=int, default=0, metavar="N", help="light nodes instead of this one")
    options = parser.parse_args()
    seconds = options.minutes * 60
    holds = light_nodes(options.nodes, seconds) if options.nodes else running_node(options.path, seconds)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
