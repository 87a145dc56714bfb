"""Histories in round robin files of rrdtool(1): where they lie, what is in them, reading and drawing.

Paths, data sources and archives are those that programs written for the reference know. Everything but ``RrdFiles``
is pure. rrdtool is loaded where it is used: it brings a drawing library along.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hostd.core.errors import HostError, Invalid, NotFound

log = logging.getLogger(__name__)
FOLDER: Final = "/var/lib/rrdcached/db"
STEP_S: Final = 60
# A value is unknown when none came for this long.
HEARTBEAT_S: Final = 120
# Steps for each row, rows: a day by minutes, 30 days by half hours, a year by quarter days, ten years by weeks.
ARCHIVES: Final = ((1, 1440), (30, 1440), (360, 1440), (10080, 570))
# Seconds for each row, rows.
WINDOWS: Final[Mapping[str, tuple[int, int]]] = {
    "hour": (60, 60),
    "day": (60, 1440),
    "week": (1800, 336),
    "month": (1800, 1440),
    "year": (21600, 1440),
    "decade": (604800, 570),
}
_PRESSURE = ("pressureiosome", "pressureiofull", "pressurememorysome", "pressurememoryfull")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What is in a kind of file. ``gauges``: values as they are; ``counters``: their growth per second is kept.

    ``from_sample``: names in a sample where they differ from those in the file.
    """

    folder: str
    gauges: tuple[str, ...]
    counters: tuple[str, ...] = ()
    from_sample: Mapping[str, str] | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        return self.gauges + self.counters


NODE: Final = Layout(
    folder="pve-node-9.0",
    gauges=("loadavg", "maxcpu", "cpu", "iowait", "memtotal", "memused", "swaptotal", "swapused", "roottotal",
            "rootused", "memavailable", "arcsize", "pressurecpusome", *_PRESSURE),
    counters=("netin", "netout"),
    from_sample={"iowait": "wait", "memtotal": "maxmem", "memused": "mem", "roottotal": "maxdisk", "rootused": "disk"},
)  # fmt: skip
GUEST: Final = Layout(
    folder="pve-vm-9.0",
    gauges=("maxcpu", "cpu", "maxmem", "mem", "maxdisk", "disk", "memhost", "pressurecpusome", "pressurecpufull",
            *_PRESSURE),
    counters=("netin", "netout", "diskread", "diskwrite"),
    from_sample={"maxcpu": "cpus"},
)  # fmt: skip
STORAGE: Final = Layout(folder="pve-storage-9.0", gauges=("total", "used"))
LAYOUTS: Final = (NODE, GUEST, STORAGE)


def create_args(layout: Layout) -> list[str]:
    """rrdcreate(1): step, data sources, archives of means and of maxima."""
    args = ["--step", str(STEP_S)]
    args += [f"DS:{name}:GAUGE:{HEARTBEAT_S}:0:U" for name in layout.gauges]
    args += [f"DS:{name}:DERIVE:{HEARTBEAT_S}:0:U" for name in layout.counters]
    return args + [f"RRA:{cf}:0.5:{steps}:{rows}" for cf in ("AVERAGE", "MAX") for steps, rows in ARCHIVES]


def update_text(layout: Layout, sample: Mapping[str, Any], now_s: int) -> str:
    """rrdupdate(1): ``time:value:…`` in the order of the sources; ``U`` for what the sample does not tell."""
    names = layout.from_sample or {}
    values = (sample.get(name, sample.get(names.get(name, name))) for name in layout.sources)
    return ":".join([str(now_s), *map(_number, values)])


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "U"
    return str(value)


def window(timeframe: str, now_s: float) -> tuple[int, int, int]:
    """Start, end (seconds of the epoch, multiples of the third), seconds for each row."""
    if timeframe not in WINDOWS:
        raise Invalid(
            {"timeframe": f"value '{timeframe}' does not have a value in the enumeration '{', '.join(WINDOWS)}'"}
        )
    each, rows = WINDOWS[timeframe]
    end = int(now_s) // each * each
    return end - each * rows, end, each


