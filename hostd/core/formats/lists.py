"""Lists written as one text: commas, semicolons and blanks separate, or NUL alone if the text holds one."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[,;\s]+")


def split_list(text: str) -> list[str]:
    """The words; without NUL there are no empty ones, with NUL only trailing empty words are dropped."""
    if "\0" in text:
        words = text.split("\0")
        while words and not words[-1]:
            words.pop()
        return words
    return [word for word in _SEPARATORS.split(text) if word]
