"""Commands in mount and process namespaces of their own, which end with them: whatever kills them, or the task that
waits for them, leaves no mount, no loop device and no process behind."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import CommandFailed, HostError
from hostd.core.run import Run, run

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
    try:
        result = run(isolated_argv([sys.executable, "-m", module]), timeout_s=timeout_s, input=given.encode())
    except CommandFailed as err:
        lines = [line for line in err.stderr.splitlines() if line.strip()]
        raise HostError("; ".join(lines[-3:]) or str(err)) from err
    return result.stdout


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Commands one after the other, each with at most ``timeout_s``. They find the empty folders FROM and TO."""

    argvs: tuple[tuple[str, ...], ...]
    timeout_s: float


def run_isolated(run: Run, argvs: Sequence[Sequence[str]], *, timeout_s: float) -> None:
    """Raises HostError."""
    given = json.dumps({"argvs": [list(argv) for argv in argvs], "timeout_s": timeout_s})
    run_module(run, "hostd.guests.lxc.isolated", given, timeout_s * max(len(argvs), 1))


def perform(run: Run, work: Commands) -> None:
    os.makedirs(_WORK, mode=0o700, exist_ok=True)
    run(["mount", "-t", "tmpfs", "-o", "size=1M,mode=0700", "tmpfs", _WORK])
    for folder in (FROM, TO):
        os.mkdir(folder)
    for argv in work.argvs:
        run(list(argv), timeout_s=work.timeout_s)


def main() -> int:
    values = json.loads(sys.stdin.read())
    work = Commands(argvs=tuple(tuple(argv) for argv in values["argvs"]), timeout_s=float(values["timeout_s"]))
    try:
        perform(run, work)
    except CommandFailed as err:
        print(err.stderr.strip() or str(err), file=sys.stderr)
        return 1
    except OSError as err:
        print(err, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
