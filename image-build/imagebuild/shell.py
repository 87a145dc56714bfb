"""The build's one door to programs: argument lists, output to a log file, the end of it shown when something fails."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from imagebuild.progress import say


class StepFailed(Exception):
    """A program failed; the message says which, and where its output is."""


def call(
    argv: Sequence[str | Path],
    *,
    log: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: bytes | None = None,
) -> None:
    """Run a program to its end. With ``log`` its output goes there and only the last lines are shown on failure."""
    words = [str(a) for a in argv]
    if log is None:
        code = subprocess.run(words, cwd=cwd, env=env, input=input, check=False).returncode
    else:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            sink.write(f"$ {shlex.join(words)}\n".encode())
            sink.flush()
            code = subprocess.run(
                words, cwd=cwd, env=env, input=input, stdout=sink, stderr=subprocess.STDOUT, check=False
            ).returncode
    if code != 0:
        if log is not None:
            for line in log.read_text(errors="replace").splitlines()[-25:]:
                say(f"    {line}")
        raise StepFailed(f"{words[0]} ended with code {code}" + (f"; all of its output: {log}" if log else ""))


def output(argv: Sequence[str | Path], *, cwd: Path | None = None) -> str:
    """Run a program and return its standard output; StepFailed with its error text on failure."""
    words = [str(a) for a in argv]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StepFailed(f"{shlex.join(words)}: {done.stderr.strip() or f'code {done.returncode}'}")
    return done.stdout


Process = subprocess.Popen[bytes]


def spawn(argv: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None) -> Process:
    """Start a program in the background, in its own session, its output in ``log``; it may outlive this process."""
    with log.open("ab") as sink:
        return subprocess.Popen(
            [str(a) for a in argv],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def succeeds(argv: Sequence[str | Path]) -> bool:
    """Whether a program ends with code 0; its output is thrown away."""
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0
