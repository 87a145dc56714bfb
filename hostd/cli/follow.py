"""Follows a task that a command started: prints its log until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from hostd.api.rootclient import Call
from hostd.core.errors import HostError

FIRST_S, LONGEST_S = 0.05, 0.5
"""Pauses between looks at a task: short ones first, as most tasks are."""
PAGE = 500


class TaskFailed(HostError):
    """The task ended with an error."""


def is_task(data: object) -> bool:
    return isinstance(data, str) and data.startswith("UPID:") and data.count(":") >= 8


def follow(call: Call, upid: str, out: TextIO, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Print the log of the task as it grows; TaskFailed when it did not end well (warnings are fine)."""
    node = upid.split(":")[1]
    path = f"/nodes/{node}/tasks/{upid}"
    printed, pause_s = 0, FIRST_S
    while True:
        status = call("GET", f"{path}/status", {}).data
        printed += _print_new(call, path, printed, out)
        if status.get("status") != "running":
            break
        sleep(pause_s)
        pause_s = min(pause_s * 1.5, LONGEST_S)
    while more := _print_new(call, path, printed, out):
        printed += more
    ended = str(status.get("exitstatus", "unexpected status"))
    if ended != "OK" and not ended.startswith("WARNINGS"):
        raise TaskFailed(f"task failed: {ended}; its log: pvenode task log {upid}")


def _print_new(call: Call, path: str, printed: int, out: TextIO) -> int:
    rows = call("GET", f"{path}/log", {"start": printed, "limit": PAGE}).data
    if printed == 0 and len(rows) == 1 and rows[0]["t"] == "no content":
        return 0
    for row in rows:
        print(row["t"], file=out)
    out.flush()
    return len(rows)
