"""The one door to programs."""

from __future__ import annotations

import logging
import time

import pytest

from hostd.core.errors import CommandFailed
from hostd.core.run import Secret, run


def test_output_is_returned() -> None:
    result = run(["printf", "a\\nb"])
    assert (result.stdout, result.code) == ("a\nb", 0)


def test_input_and_language() -> None:
    assert run(["cat"], input=b"x").stdout == "x"
    assert "LC_ALL=C.UTF-8" in run(["env"]).stdout


def test_failure_names_program_code_and_text() -> None:
    with pytest.raises(CommandFailed, match="failed: exit code 3: gone") as caught:
        run(["sh", "-c", "echo gone >&2; exit 3"])
    assert (caught.value.code, caught.value.stderr) == (3, "gone\n")
    assert run(["false"], check=False).code == 1


def test_a_missing_program_is_named() -> None:
    with pytest.raises(CommandFailed, match="program 'no-such-program' is not installed"):
        run(["no-such-program"])


def test_the_whole_group_ends_with_the_time() -> None:
    start = time.monotonic()
    with pytest.raises(CommandFailed, match=r"did not end within 0\.5 s"):
        run(["sh", "-c", "sleep 30 & sleep 30"], timeout_s=0.5)
    assert time.monotonic() - start < 20


def test_lines_come_as_they_are_written() -> None:
    lines: list[str] = []
    run(["sh", "-c", "echo a; echo b >&2"], on_line=lines.append)
    assert sorted(lines) == ["a", "b"]


def test_secrets_are_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert run(["printf", Secret("hunter2")]).stdout == "hunter2"
    with pytest.raises(CommandFailed) as caught:
        run(["false", Secret("hunter2")])
    assert "hunter2" not in caplog.text + str(caught.value) + repr(caught.value.argv) + repr(Secret("hunter2"))
