"""Values as people read them in tables: times, durations, sizes, shares."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

_STEPS = (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_TIME = "%Y-%m-%d %H:%M:%S"


def timestamp(epoch_s: float) -> str:
    """Local time."""
    return time.strftime(_TIME, time.localtime(epoch_s))


def timestamp_gmt(epoch_s: float) -> str:
    """Universal time."""
    return time.strftime(_TIME, time.gmtime(epoch_s))


def duration(seconds: float) -> str:
    """``2w 21h 22m 24s``; what is zero is left out."""
    left, parts = int(seconds + 0.5), []
    for name, length in _STEPS:
        count, left = divmod(left, length)
        parts += [f"{count}{name}"] if count else []
    return " ".join(parts) or "0s"


def size(size_bytes: float, digits: int = 2) -> str:
    """``1.50 GiB``: the largest unit below the value."""
    unit, value = 0, float(size_bytes)
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.{digits}f} {_UNITS[unit]}"


def percentage(fraction: float) -> str:
    return f"{fraction * 100:.2f}%"


RENDERERS: Final[Mapping[str, Callable[[float], str]]] = {
    "timestamp": timestamp,
    "timestamp_gmt": timestamp_gmt,
    "duration": duration,
    "bytes": size,
    "fraction_as_percentage": percentage,
}
