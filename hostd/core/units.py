"""Sizes as configuration files write them: ``32G``, ``528K``, bytes without a letter."""

from __future__ import annotations

import re

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
