"""Commands in mount and process namespaces of their own, which end with them: whatever kills them, or the task that
waits for them, leaves no mount, no loop device and no process behind."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import CommandFailed, HostError
from hostd.core.run import Run, run

_MODULE: Final = "hostd.guests.lxc.isolated"
_STDIN, _STDOUT = 0, 1
# Two places to mount on, made on a file system in memory that nobody else sees.
_WORK: Final = "/run/hostd/work"
FROM: Final = f"{_WORK}/from"
TO: Final = f"{_WORK}/to"


def isolated_argv(program: list[str]) -> list[str]:
    """Run a program in namespaces of its own that die with the caller: setpriv(1), unshare(1)."""
    return [
        "setpriv", "--pdeathsig", "KILL", "--",
        "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "--",
        *program,
    ]  # fmt: skip


def run_module(run: Run, module: str, given: str, timeout_s: float) -> str:
    """One of our modules in a process of its own, with its input; its output. HostError with the last words of what
    failed."""
    with _last_words():
        result = run(isolated_argv([sys.executable, "-m", module]), timeout_s=timeout_s, input=given.encode())
    return result.stdout


@contextlib.contextmanager
def _last_words() -> Iterator[None]:
    """HostError with the last words of what failed."""
    try:
        yield
    except CommandFailed as err:
        lines = [line for line in err.stderr.splitlines() if line.strip()]
        raise HostError("; ".join(lines[-3:]) or str(err)) from err


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Commands one after the other, each with at most ``timeout_s``. They find the empty folders FROM and TO."""

    argvs: tuple[tuple[str, ...], ...]
    timeout_s: float

    def to_json(self) -> str:
        return json.dumps({"argvs": self.argvs, "timeout_s": self.timeout_s})

    @classmethod
    def from_json(cls, text: str) -> Commands:
        values = json.loads(text)
        return cls(argvs=tuple(tuple(argv) for argv in values["argvs"]), timeout_s=float(values["timeout_s"]))


def _commands(argvs: Sequence[Sequence[str]], timeout_s: float) -> Commands:
    return Commands(argvs=tuple(tuple(argv) for argv in argvs), timeout_s=timeout_s)


def run_isolated(run: Run, argvs: Sequence[Sequence[str]], *, timeout_s: float) -> None:
    """Raises HostError."""
    run_module(run, _MODULE, _commands(argvs, timeout_s).to_json(), timeout_s * max(len(argvs), 1))


def run_piped(
    run: Run, argvs: Sequence[Sequence[str]], *, timeout_s: float, stdin: int | None = None, stdout: int | None = None
) -> None:
    """The same, where the last command reads from or writes to an open file. What is run shows in the process list.

    Raises HostError.
    """
    given = _commands(argvs, timeout_s).to_json()
    program = isolated_argv([sys.executable, "-m", _MODULE, given])
    with _last_words():
        run(program, timeout_s=timeout_s * max(len(argvs), 1), stdin=stdin, stdout=stdout)


def perform(run: Run, work: Commands, *, piped: bool = False) -> None:
    """``piped``: the last command has this process's own input and output."""
    os.makedirs(_WORK, mode=0o700, exist_ok=True)
    run(["mount", "-t", "tmpfs", "-o", "size=1M,mode=0700", "tmpfs", _WORK])
    for folder in (FROM, TO):
        os.mkdir(folder)
    for argv in work.argvs[:-1] if piped else work.argvs:
        run(list(argv), timeout_s=work.timeout_s)
    if piped:
        run(list(work.argvs[-1]), timeout_s=work.timeout_s, stdin=_STDIN, stdout=_STDOUT)


def main(arguments: list[str]) -> int:
    work = Commands.from_json(arguments[0] if arguments else sys.stdin.read())
    try:
        perform(run, work, piped=bool(arguments))
    except CommandFailed as err:
        print(err.stderr.strip() or str(err), file=sys.stderr)
        return 1
    except OSError as err:
        print(err, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
