"""Where each key of a TOML text stands, so that an error can name the line (``tomllib`` keeps no positions)."""

from __future__ import annotations

import re
from collections.abc import Iterator

KeyPath = tuple[str, ...]

_TOKEN = re.compile(
    r'''(?P<comment>\#[^\n]*)
      | (?P<string>"""(?:\\.|(?!""").)*"{3,5} | \'\'\'(?:(?!\'\'\').)*\'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
      | (?P<newline>\n)
      | (?P<mark>[=\[\]{},.])
      | (?P<bare>[^\s=\[\]{},.#"']+)''',
    re.VERBOSE | re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line number (from 1) of every table header and ``key =`` of a TOML text, by its full path.

    ``[a.b]`` gives ``("a", "b")``; ``c.d = 1`` below it gives ``("a", "b", "c", "d")`` and the table they imply. Keys
    inside inline tables are not listed: they share the line of the key they belong to. The first place counts.
    The text must be valid TOML (ask ``tomllib`` first); for other text the result is a guess.
    """
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for line, statement in _statements(text):
        words = [word for word in statement if word not in (".", "[", "]")]
        path = tuple(_unquoted(word) for word in words)
        if statement[0] == "[":
            table = path
        else:
            path = table + path
        for length in range(1, len(path) + 1):
            found.setdefault(path[:length], line)
    return found


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Pairs of line number and the tokens of a table header, or of a key up to its ``=``."""
    line, depth, in_value = 1, 0, False
    start, tokens = 1, list[str]()
    for match in _TOKEN.finditer(text):
        token, kind = match.group(), match.lastgroup
        if kind == "newline":
            if depth == 0 or not in_value:
                if tokens and tokens[0] == "[":
                    yield start, tokens
                tokens, in_value, depth = [], False, 0
        elif kind == "comment":
            pass
        elif in_value:
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token, 0)
        elif token == "=":
            if tokens:
                yield start, tokens
            tokens, in_value = [], True
        else:
            if not tokens:
                start = line
            tokens.append(token)
        line += token.count("\n")
    if tokens and tokens[0] == "[":
        yield start, tokens


def _unquoted(word: str) -> str:
    return word[1:-1] if word[:1] in ("'", '"') else word


def nearest_line(lines: dict[KeyPath, int], path: KeyPath) -> int:
    """The line of ``path``, or of the closest enclosing table that has one; 1 where there is none."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1
