"""What nodes are told of each other's samples, and what they make of it."""

from __future__ import annotations

import zlib
from typing import Any

import orjson
import pytest

from hostd.cluster.mirror import Mirror
from hostd.cluster.store import MemoryStore
from hostd.guests.index import LIVE
from hostd.node import samples
from hostd.node.feed import Subscriber
from hostd.node.samples import KEY, Announcer, ClusterSamples


def sample(**more: Any) -> dict[str, Any]:
    made = {"node": {"cpu": 0.1}, "guests": {100: {"cpu": 0.123456789, "pid": 7}}, "storages": {"local": {"active": 1}}}
    return made | more


def test_others_hear_every_ten_seconds_and_at_once_when_a_guest_or_storage_comes_or_goes() -> None:
    told: list[dict[str, Any]] = []
    announcer = Announcer(lambda _key, data: told.append(orjson.loads(data)), LIVE)
    assert announcer.take(sample(), 0)
    assert not any(announcer.take(sample(node={"cpu": t}), t) for t in (2, 4, 6, 8))
    assert announcer.take(sample(), 10)
    assert announcer.take(sample(guests={}), 12), "a guest ended"
    assert announcer.take(sample(guests={}, storages={"local": {"active": 0}}), 14), "a storage is away"
    assert not announcer.take(sample(guests={}, storages={"local": {"active": 0, "used": 5}}), 16)
    assert told[0] == {"node": {"cpu": 0.1}, "guests": {"100": {"cpu": 0.1235}}, "storages": {"local": {"active": 1}}}


def test_what_could_not_be_told_is_told_next_time() -> None:
    def refuse(_key: str, _data: bytes) -> None:
        raise OSError("no store")

    announcer = Announcer(refuse, LIVE)
    with pytest.raises(OSError):
        announcer.take(sample(), 0)
    announcer._publish = lambda _key, _data: None
    assert announcer.take(sample(), 2)


def test_a_hundred_guests_are_a_small_message() -> None:
    told: list[bytes] = []
    guests = {
        100 + n: {name: (n * 7919 + k * 104729) % 10**9 for k, name in enumerate(LIVE)} | {"qmpstatus": "running"}
        for n in range(100)
    }
    Announcer(lambda _key, data: told.append(data), LIVE).take(sample(guests=guests), 0)
    assert len(zlib.compress(told[0])) < 8000


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore("alpha")


@pytest.fixture
def cluster(store: MemoryStore) -> ClusterSamples:
    here = Subscriber()
    here.take(sample(node={"cpu": 0.9}, guests={"5": {"cpu": 1}}))
    return ClusterSamples("alpha", here, store.mirror())


def tell(store: MemoryStore, node: str, told: object) -> None:
    store.hear(node, KEY, orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS))


def test_every_node_has_its_own_tables(store: MemoryStore, cluster: ClusterSamples) -> None:
    tell(store, "beta", sample())
    assert cluster.known("beta")
    assert cluster.node("beta") == {"cpu": 0.1}
    assert cluster.guests("beta") == {100: {"cpu": 0.123456789, "pid": 7}}
    assert cluster.storages("beta") == {"local": {"active": 1}}
    assert cluster.node() == cluster.node("alpha") == {"cpu": 0.9}
    assert cluster.guests("alpha") == {5: {"cpu": 1}}
    tell(store, "alpha", sample())
    assert cluster.node("alpha") == {"cpu": 0.9}, "of this node the daemon itself tells more, and sooner"


def test_of_a_node_that_has_left_nothing_is_known(store: MemoryStore, cluster: ClusterSamples) -> None:
    tell(store, "beta", sample())
    assert cluster.known("beta")
    store.hear("beta", KEY, None)
    assert not cluster.known("beta")
    assert cluster.node("beta") == cluster.guests("beta") == cluster.storages("beta") == {}


def test_a_silent_node_is_not_known(
    store: MemoryStore, cluster: ClusterSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(store, "beta", sample())
    now_s = samples.time.monotonic()
    monkeypatch.setattr(samples.time, "monotonic", lambda: now_s + samples.STALE_S + 1)
    assert not cluster.known("beta")
    assert not cluster.known("alpha")


@pytest.mark.parametrize("told", [[], {}, {"guests": 1}, {"guests": {"x": {}}, "node": {}, "storages": {}}, "x"])
def test_a_sample_of_another_form_is_none(store: MemoryStore, cluster: ClusterSamples, told: object) -> None:
    tell(store, "beta", told)
    assert not cluster.known("beta")
    store.hear("beta", KEY, b"no json")
    assert cluster.node("beta") == {}


def test_an_unchanged_value_is_taken_apart_once(store: MemoryStore, cluster: ClusterSamples) -> None:
    tell(store, "beta", sample())
    assert cluster.guests("beta") is cluster.guests("beta")


def test_a_mirror_without_values_knows_nobody() -> None:
    assert Mirror().shared(KEY) == {}
