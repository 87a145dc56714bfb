"""Histories: arguments for rrdtool, real files of it, what becomes history."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hostd.core.errors import Invalid, NotFound
from hostd.node import rrd, status
from hostd.node.history import History
from hostd.node.rrd import GUEST, LAYOUTS, NODE, STORAGE, Layout, RrdFiles

NOON = 1_800_000_000 // 21600 * 21600


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.folder)
def test_sources_are_named_once_and_fit(layout: Layout) -> None:
    assert len(set(layout.sources)) == len(layout.sources)
    assert all(len(name) <= 19 for name in layout.sources)  # rrdcreate(1)
    assert len(rrd.create_args(layout)) == 2 + len(layout.sources) + 8


def test_a_sample_becomes_a_line() -> None:
    text = rrd.update_text(STORAGE, {"total": 10, "used": 2.5}, 60)
    assert text == "60:10:2.5"
    assert rrd.update_text(STORAGE, {"total": float("nan"), "used": "x"}, 60) == "60:U:U"
    guest = dict(zip(GUEST.sources, rrd.update_text(GUEST, {"cpus": 4, "mem": 7}, 60).split(":")[1:], strict=True))
    assert (guest["maxcpu"], guest["mem"], guest["netin"]) == ("4", "7", "U")


@pytest.mark.parametrize(("timeframe", "each"), [("hour", 60), ("week", 1800), ("year", 21600)])
def test_windows_end_on_their_grid(timeframe: str, each: int) -> None:
    start, end, step = rrd.window(timeframe, NOON + each + 7)
    assert (end, step, start % each) == (NOON + each, each, 0)
    with pytest.raises(Invalid):
        rrd.window("century", NOON)


def test_unknown_values_are_left_out() -> None:
    nan = float("nan")
    found = rrd.rows(60, 60, ("a", "b"), [(1.0, None), (nan, 2.0), (3.0, 4.0)], limit=2)
    assert found == [{"time": 180, "b": 2.0}, {"time": 240, "a": 3.0, "b": 4.0}]


def test_real_files(tmp_path: Path) -> None:
    pytest.importorskip("rrdtool", reason="python3-rrdtool is not installed")
    files = RrdFiles(str(tmp_path))
    assert files.data(GUEST, ("100",), "hour", "AVERAGE", NOON) == []
    with pytest.raises(NotFound):
        files.graph(GUEST, ("100",), ["cpu"], "hour", "AVERAGE", NOON)
    for minute in range(11):
        sample = {"cpu": minute / 10, "netin": minute * 6000, "mem": 5}
        files.update(GUEST, ("100",), sample, NOON + minute * 60)
    rows = files.data(GUEST, ("100",), "hour", "AVERAGE", NOON + 600)
    assert len(rows) == 60
    known = [row for row in rows if "cpu" in row]
    assert {"time": NOON + 300, "cpu": 0.5, "netin": 100.0, "mem": 5.0} in known
    assert all("maxdisk" not in row for row in rows)
    assert files.data(GUEST, ("100",), "year", "MAX", NOON + 600) != []
    assert files.graph(GUEST, ("100",), ["cpu", "mem"], "hour", "AVERAGE", NOON + 600).startswith(b"\x89PNG")
    with pytest.raises(Invalid):
        files.graph(GUEST, ("100",), ["cpu:MAX"], "hour", "AVERAGE", NOON + 600)


def test_a_damaged_file_stops_nothing(tmp_path: Path) -> None:
    pytest.importorskip("rrdtool", reason="python3-rrdtool is not installed")
    files = RrdFiles(str(tmp_path))
    path = Path(files.path(NODE, "alpha"))
    path.parent.mkdir()
    path.write_text("no history")
    files.update(NODE, ("alpha",), {}, NOON)
    assert path.read_text() == "no history"


class Recorded:
    """Notes what is written."""

    def __init__(self) -> None:
        self.names: list[tuple[str, ...]] = []

    def update(self, layout: Layout, name: tuple[str, ...], sample: Mapping[str, Any], now_s: int) -> None:
        assert now_s % 60 == 0
        self.names.append((layout.folder, *name))


def test_one_sample_of_each_minute_is_kept() -> None:
    files = Recorded()
    history = History("alpha", files)
    sample = {"node": {}, "guests": {100: {}}, "storages": {"local": {"active": 1}, "away": {"active": 0}}}
    assert [history.keep(sample, at) for at in (60.5, 62, 119.9, 120)] == [True, False, False, True]
    assert files.names[:3] == [(NODE.folder, "alpha"), (GUEST.folder, "100"), (STORAGE.folder, "alpha", "local")]
    assert len(files.names) == 6


def test_traffic_is_of_the_hosts_own_cards() -> None:
    lines = [" eth0: 10 0 0 0 0 0 0 0 20 0", "enp1s0f0: 1 0 0 0 0 0 0 0 2 0", "tap100i0: 9 0 0 0 0 0 0 0 9 0",
             "eth0.5: 9 0 0 0 0 0 0 0 9 0", "vmbr0: 9 0 0 0 0 0 0 0 9 0"]  # fmt: skip
    assert status.parse_net("\n".join(["head", "head", *lines])) == (11, 22)


def test_pressure_is_a_share() -> None:
    text = "some avg10=12.50 avg60=1.00 avg300=0.10 total=5\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    assert status.parse_pressure(text) == {"some": 0.125, "full": 0.0}
