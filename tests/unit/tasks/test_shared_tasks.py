"""Tasks and events that a node tells the others: only news, and in a form that can be read back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hostd.tasks import eventlog, shared
from hostd.tasks.archive import Archive, Entry
from hostd.tasks.eventlog import Event
from hostd.tasks.shared import EVENTS, TASKS, Teller
from hostd.tasks.upid import Upid


def upid(number: int) -> Upid:
    return Upid(node="beta", pid=number, pstart=1, starttime=1000 + number, type="qmstart", id="100", user="root@pam")


def event(number: int) -> Event:
    return Event(time=number, node="beta", pid=1, pri=6, tag="hostd", user="root@pam", msg=f"event {number}")


class Place:
    def __init__(self, folder: Path) -> None:
        self.archive = Archive(logs=str(folder / "logs"), running=str(folder / "run"))
        os.makedirs(self.archive.logs)
        self.events = str(folder / "events")
        self.told: list[tuple[str, bytes]] = []
        self.teller = Teller(lambda key, data: self.told.append((key, data)), self.archive, events=self.events)

    def ended(self, number: int, status: str = "OK") -> None:
        with open(os.path.join(self.archive.logs, "index"), "a") as file:
            file.write(f"{upid(number)} {2000 + number:08X} {status}\n")

    def look(self, now_s: float) -> dict[str, bytes]:
        self.told.clear()
        self.teller.look(now_s)
        return dict(self.told)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_only_news_is_told(place: Place) -> None:
    assert set(place.look(0)) == {TASKS, EVENTS}
    assert place.look(2) == {}
    place.ended(1, "some error")
    assert shared.tasks_from_wire(place.look(4)[TASKS]) == [Entry(upid=upid(1), endtime=2001, status="some error")]
    eventlog.append(event(1), place.events)
    news = place.look(6)
    assert [e.msg for e in shared.events_from_wire(news[EVENTS])] == ["event 1"]
    assert TASKS not in news
    assert place.look(8) == {}
    assert set(place.look(34 + shared.REPEAT_S)) == {TASKS, EVENTS}, "in case that the store has forgotten"


def test_lists_are_bounded_and_newest_first(place: Place) -> None:
    for number in range(200):
        place.ended(number)
        eventlog.append(event(number), place.events)
    told = place.look(0)
    tasks = shared.tasks_from_wire(told[TASKS])
    assert (len(tasks), tasks[0].upid) == (shared.ENDED_TOLD, upid(199))
    events = shared.events_from_wire(told[EVENTS])
    assert (len(events), events[0].msg, events[0].number) == (shared.EVENTS_TOLD, "event 199", 200)


@pytest.mark.parametrize("data", [b"", b"1", b"[1]", b'[["x", 1, "OK"]]', b'[{"msg": "x"}]', b"[[1, 2, 3]]"])
def test_what_another_version_tells_is_left_out(data: bytes) -> None:
    assert shared.tasks_from_wire(data) == []
    assert shared.events_from_wire(data) == []
