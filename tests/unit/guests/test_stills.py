"""States of a running guest for a copy of it: it is held as short as can be, and nothing is left of a killed one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hostd.cluster import locks
from hostd.guests import notes, stills


@dataclass
class Steps:
    """Says what it is asked for; ``dies``: at which volume."""

    dies: str = ""
    said: list[str] = field(default_factory=list)

    def freeze(self, *, memory: str) -> None:
        notes.write(100, notes.HELD)
        self.said.append("freeze")

    def thaw(self) -> None:
        notes.drop(100, notes.HELD)
        self.said.append("thaw")

    def let_go(self) -> None:
        notes.drop(100, notes.HELD)
        self.said.append("let go")

    def take(self, volume: str, name: str) -> None:
        if volume == self.dies:
            raise OSError(volume)
        self.said.append(f"take {volume} {name}")

    def remove(self, volume: str, name: str) -> None:
        self.said.append(f"remove {volume} {name}")


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(notes, "FOLDER", str(tmp_path / "notes"))


def test_states_of_one_moment_go_after_the_copy() -> None:
    steps = Steps()
    with ExitStack() as stack:
        assert stills.taken_for_copy(steps, 100, 101, ["a", "b"], stack) == "clone-101"
        assert steps.said == ["freeze", "take a clone-101", "take b clone-101", "thaw"]
        assert notes.names(100) == ["copy-101"]
    assert steps.said[4:] == ["remove b clone-101", "remove a clone-101"]
    assert notes.names(100) == []


def test_a_state_that_cannot_be_taken_lets_the_guest_go_on() -> None:
    steps = Steps(dies="b")
    with pytest.raises(OSError, match="b"), ExitStack() as stack:
        stills.taken_for_copy(steps, 100, 101, ["a", "b"], stack)
    assert steps.said == ["freeze", "take a clone-101", "thaw", "remove b clone-101", "remove a clone-101"]
    assert notes.names(100) == []


def test_what_a_killed_process_left_is_ended_by_the_next_one() -> None:
    notes.write(100, "copy-101", "clone-101")
    notes.write(100, notes.HELD)
    notes.write(100, notes.ROLLBACK, "before")
    notes.write(999, "copy-101", "clone-101")
    steps = Steps()
    stills.end_left(steps, 100, ["a", "b"])
    assert steps.said == ["remove a clone-101", "remove b clone-101", "let go"]
    assert notes.names(100) == [notes.ROLLBACK]
    assert notes.names(999) == ["copy-101"]
