"""Values for people, sizes."""

from __future__ import annotations

import pytest

from hostd.core.formats import render
from hostd.core.units import convert_size


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (render.duration(90061), "1d 1h 1m 1s"),
        (render.duration(0.2), "0s"),
        (render.size(1536), "1.50 KiB"),
        (render.size(5, 0), "5 B"),
        (render.percentage(0.1234), "12.34%"),
        (render.timestamp_gmt(0), "1970-01-01 00:00:00"),
        (convert_size("2.5", "gb", "mb"), 2560),
        (convert_size(1025, "b", "kb"), 2),
        (convert_size(1025, "b", "kb", round_down=True), 1),
    ],
)
def test_values(got: object, wanted: object) -> None:
    assert got == wanted


@pytest.mark.parametrize("value", ["-1", "1e3", "", None, "x"])
def test_amounts_that_are_none(value: object) -> None:
    with pytest.raises(ValueError, match="positive number"):
        convert_size(value, "b", "kb")
