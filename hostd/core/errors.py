"""The kinds of expected failure. Domains raise them; only ``api/`` speaks HTTP and only ``cli/`` speaks exit codes.

Anything that is not a ``HostError`` is a bug and is logged with its traceback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar


class HostError(Exception):
    """Expected: the caller can act on it. ``str(error)`` is a sentence for people, without a traceback."""

    exit_code: ClassVar[int] = 1


class NotFound(HostError):
    """The named object does not exist."""

    exit_code = 2


class Conflict(HostError):
    """The object exists already, is locked, is in use, or was changed by somebody else meanwhile."""

    exit_code = 3


class Changed(Conflict):
    """The object was changed by somebody else since the caller read it; read it again, then repeat the change."""


class Denied(HostError):
    """The caller is known but may not do this."""

    exit_code = 4


class NotAuthenticated(HostError):
    """The caller's ticket, token or password is missing, wrong or expired."""

    exit_code = 5


class Unavailable(HostError):
    """A part that is needed does not answer (daemon down, no quorum, node away)."""

    exit_code = 6


class Unsupported(HostError):
    """Understood, but not possible here; the message says why."""

    exit_code = 7


class TimedOut(HostError):
    """The time allowed has passed; the message says what was waited for."""

    exit_code = 8


class ParseError(HostError):
    """A file or a tool's output does not have the form it should; the message names the line."""

    exit_code = 9


class Invalid(HostError):
    """Parameters are wrong.

    ``errors`` maps each parameter (nested ones dotted, ``a.b``, ``a[0]``) to a text saying what was found and what
    is allowed.
    """

    exit_code = 10

    def __init__(self, errors: Mapping[str, str], message: str = "Parameter verification failed.") -> None:
        super().__init__(message)
        self.errors: dict[str, str] = dict(errors)


class CommandFailed(HostError):
    """A program ended with a code other than 0 (``code`` is negative for a signal)."""

    exit_code = 11

    def __init__(self, argv: Sequence[str], code: int, stderr: str, reason: str = "") -> None:
        self.argv, self.code, self.stderr = list(argv), code, stderr
        tail = stderr.strip().splitlines()[-1:] or [""]
        super().__init__(
            reason or f"command '{' '.join(argv)}' failed: exit code {code}" + (f": {tail[0]}" if tail[0] else "")
        )
