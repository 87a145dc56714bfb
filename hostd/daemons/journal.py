"""A task's log for work that no task does: its lines go to the journal."""

from __future__ import annotations

import logging


class JournalLog:
    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def info(self, text: str) -> None:
        self._log.info("%s", text)

    def warn(self, text: str) -> None:
        self._log.warning("%s", text)

    def progress(self, fraction: float, text: str = "") -> None:
        """Nobody watches."""
