"""What tests wait with: a wait that never fails would hide what it waits for."""

from __future__ import annotations

import pytest

from tests.lib.waiting import eventually, throughout


def test_the_first_true_answer_ends_it() -> None:
    left: list[object] = ["more", "there", "", 0]
    assert eventually(left.pop, 10) == "there"
    assert left == ["more"]


def test_what_never_comes_is_told_with_the_last_answer() -> None:
    with pytest.raises(AssertionError, match=r"the lamp: not within 0\.02 s, still \[\]"):
        eventually(lambda: list[str](), 0.02, "the lamp")


def test_only_errors_that_are_named_count_as_false() -> None:
    left = [True]

    def check() -> bool:
        if len(left) == 1:
            left.append(True)
            raise OSError("not yet")
        return True

    assert eventually(check, 10, errors=(OSError,))
    left.pop()
    with pytest.raises(OSError, match="not yet"):
        eventually(check, 10, errors=(KeyError,))


def test_what_does_not_stay_is_told() -> None:
    throughout(lambda: True, 0.02)
    left = [False, True]
    with pytest.raises(AssertionError):
        throughout(left.pop, 0.02)
