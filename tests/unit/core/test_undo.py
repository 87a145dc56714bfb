"""Steps back."""

from __future__ import annotations

import pytest

from hostd.core.undo import Undo


def test_everything_is_undone_last_first() -> None:
    seen: list[int] = []
    with pytest.raises(KeyError), Undo() as undo:
        undo.add(seen.append, 1)
        undo.add(seen.append, 2)
        raise KeyError
    assert seen == [2, 1]


def test_keep_forgets_the_steps() -> None:
    seen: list[int] = []
    with Undo() as undo:
        undo.add(seen.append, 1)
        undo.keep()
    assert seen == []


def test_forgetting_keep_undoes() -> None:
    seen: list[int] = []
    with Undo() as undo:
        undo.add(seen.append, 1)
    assert seen == [1]


def test_a_failing_step_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []

    def broken() -> None:
        raise OSError("gone")

    with Undo() as undo:
        undo.add(seen.append, 1)
        undo.add(broken)
    assert seen == [1]
    assert "a step back failed" in caplog.text
