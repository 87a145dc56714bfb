"""The form of calendar events, ``mon..fri 2:30``, ``*-12-24 18:00``, ``*/15``: whether a text is one.

When an event is due is the scheduler's business. Source: systemd.time(7), of which this is a part.
"""

from __future__ import annotations

import re

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES = (*_DAYS, "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WORDS = ("minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly", "annually")
_ITEM = re.compile(r"(?:\*|([0-9]{1,4})(?:\.\.([0-9]{1,4}))?)(?:/([0-9]{1,4}))?")


def _numbers(text: str, least: int, most: int) -> bool:
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if not match:
            return False
        first, last, step = match.groups()
        values = [int(n) for n in (first, last) if n]
        if any(not least <= n <= most for n in values) or values != sorted(values) or step == "0":
            return False
    return True


def _days(text: str) -> bool:
    ends = [end for part in text.lower().split(",") for end in part.split("..")]
    return all(end in _NAMES for end in ends) and all(part.count("..") <= 1 for part in text.split(","))


def _date(text: str) -> bool:
    parts = text.split("-")
    limits = [(1970, 9999), (1, 12), (1, 31)][3 - len(parts) :]
    sound = all(_numbers(part, *limit) for part, limit in zip(parts, limits, strict=False))
    return len(parts) in (2, 3) and sound


def _time(text: str) -> bool:
    parts = text.split(":")
    if len(parts) == 1:  # minutes of every hour
        return _numbers(text, 0, 59)
    limits = [(0, 23), (0, 59), (0, 59)][: len(parts)]
    return len(parts) <= 3 and all(_numbers(p, *limit) for p, limit in zip(parts, limits, strict=True))


def check(text: str) -> str:
    """What is wrong, or "": days, date and time in this order, each once at most, at least one of them."""
    wrong = f"unable to parse calendar event '{text}'; the form is [days] [date] [time], such as 'mon..fri 2:30'"
    parts = text.split()
    if parts and parts[-1] == "UTC":
        parts.pop()
    if len(parts) == 1 and parts[0].lower() in _WORDS:
        return ""
    if not parts:
        return wrong
    for form in (_days, _date, _time):
        if parts and form(parts[0]):
            parts.pop(0)
    return wrong if parts else ""
