"""The form of an answer file: TOML, known keys only, values of the declared kinds. What they mean: ``answers.py``."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hostd.core.errors import HostError
from installer.answer_keys import BY_PATH, KEYS, TABLES, Key, Kind
from installer.answer_lines import KeyPath, key_lines, nearest_line


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with an answer file: dotted ``key``, ``line`` (from 1), and a sentence."""

    key: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.key}: {self.message}" if self.key else f"line {self.line}: {self.message}"


class AnswerError(HostError):
    """The answer file cannot be used. ``problems`` lists everything found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.line, p.key)))
        super().__init__("answer file: " + "; ".join(str(p) for p in self.problems))


@dataclass(frozen=True, kw_only=True)
class Document:
    """A checked answer file.

    ``values`` maps dotted keys in kebab-case to values of the declared kind (tables of patterns and names are
    ``dict[str, str]``). ``warnings`` are sentences for people. ``lines`` has every key and table that was given.
    """

    values: Mapping[str, object]
    warnings: tuple[str, ...] = ()
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def line(self, key: str) -> int:
        """Line of a dotted key, or of the table that should hold it."""
        return nearest_line(dict(self.lines), tuple(key.split(".")))

    def problem(self, key: str, message: str) -> Problem:
        return Problem(key=key, line=self.line(key), message=message)

    def text(self, key: str, default: str = "") -> str:
        """The value of a key of kind TEXT, or ``default``."""
        value = self.values.get(key, default)
        return value if isinstance(value, str) else default

    def flag(self, key: str) -> bool:
        return self.values.get(key) is True

    def number(self, key: str) -> float | None:
        """The value of a key of kind NUMBER or INTEGER."""
        value = self.values.get(key)
        return value if isinstance(value, int | float) else None

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, [])
        return tuple(value) if isinstance(value, list) else ()

    def table(self, key: str) -> dict[str, str]:
        value = self.values.get(key, {})
        return dict(value) if isinstance(value, dict) else {}

    def has(self, prefix: str) -> bool:
        """Whether the key, or the table, is given."""
        return tuple(prefix.split(".")) in self.lines


def read_document(text: str) -> Document:
    """Parse the text of an answer file and check keys and kinds of values.

    Keys in ``snake_case`` are taken as their kebab-case forms, with a warning. Raises AnswerError with all problems.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise AnswerError([_syntax_problem(str(err), text)]) from err
    walk = _Walk(key_lines(text))
    walk.table((), (), tree)
    walk.required()
    if walk.problems:
        raise AnswerError(walk.problems)
    return Document(values=walk.values, warnings=tuple(walk.warnings), lines=walk.canonical_lines)


def _syntax_problem(message: str, text: str) -> Problem:
    """Turn tomllib's "… (at line 3, column 7)" into a problem at that line."""
    match = re.search(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$", message)
    if match is None:
        return Problem(key="", line=1, message=f"not valid TOML: {message}")
    line = int(match.group(1)) if match.group(1) else max(1, len(text.splitlines()))
    return Problem(key="", line=line, message=f"not valid TOML: {message[: match.start()]}")


class _Walk:
    """One pass over the TOML tree; collects values, problems and warnings."""

    def __init__(self, lines: dict[KeyPath, int]) -> None:
        self.lines = lines
        self.canonical_lines: dict[KeyPath, int] = {}
        self.values: dict[str, object] = {}
        self.problems: list[Problem] = []
        self.warnings: list[str] = []

    def problem(self, written: KeyPath, message: str) -> None:
        self.problems.append(Problem(key=".".join(written), line=nearest_line(self.lines, written), message=message))

    def table(self, written: KeyPath, canonical: KeyPath, tree: Mapping[str, object]) -> None:
        """Check one table; ``written`` is its path as in the file, ``canonical`` in kebab-case."""
        for name, value in tree.items():
            here, path = (*written, name), (*canonical, name.replace("_", "-"))
            key = BY_PATH.get(path)
            if key is None and path not in TABLES:
                self.problem(here, "unknown key" + self._suggestion(path))
                continue
            line = nearest_line(self.lines, here)
            if path in self.canonical_lines:
                self.problem(here, f"given twice: the same key is on line {self.canonical_lines[path]}")
                continue
            self.canonical_lines[path] = line
            if "_" in name:
                self.warnings.append(f"line {line}: '{name}' is the old form of '{path[-1]}'")
            if isinstance(value, dict) and path in TABLES:
                self.table(here, path, value)
            elif key is not None:
                self.value(here, key, value)
            else:
                self.problem(here, "must be a table")

    def value(self, written: KeyPath, key: Key, value: object) -> None:
        message = _kind_problem(key, value) or _range_problem(key, value)
        if message:
            self.problem(written, message)
        elif key.any_case and isinstance(value, str):
            self.values[key.name] = value.lower()
        else:
            self.values[key.name] = value

    def required(self) -> None:
        for key in KEYS:
            if key.required and key.path not in self.canonical_lines:
                self.problem(key.path, "is missing" + (f"; one of {', '.join(key.values)}" if key.values else ""))

    def _suggestion(self, path: KeyPath) -> str:
        near = difflib.get_close_matches(".".join(path), [k.name for k in KEYS], n=1, cutoff=0.8)
        return f"; did you mean '{near[0]}'?" if near else ""


def _kind_problem(key: Key, value: object) -> str:
    """Why ``value`` is not of the kind the key wants; empty if it is."""
    match key.kind:
        case Kind.TEXT:
            good = isinstance(value, str)
        case Kind.FLAG:
            good = isinstance(value, bool)
        case Kind.INTEGER:
            good = isinstance(value, int) and not isinstance(value, bool)
        case Kind.NUMBER:
            good = isinstance(value, int | float) and not isinstance(value, bool)
        case Kind.TEXTS:
            good = isinstance(value, list) and all(isinstance(item, str) for item in value)
        case Kind.PATTERNS | Kind.NAMES:
            good = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    return "" if good else f"must be a {key.kind}"


def _range_problem(key: Key, value: object) -> str:
    """Why a value of the right kind is not allowed; empty if it is."""
    if key.values and isinstance(value, str):
        found = value.lower() if key.any_case else value
        if found not in key.values:
            return f"'{value}' is not one of {', '.join(key.values)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            return f"{value} is not a number one can use"
        if key.low is not None and not value >= key.low:
            return f"{value} is less than {key.low:g}"
        if key.high is not None and not value <= key.high:
            return f"{value} is more than {key.high:g}"
    return ""
