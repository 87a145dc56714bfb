"""Which guests no backup job saves."""

from __future__ import annotations

import pytest

from hostd.guests.backup_cover import uncovered

NODES = {100: "a", 101: "a", 102: "b", 103: "b"}
POOLS = {"p": frozenset({101, 102})}


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ("vmid 100,102", [101, 103]),
        ("vmid 100; 999", [101, 102, 103]),
        ("all 1", []),
        ("all 1\n\texclude 103", [103]),
        ("all 1\n\tnode b", [100, 101]),
        ("all 0\n\tvmid 100", [101, 102, 103]),
        ("pool p", [100, 103]),
        ("pool gone", [100, 101, 102, 103]),
        ("all 1\n\tenabled 0", [100, 101, 102, 103]),
    ],
)
def test_a_job(lines: str, left: list[int]) -> None:
    assert uncovered(f"vzdump: one\n\t{lines}\n", NODES, POOLS) == left


def test_several_jobs_and_other_sections() -> None:
    text = "vzdump: one\n\tvmid 100\n\nvzdump: two\n\tpool p\n\nrealm-sync: x\n\tall 1\n"
    assert uncovered(text, NODES, POOLS) == [103]
    assert uncovered("", NODES, {}) == [100, 101, 102, 103]
