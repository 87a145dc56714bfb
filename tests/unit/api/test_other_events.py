"""Events of other nodes, by what those tell."""

from __future__ import annotations

import pytest

from hostd.api.otherevents import OtherNodes
from hostd.cluster.standing import Member, Standing
from hostd.cluster.store import MemoryStore
from hostd.tasks import shared
from hostd.tasks.archive import Entry
from hostd.tasks.upid import Upid
from tests.unit.api.conftest import FixedSamples


def upid(number: int, node: str = "beta") -> Upid:
    return Upid(node=node, pid=number, pstart=1, starttime=number, type="qmstart", id="1", user="joe@pve")


def running(number: int) -> Entry:
    return Entry(upid=upid(number))


def ended(number: int) -> Entry:
    return Entry(upid=upid(number), endtime=number + 5, status="OK")


class Place:
    """alpha, which listens, and what beta tells."""

    def __init__(self) -> None:
        self.store, self.samples = MemoryStore("alpha"), FixedSamples()
        self.join(online=True)
        self.others = OtherNodes("alpha", self.store.mirror(), self.samples)

    def join(self, *, online: bool) -> None:
        members = (Member("alpha", 0, "", online=online), Member("beta", 1, "", online=online))
        self.store.join(Standing(version=1, name="lab", config=1, quorate=True, members=members))

    def tell(self, *entries: Entry, node: str = "beta") -> None:
        self.store.hear(node, shared.TASKS, shared.tasks_to_wire(entries))

    def tasks(self) -> list[tuple[object, object]]:
        return [(e.data["starttime"], e.data["status"]) for e in self.others.step() if e.kind == "task"]

    def guests(self) -> list[tuple[object, object, object]]:
        return [(e.data["vmid"], e.data["node"], e.data["status"]) for e in self.others.step() if e.kind == "guest"]


@pytest.fixture
def place() -> Place:
    return Place()


def test_tasks_of_another_node_begin_and_end(place: Place) -> None:
    place.tell(ended(1))
    assert place.tasks() == [], "the first look only looks"
    place.tell(running(3), running(2), ended(1))
    event, _ = place.others.step()
    assert (event.data["node"], event.data["user"], event.owner) == ("beta", "joe@pve", "joe@pve")
    place.tell(ended(4), ended(3), running(2), ended(1))
    assert place.tasks() == [(3, "OK"), (4, "OK")], "4 began and ended in between"
    assert place.tasks() == []
    place.tell(ended(4), ended(3), running(2), ended(1))
    assert place.tasks() == [], "told again, nothing new"
    place.tell(ended(9), node="alpha")
    assert place.tasks() == [], "this node's own are noticed where they happen"


def test_after_a_node_was_away_the_first_look_tells_nothing(place: Place) -> None:
    place.tell(ended(1))
    place.others.step()
    place.store.hear("beta", shared.TASKS, None)
    assert place.tasks() == []
    place.tell(ended(2), ended(1))
    assert place.tasks() == []
    place.others.forget()
    place.tell(ended(3), ended(2), ended(1))
    assert place.tasks() == []


def test_guests_of_another_node_start_and_stop(place: Place) -> None:
    assert place.guests() == []
    beta = place.samples.others["beta"] = FixedSamples(guest_values={100: {"cpu": 1}})
    assert place.guests() == [], "nothing was known of it before"
    beta.guest_values = {101: {"cpu": 1}}
    assert place.guests() == [(101, "beta", "running"), (100, "beta", "stopped")]
    del place.samples.others["beta"]
    assert place.guests() == [], "that the node is away says nothing of its guests"


def test_nodes_are_lost_and_come_back(place: Place) -> None:
    def told() -> list[tuple[object, object, str]]:
        return [(e.data["node"], e.data["status"], e.path) for e in place.others.step() if e.kind == "node"]

    assert told() == [], "the first look only looks"
    place.join(online=False)
    assert told() == [("beta", "offline", "/nodes/beta")], "of itself a node says nothing"
    assert told() == []
    place.join(online=True)
    assert told() == [("beta", "online", "/nodes/beta")]
