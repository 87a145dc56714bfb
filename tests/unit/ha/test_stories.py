"""Narrated scenarios under ``tests/golden/ha``: the log of each is what was reviewed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.ha.events import Kind
from tests.simulation_ha import story

STORIES = sorted((Path(__file__).parents[2] / "golden" / "ha").glob("*/story.txt"))
# Kinds that no simulated world can bring about: they are tested beside the code that tells them.
NOT_TOLD = {Kind.SHUTDOWN_BLOCKED, Kind.NOT_FROZEN}


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.parent.name)
def test_the_log_of_a_story(path: Path, golden: Callable[[str, str], None]) -> None:
    golden(f"ha/{path.parent.name}/log.txt", story.log(path.read_text()))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.parent.name)
def test_the_accounts_of_a_story(path: Path, golden: Callable[[str, str], None]) -> None:
    """Of stories in which a node is lost or a service ends in error; what the managers told is all that was seen."""
    accounts = story.accounts(path.read_text())
    place = f"ha/{path.parent.name}/accounts.txt"
    if accounts or (path.parent / "accounts.txt").exists():
        golden(place, accounts)


def test_most_losses_are_told() -> None:
    told = [path for path in STORIES if (path.parent / "accounts.txt").exists()]
    assert len(told) >= 8


def test_every_kind_of_event_is_told_in_some_story() -> None:
    words = {word for path in STORIES for word in (path.parent / "log.txt").read_text().split()}
    assert {kind for kind in Kind if str(kind) not in words} == NOT_TOLD


def test_every_story_begins_with_what_it_is_about() -> None:
    assert [path for path in STORIES if not path.read_text().startswith("# ")] == []
