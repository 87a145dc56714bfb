"""Samples travel from the daemon to its listeners."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hostd.node.feed import Publisher, Subscriber


def wait(check: object, timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not check():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_late_listener_gets_the_last_sample_and_every_next_one(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    publisher = Publisher(path)
    publisher.publish({"node": {"cpu": 0.5}, "guests": {100: {"status": "running"}}, "storages": {}})
    listener = Subscriber(path)
    listener.start()
    wait(lambda: listener.node() == {"cpu": 0.5})
    assert listener.guests() == {100: {"status": "running"}}
    publisher.publish({"node": {"cpu": 0.7}, "guests": {}, "storages": {"local": {"total": 1}}})
    wait(lambda: listener.node() == {"cpu": 0.7})
    assert (listener.guests(), listener.storages()) == ({}, {"local": {"total": 1}})


def test_an_old_sample_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Subscriber("/nonexistent")
    listener.take({"node": {"cpu": 1}})
    assert listener.node() == {"cpu": 1}
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert listener.node() == {}
