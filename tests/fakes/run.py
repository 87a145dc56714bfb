"""A ``Run`` that starts nothing: it notes what it was asked for and answers from a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hostd.core.errors import CommandFailed
from hostd.core.run import Arg, Result


class FakeRun:
    """``answers``: beginning of a command line → stdout, an exit code, or an exception; the longest one counts."""

    def __init__(self, answers: Mapping[str, str | int | Exception] | None = None) -> None:
        self.answers = dict(answers or {})
        self.calls: list[list[str]] = []
        self.inputs: list[bytes | None] = []

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
    ) -> Result:
        plain = [str(a) for a in argv]
        self.calls.append(plain)
        self.inputs.append(input)
        line = " ".join(plain)
        found = max((start for start in self.answers if line.startswith(start)), key=len, default=None)
        answer = self.answers[found] if found is not None else ""
        if isinstance(answer, Exception):
            raise answer
        code = answer if isinstance(answer, int) else 0
        if check and code:
            raise CommandFailed(plain, code, "faked")
        return Result(argv=plain, code=code, stdout=answer if isinstance(answer, str) else "", stderr="")
