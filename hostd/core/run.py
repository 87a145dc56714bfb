"""The one door to other programs: argument lists only, always a time limit, the whole process group is ended."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hostd.core.errors import CommandFailed

log = logging.getLogger(__name__)


class Secret:
    """An argument that no log shows. A process list does show it: prefer ``input`` where a program reads stdin."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"


Arg = str | Secret


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a program left behind: ``code`` (negative: ended by that signal), decoded ``stdout`` and ``stderr``."""

    argv: list[str]
    code: int
    stdout: str
    stderr: str


class Run(Protocol):
    """How drivers start programs; tests pass a fake of the same form."""

    def __call__(
        self,
        argv: Sequence[Arg],
        *,
        timeout_s: float = 60,
        input: bytes | None = None,
        stdin: int | None = None,
        stdout: int | None = None,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Result: ...


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """The caller's environment with a fixed language, so that output can be parsed."""
    return {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "", **(extra or {})}


def run(
    argv: Sequence[Arg],
    *,
    timeout_s: float = 60,
    input: bytes | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Result:
    """Run a program and wait for it.

    ``input`` goes to stdin, or the open file ``stdin`` becomes it (otherwise it is /dev/null). What it writes is
    collected, unless it goes to the open file ``stdout``. ``on_line`` is called with each line of stdout as it comes
    (stderr is then joined to it). Raises CommandFailed on a code other than 0
    (unless ``check`` is off), on a time-out, and when the program does not exist (code 127).
    """
    plain = [a.reveal() if isinstance(a, Secret) else a for a in argv]
    shown = [str(a) for a in argv]
    log.debug("run: %s", shlex.join(shown))
    try:
        process = subprocess.Popen(
            plain,
            stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.STDOUT if on_line else subprocess.PIPE,
            cwd=cwd,
            env=_environment(env),
            start_new_session=True,
        )
    except FileNotFoundError as err:
        raise CommandFailed(shown, 127, "", f"program '{shown[0]}' is not installed") from err
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _kill_group(process)

    timer = threading.Timer(timeout_s, expire)
    timer.daemon = True
    timer.start()
    try:
        out, errors = _collect(process, input, on_line)
    finally:
        timer.cancel()
        if process.poll() is None:
            _kill_group(process)
            process.wait()
    if expired.is_set():
        raise CommandFailed(
            shown, process.returncode, errors, f"command '{' '.join(shown)}' did not end within {timeout_s:g} s"
        )
    if check and process.returncode != 0:
        raise CommandFailed(shown, process.returncode, errors or out)
    return Result(argv=shown, code=process.returncode, stdout=out, stderr=errors)


def _collect(
    process: subprocess.Popen[bytes], input: bytes | None, on_line: Callable[[str], None] | None
) -> tuple[str, str]:
    if on_line is None:
        out, err = process.communicate(input)
        return (out or b"").decode(errors="replace"), err.decode(errors="replace")
    if input is not None and process.stdin is not None:
        process.stdin.write(input)
        process.stdin.close()
    kept: list[str] = []
    if process.stdout is not None:
        for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip("\r\n")
            kept.append(line)
            on_line(line)
        process.stdout.close()
    process.wait()
    text = "\n".join(kept)
    return text, text


def attended(argv: Sequence[str]) -> None:
    """Run a program that may ask the person at this process's terminal; there is no time limit but theirs.

    Its input, output and errors are those of this process. Raises CommandFailed.
    """
    log.debug("run, attended: %s", shlex.join(argv))
    try:
        code = subprocess.run(list(argv), env=_environment(None), check=False).returncode
    except FileNotFoundError as err:
        raise CommandFailed(argv, 127, "", f"program '{argv[0]}' is not installed") from err
    if code != 0:
        raise CommandFailed(argv, code, "")
