"""Work in a child of the caller, for what it changes of itself alone: its name spaces, its rights."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable, Iterator
from typing import Final

from hostd.core.errors import HostError

_DONE: Final = "done"


@contextlib.contextmanager
def kept(work: Callable[[], None], what: str) -> Iterator[int]:
    """A child that has done ``work`` and stays, with its name spaces, until the end of this; its process id.

    It ends with the caller, however that ends. HostError with the child's words where the work cannot be done;
    ``what`` is done there, for an end without a word.
    """
    said, saying = os.pipe()
    held, holding = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for end in (said, holding):
                os.close(end)
            os.write(saying, _answer(work).encode(errors="replace"))
            os.close(saying)
            os.read(held, 1)  # until the other end is closed
        finally:  # whatever comes: it must not go on as a second copy of the caller
            os._exit(0)
    os.close(saying)
    os.close(held)
    try:
        with os.fdopen(said, "r", errors="replace") as words:
            answer = words.read()
        if answer != _DONE:
            raise HostError(answer.strip() or f"{what} ended without a word")
        yield child
    finally:
        os.close(holding)
        os.waitpid(child, 0)


def _answer(work: Callable[[], None]) -> str:
    try:
        work()
    except (OSError, HostError) as err:
        return str(err)
    except BaseException:  # noqa: BLE001 - a bug, or a signal: told to the caller as it is
        return traceback.format_exc()
    return _DONE
