"""Steps back for multi-step changes: what was done is undone, last first, unless ``keep()`` was reached."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec

log = logging.getLogger(__name__)
P = ParamSpec("P")


class Undo:
    """Context manager. Forgetting ``keep()`` undoes everything, so the first test of a change sees it.

    A step back that fails is logged and the next one is still tried; the error that caused the undoing is raised on.
    """

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def __enter__(self) -> Undo:
        return self

    def add(self, step: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Remember ``step(*args, **kwargs)`` as the way back from what was just done."""
        self._steps.append(lambda: step(*args, **kwargs))

    def keep(self) -> None:
        """The change is complete: forget the steps back."""
        self._steps.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._steps:
            step = self._steps.pop()
            try:
                step()
            except Exception:  # the other steps back must still run
                log.exception("undo: a step back failed")
