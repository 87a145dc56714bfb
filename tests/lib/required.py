"""What a test needs of its machine: where it is missing the test is skipped, or fails if it must be there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from typing import NoReturn

import pytest


def missing(what: str, reason: str) -> NoReturn:
    """Skip; fail where the variable ``REQUIRE`` (names with commas between) has ``what``."""
    if what in os.environ.get("REQUIRE", "").split(","):
        pytest.fail(f"required but not here: {reason}")
    pytest.skip(reason)


def lack(programs: Iterable[str], task: str) -> str:
    """Why this machine cannot do a ``task`` of root's with these programs, "" if it can."""
    if os.geteuid() != 0:
        return f"only root can {task}"
    absent = [name for name in programs if not shutil.which(name)]
    return f"not installed: {', '.join(absent)}" if absent else ""
