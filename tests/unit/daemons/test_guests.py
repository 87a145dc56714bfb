"""The node's guests at its boot: quorum is waited for, high availability keeps its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hostd.cluster.store import MemoryStore
from hostd.daemons import guests


class Standings:
    """Members of a cluster, one answer after the other."""

    def __init__(self, *quorate: bool | None) -> None:
        self._answers = list(quorate)

    def members(self) -> Any:
        answer = self._answers.pop(0)
        return None if answer is None else SimpleNamespace(quorate=answer)


def test_a_node_alone_waits_for_nobody() -> None:
    assert guests.wait_quorate(Standings(None), 0)  # type: ignore[arg-type]


def test_quorum_is_waited_for() -> None:
    waits: list[float] = []
    assert guests.wait_quorate(Standings(False, False, True), 60, waits.append)  # type: ignore[arg-type]
    assert len(waits) == 2
    assert not guests.wait_quorate(Standings(False), 0, waits.append)  # type: ignore[arg-type]


def test_high_availability_keeps_its_own() -> None:
    store = MemoryStore("alpha")
    assert guests.managed(store) == set()
    store.mkdir("ha")
    store.write("ha/resources.cfg", b"vm: 100\n\tstate started\n\nct: 101\n\nvm: 102\n\tstate ignored\n\n")
    assert guests.managed(store) == {100, 101}


def test_wrong_use() -> None:
    assert guests.main(["restart"]) == 2
