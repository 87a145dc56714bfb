"""Sizes as configuration files write them: ``32G``, ``528K``, bytes without a letter."""

from __future__ import annotations

import math
import re
from fractions import Fraction

KIB, MIB, GIB, TIB = 1024, 1024**2, 1024**3, 1024**4
_UNITS = {"": 1, "K": KIB, "M": MIB, "G": GIB, "T": TIB}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)(?:iB)?\Z")


def parse_size(text: str) -> int:
    """Bytes from ``32G``, ``1.5T``, ``512``; fractions of a byte are dropped. ValueError for anything else."""
    match = _SIZE.match(text)
    if match is None:
        raise ValueError(f"'{text}' is no size such as 32G")
    number, unit = match.groups()
    return int(float(number) * _UNITS[unit]) if "." in number else int(number) * _UNITS[unit]


def format_size(size_bytes: int) -> str:
    """The largest unit that loses nothing: 34359738368 → ``32G``, 540672 → ``528K``, 1000 → ``1000``."""
    unit = next((u for u in "TGMK" if size_bytes and size_bytes % _UNITS[u] == 0), "")
    return f"{size_bytes // _UNITS[unit]}{unit}"


def check_size(text: str) -> str:
    """What is wrong with a size, or "": the form that a ``Kind`` wants."""
    try:
        parse_size(text)
    except ValueError as err:
        return str(err)
    return ""


_POWERS = {"b": 0, "kb": 1, "mb": 2, "gb": 3, "tb": 4, "pb": 5}
_AMOUNT = re.compile(r"(?=\.?[0-9])[0-9]*(?:\.[0-9]*)?\Z")


def convert_size(value: object, source: str, target: str, *, round_down: bool = False) -> int:
    """A size in ``target`` units (b, kb, ... pb; powers of 1024) from ``source`` units; rounded up by default.

    ValueError for a value that is no plain decimal number, or an unknown unit.
    """
    for unit in (source, target):
        if unit is None or unit.lower() not in _POWERS:
            raise ValueError(f"unknown unit '{unit}'; known: {', '.join(_POWERS)}")
    if value is None or not _AMOUNT.match(str(value)):
        raise ValueError(f"value '{value}' is not a valid, positive number")
    exact = Fraction(str(value).rstrip(".") if str(value) != "." else "0")
    exact *= Fraction(1024) ** (_POWERS[source.lower()] - _POWERS[target.lower()])
    return math.floor(exact) if round_down else math.ceil(exact)
