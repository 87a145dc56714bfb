"""The system's journal, read through journalctl(1) as JSON, one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from hostd.core.errors import ParseError
from hostd.core.run import Run

FIELDS = "MESSAGE,SYSLOG_IDENTIFIER,_PID,SYSLOG_PID,_HOSTNAME,PRIORITY,_SYSTEMD_UNIT,_COMM"
# No answer holds more: the newest ones count.
LONGEST = 20_000


@dataclass(frozen=True, kw_only=True)
class Query:
    """What to read. ``since`` and ``until`` in seconds of the epoch or as journalctl writes times; ``last``: how many.

    ``service`` is a unit's name or a pattern of them, ``priority`` a number or a range (``3..5``).
    """

    since: str = ""
    until: str = ""
    start_cursor: str = ""
    end_cursor: str = ""
    last: int = 0
    service: str = ""
    priority: str = ""
    kernel: bool = False


@dataclass(frozen=True, kw_only=True)
class Line:
    """One entry. ``time_us``: microseconds of the epoch; ``priority`` 0 (emergency) to 7 (debug)."""

    cursor: str
    time_us: int
    host: str
    identifier: str
    pid: str
    message: str
    unit: str
    priority: int


def argv(query: Query) -> list[str]:
    """journalctl(1). Backwards from ``end_cursor`` where one is given, since there is no option to end at one."""
    out = ["journalctl", "--no-pager", "--quiet", "--all", "--output=json", f"--output-fields={FIELDS}"]
    limit = min(query.last or LONGEST, LONGEST)
    if query.end_cursor and not query.start_cursor:
        out += ["--reverse", f"--cursor={query.end_cursor}", f"--lines={limit + 1}"]
    elif query.start_cursor:
        out += [f"--after-cursor={query.start_cursor}", f"--lines=+{LONGEST}"]
    else:
        out += [f"--lines={limit}"]
    out += [f"--since={query.since}"] if query.since else []
    out += [f"--until={query.until}"] if query.until else []
    out += [f"--unit={query.service}"] if query.service else []
    out += [f"--priority={query.priority}"] if query.priority else []
    return out + (["--dmesg", "--boot=all"] if query.kernel else [])


def epoch(value: int | None) -> str:
    """A time of the API as journalctl reads it, or ""."""
    return "" if value is None else f"@{value}"


def parse(text: str) -> list[Line]:
    """Lines of ``--output=json``: values are text, lists of bytes (not UTF-8), or lists of repeated fields."""
    found = []
    for number, raw in enumerate(text.splitlines(), 1):
        try:
            entry = json.loads(raw)
            line = Line(
                cursor=str(entry["__CURSOR"]),
                time_us=int(entry["__REALTIME_TIMESTAMP"]),
                host=_text(entry.get("_HOSTNAME", "")),
                identifier=_text(entry.get("SYSLOG_IDENTIFIER") or entry.get("_COMM") or "unknown"),
                pid=_text(entry.get("_PID") or entry.get("SYSLOG_PID") or ""),
                message=_text(entry.get("MESSAGE", "")),
                unit=_text(entry.get("_SYSTEMD_UNIT", "")),
                priority=int(_text(entry.get("PRIORITY", "6"))),
            )
        except (ValueError, KeyError, TypeError) as err:
            raise ParseError(f"line {number} of journalctl: {err}") from err
        found.append(line)
    return found


def _text(value: object) -> str:
    if isinstance(value, list):
        if all(isinstance(byte, int) for byte in value):
            return bytes(value).decode(errors="replace")
        return _text(value[0]) if value else ""
    return "" if value is None else str(value)


def shown(line: Line, zone: tzinfo | None = None) -> str:
    """``Nov 20 16:17:32 host name[pid]: text``, times of the node's zone."""
    moment = datetime.fromtimestamp(line.time_us / 1e6, zone).astimezone(zone)
    process = f"{line.identifier}[{line.pid}]" if line.pid else line.identifier
    return f"{moment:%b %d %H:%M:%S} {line.host} {process}: {line.message}"


def structured(line: Line) -> dict[str, object]:
    """One entry as an object; ``time`` in seconds with a fraction."""
    return {
        "cursor": line.cursor,
        "time": line.time_us / 1e6,
        "host": line.host,
        "identifier": line.identifier,
        "pid": line.pid,
        "unit": line.unit,
        "priority": line.priority,
        "message": line.message,
    }


def cut(lines: Sequence[Line], query: Query) -> list[Line]:
    """Oldest first, between the cursors, at most ``last`` of them (the newest)."""
    found = list(lines)
    if query.end_cursor and not query.start_cursor:
        found.reverse()
    if query.end_cursor:
        end = next((n for n, line in enumerate(found) if line.cursor == query.end_cursor), len(found))
        found = found[:end]
    return found[-query.last :] if query.last else found


def read(run: Run, query: Query) -> list[Line]:
    """Entries of the journal, oldest first; an unknown unit has none."""
    return cut(parse(run(argv(query), timeout_s=30).stdout), query)


def values(run: Run, field: str) -> list[str]:
    """Every value that the journal has for a field, sorted."""
    return sorted(run(["journalctl", "--no-pager", "--quiet", f"--field={field}"], timeout_s=30).stdout.splitlines())


def with_cursors(lines: Sequence[Line], texts: Iterable[str], query: Query) -> list[str]:
    """The texts between the cursors of the first and the last line, by which a client reads on in either direction."""
    if not lines:
        here = query.start_cursor or query.end_cursor
        return [here, here] if here else []
    return [lines[0].cursor, *texts, lines[-1].cursor]
