"""Calls into Corosync that may take as long as it is busy with its membership (30 s with a witness that is away), for a
daemon that is to end at once: on cancellation the thread is left to itself, and the process's end takes it along.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import trio

CLOSE_S: Final = 1.0

T = TypeVar("T")


async def ask(call: Callable[..., T], *arguments: object) -> T:
    """What ``call`` returns, from a thread. When this is cancelled meanwhile, nobody may use what the call uses."""
    return await trio.to_thread.run_sync(call, *arguments, abandon_on_cancel=True)


async def close(*calls: Callable[[], None]) -> None:
    """Call each, also after a cancellation, and wait for them for a moment only."""

    def every() -> None:
        for call in calls:
            call()

    with trio.move_on_after(CLOSE_S, shield=True):
        await trio.to_thread.run_sync(every, abandon_on_cancel=True)