def rows(
    start: int, step: int, names: Sequence[str], values: Sequence[Sequence[float | None]], *, limit: int
) -> list[dict[str, object]]:
    """The last ``limit`` rows as the API tells them: ``time`` and what is known of the step that ended then.

    ``start`` is as rrdfetch(1) tells it: the first row ends one step later.
    """
    found: list[dict[str, object]] = []
    for number, line in enumerate(values):
        known = {name: value for name, value in zip(names, line, strict=True) if value is not None and value == value}
        found.append({"time": start + step * (number + 1), **known})
    return found[-limit:]


def graph_args(path: str, names: Sequence[str], cf: str, start: int, end: int, step: int) -> list[str]:
    """rrdgraph(1): a line for each source, 800 by 200 points, as PNG."""
    colours = ("#0066cc", "#c9190b", "#3e8635", "#f0ab00", "#6753ac", "#009596", "#ec7a08", "#4f5255")
    args = ["--imgformat", "PNG", "--width", "800", "--height", "200", "--start", str(start), "--end", str(end)]
    args += ["--step", str(step)]
    for number, name in enumerate(names):
        args.append(f"DEF:d{number}={path.replace(':', chr(92) + ':')}:{name}:{cf}")
        args.append(f"LINE1:d{number}{colours[number % len(colours)]}:{name}")
    return args


class RrdFiles:
    """The files below a folder; the statistics daemon writes, the API's root process reads."""

    def __init__(self, folder: str = FOLDER) -> None:
        self._folder = folder
        self._broken: set[str] = set()

    def path(self, layout: Layout, *name: str) -> str:
        """``pve-storage-9.0/alpha/local`` below the folder."""
        return os.path.join(self._folder, layout.folder, *name)

    def update(self, layout: Layout, name: Sequence[str], sample: Mapping[str, Any], now_s: int) -> None:
        """Add a sample; the file is made where it is missing. A file that fails is told of once, and left alone."""
        import rrdtool  # brings a drawing library along: only for those who keep histories

        path = self.path(layout, *name)
        try:
            if not os.path.exists(path):
                os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
                rrdtool.create(path, "--start", str(now_s - STEP_S), *create_args(layout))
            rrdtool.update(path, update_text(layout, sample, now_s))
        except (rrdtool.OperationalError, rrdtool.ProgrammingError, OSError) as err:
            if path not in self._broken:
                log.warning("history %s: %s", path, err)
            self._broken.add(path)
        else:
            self._broken.discard(path)

    def data(
        self, layout: Layout, name: Sequence[str], timeframe: str, cf: str, now_s: float
    ) -> list[dict[str, object]]:
        """Rows of a time frame, oldest first; empty where nothing was ever recorded."""
        import rrdtool

        start, end, step = window(timeframe, now_s)
        path = self.path(layout, *name)
        if not os.path.exists(path):
            return []
        try:
            span, names, values = rrdtool.fetch(path, cf, "-s", str(start), "-e", str(end), "-r", str(step))
        except rrdtool.OperationalError as err:
            raise HostError(f"history {path}: {err}") from err
        return rows(span[0], span[2], names, values, limit=WINDOWS[timeframe][1])

    def graph(
        self, layout: Layout, name: Sequence[str], sources: Sequence[str], timeframe: str, cf: str, now_s: float
    ) -> bytes:
        """A picture (PNG) of some data sources. Raises Invalid for unknown ones, NotFound where nothing is recorded."""
        import rrdtool

        unknown = [source for source in sources if source not in layout.sources]
        if unknown or not sources:
            known = ", ".join(layout.sources)
            raise Invalid({"ds": f"unknown data source '{', '.join(unknown)}'; there are {known}"})
        start, end, step = window(timeframe, now_s)
        path = self.path(layout, *name)
        if not os.path.exists(path):
            raise NotFound(f"nothing was recorded for '{'/'.join(name)}' yet")
        try:
            drawn = rrdtool.graphv("-", *graph_args(path, sources, cf, start, end, step))
        except rrdtool.OperationalError as err:
            raise HostError(f"history {path}: {err}") from err
        return bytes(drawn["image"])
