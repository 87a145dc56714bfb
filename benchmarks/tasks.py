#!/usr/bin/env python3
"""How long lists of tasks take with 10,000 ended ones, through the application without a network.

``python3 benchmarks/tasks.py [COUNT]``; the target is 50 ms for a page of the list.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hostd.api.nodes import tasks
from hostd.tasks.archive import Archive
from hostd.tasks.upid import Upid
from tests.unit.api.conftest import Site

QUERIES = ("limit=50", "limit=500", "limit=0", "errors=1", "vmid=123", "userfilter=pve&limit=20")
ROUNDS = 15
TARGET_MS = 50


def fill(folder: Path, count: int) -> Archive:
    """An index of ``count`` ended tasks, in the form that the task daemon writes."""
    archive = Archive(logs=str(folder), running=str(folder / "running"))
    with open(folder / "index", "w", encoding="utf-8") as file:
        for n in range(count):
            user = "root@pam" if n % 3 else "robot@pve!ci"
            upid = Upid(
                node="alpha", pid=1000 + n, pstart=n, starttime=1_700_000_000 + n, type="qmstart",
                id=str(100 + n % 900), user=user,
            )  # fmt: skip
            status = "OK" if n % 20 else "start failed: the disk is full"
            file.write(f"{upid} {1_700_000_003 + n:08X} {status}\n")
    return archive


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        archive = fill(Path(folder), count)
        tasks.Archive = lambda: archive  # type: ignore[assignment,misc]
        site = Site({})
        worst = 0.0
        for query in QUERIES:
            took = []
            for _round in range(ROUNDS):
                begin = time.perf_counter()
                answer = site.get(f"/nodes/alpha/tasks?{query}")
                took.append((time.perf_counter() - begin) * 1000)
                assert answer.status_code == 200
            first, rest = took[0], statistics.median(took[1:])
            worst = max(worst, rest) if query != "limit=0" else worst
            print(f"{query:28} first {first:6.1f} ms, then {rest:6.1f} ms, {len(answer.data) / 1024:7.0f} KiB")
    print(f"slowest page of {count} tasks: {worst:.1f} ms (target {TARGET_MS} ms)")
    return 0 if worst < TARGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())
