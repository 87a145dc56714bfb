"""The watchdog through wdmd: the order of its calls, the budget, and what happens when it does not take part."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hostd.core.errors import CommandFailed
from hostd.core.run import Result
from hostd.ha.budget import DEVICE_S, WATCHDOG_S
from hostd.ha.host.watchdogs import Both, NoWatchdog
from hostd.ha.host.wdmd import EXPIRE_S, FIRE_S, Wdmd, find


@dataclass
class Library:
    """Remembers calls; ``fails`` names those that return an error."""

    calls: list[tuple[object, ...]] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)

    def _call(self, name: str, *args: object) -> int:
        self.calls.append((name, *args))
        return -19 if name in self.fails else 0

    def wdmd_connect(self) -> int:
        return self._call("connect") or 7

    def wdmd_register(self, connection: int, name: bytes) -> int:
        return self._call("register", connection, name)

    def wdmd_open_watchdog(self, connection: int, fire_timeout_s: int) -> int:
        return self._call("open", connection, fire_timeout_s)

    def wdmd_refcount_set(self, connection: int) -> int:
        return self._call("count", connection)

    def wdmd_refcount_clear(self, connection: int) -> int:
        return self._call("uncount", connection)

    def wdmd_test_live(self, connection: int, renewal_s: int, expire_s: int) -> int:
        return self._call("live", connection, renewal_s, expire_s)

    def wdmd_status(self, connection: int, interval: object, fire: object, keepalive: object) -> int:
        return self._call("status", connection)


class Site:
    def __init__(self) -> None:
        self.library, self.now_s, self.closed, self.started = Library(), 100.0, list[int](), list[int]()
        self.sound, self.stored, self.has_systemd = True, dict[str, int](), True
        self.watchdog = self.process()

    def process(self) -> Wdmd:
        """A process that may follow another one."""
        return Wdmd(
            "crm",
            self.library,
            "/dev/watchdog0",
            lambda: self.started.append(1),
            is_sound=lambda: self.sound,
            clock_s=lambda: self.now_s,
            close=self.closed.append,
            store=self.store,
            take_stored=lambda name: self.stored.pop(name, None),
        )

    def store(self, name: str, fd: int) -> bool:
        if self.has_systemd:
            self.stored[name] = fd
        return self.has_systemd

    def calls(self) -> list[tuple[object, ...]]:
        calls, self.library.calls = self.library.calls, []
        return calls


def test_the_device_fires_within_the_budget() -> None:
    assert EXPIRE_S + FIRE_S <= WATCHDOG_S + DEVICE_S


def test_a_handle_from_its_opening_to_its_end() -> None:
    site = Site()
    assert site.calls() == []
    site.watchdog.open()
    assert site.started == [1]
    assert site.calls() == [
        ("connect",), ("register", 7, b"crm"), ("open", 7, FIRE_S), ("count", 7), ("live", 7, 100, 100 + EXPIRE_S)
    ]  # fmt: skip
    site.now_s = 110.9
    site.watchdog.feed()
    assert site.calls() == [("live", 7, 110, 110 + EXPIRE_S)]
    site.watchdog.close()
    assert site.calls() == [("live", 7, 0, 0), ("uncount", 7), ("status", 7)]
    assert site.closed == [7]
    site.watchdog.feed()
    site.watchdog.close()
    assert site.calls() == []
    assert site.watchdog.device == "/dev/watchdog0"


@pytest.mark.parametrize("broken", ["connect", "register", "open", "count", "live"])
def test_what_does_not_work_is_said_in_status_and_left_in_order(broken: str, caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    site.library.fails = {broken}
    with caplog.at_level(logging.ERROR):
        site.watchdog.open()
    assert site.watchdog.device == ""
    assert "nothing resets this node" in caplog.text
    assert site.closed == ([] if broken == "connect" else [7])
    site.library.fails = set()
    site.watchdog.open()
    assert site.watchdog.device == "/dev/watchdog0"


def test_the_process_that_follows_goes_on_as_the_same_client() -> None:
    site = Site()
    site.watchdog.open()
    site.calls()
    site.watchdog.leave(300)
    assert site.calls() == [("live", 7, 100, 400)]
    assert site.closed == [], "its end would be the client's"
    site.watchdog.feed()
    assert site.calls() == [], "it is not this process's any more"
    second, site.now_s = site.process(), 150.0
    assert second.take_over()
    assert site.calls() == [("live", 7, 150, 150 + EXPIRE_S)]
    second.open()
    assert site.calls() == [("live", 7, 150, 150 + EXPIRE_S)], "no second client"
    second.close()
    assert site.closed == [7]
    assert not site.process().take_over(), "nothing is left"


def test_without_systemd_nothing_is_left_behind() -> None:
    site = Site()
    site.has_systemd = False
    site.watchdog.leave(300)
    assert site.calls() == [], "it was not open"
    site.watchdog.open()
    site.calls()
    site.watchdog.leave(300)
    assert site.calls()[1:] == [("live", 7, 0, 0), ("uncount", 7), ("status", 7)]
    assert site.closed == [7]


def test_a_node_that_is_not_sound_is_not_fed_for(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    site.watchdog.open()
    site.calls()
    site.sound = False
    site.watchdog.feed()
    assert site.calls() == []
    assert "this node is reset" in caplog.text
    site.sound = True
    site.watchdog.feed()
    assert [call[0] for call in site.calls()] == ["live"]


def test_the_device_is_found_by_what_the_kernel_says(tmp_path: Path) -> None:
    programs: list[Sequence[Any]] = []

    def run(argv: Sequence[Any], **_: object) -> Result:
        programs.append(argv)
        if not has_softdog:
            raise CommandFailed(argv, 1, "FATAL: Module softdog not found")
        return Result(argv=list(argv), code=0, stdout="", stderr="")

    devices, dev, has_softdog = tmp_path / "class", tmp_path / "dev", False
    assert find(run, devices, dev) == ""
    has_softdog = True
    assert find(run, devices, dev) == "softdog"
    assert programs == [["modprobe", "--dry-run", "softdog"]] * 2
    dev.mkdir()
    for number, identity in (("1", "Software Watchdog"), ("0", "iTCO_wdt")):
        (devices / f"watchdog{number}").mkdir(parents=True)
        (devices / f"watchdog{number}/identity").write_text(identity + "\n")
        (dev / f"watchdog{number}").touch()
    assert find(run, devices, dev) == "/dev/watchdog0 (iTCO_wdt)"
    (dev / "watchdog0").unlink()
    assert find(run, devices, dev) == "/dev/watchdog1 (Software Watchdog)", "a container has the host's /sys"
    (devices / "watchdog1/identity").unlink()
    assert find(run, devices, dev) == "/dev/watchdog1"


def test_a_device_and_what_is_done_beside_it() -> None:
    site = Site()
    both = Both(site.watchdog, NoWatchdog())
    both.open()
    both.feed()
    both.close()
    assert both.device == "/dev/watchdog0"
    assert not both.take_over()
    both.open()
    both.leave(300)
    assert both.take_over()
    assert [call[0] for call in site.calls()].count("live") == 6
