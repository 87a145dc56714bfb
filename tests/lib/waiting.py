"""Waiting in tests for what others bring about: no longer than it takes, and saying what never came."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")
FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 0.5


def eventually(
    check: Callable[[], Answer], timeout_s: float = 30, what: str = "", *, errors: tuple[type[Exception], ...] = ()
) -> Answer:
    """Call ``check`` until it returns something true, which is the answer.

    AssertionError after ``timeout_s`` seconds, with ``what`` was waited for and the last value; any error of ``check``
    ends the wait but those of ``errors``, which count as false.
    """
    deadline_s, pause_s = time.monotonic() + timeout_s, FIRST_PAUSE_S
    while True:
        last: object
        try:
            last = value = check()
            if value:
                return value
        except errors as err:
            last = err
        assert time.monotonic() < deadline_s, f"{what or 'it'}: not within {timeout_s} s, still {last!r}"
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def throughout(check: Callable[[], object], duration_s: float) -> None:
    """``check`` returns something true for as long as that; it is called at both ends and twice a second."""
    deadline_s = time.monotonic() + duration_s
    while True:
        over = time.monotonic() >= deadline_s
        assert check(), f"it did not stay for {duration_s} s"
        if over:
            return
        time.sleep(LONGEST_PAUSE_S)
