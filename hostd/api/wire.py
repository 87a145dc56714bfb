"""The conventions of the wire: where parameters come from, and what an answer looks like."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

import orjson

from hostd.core.errors import Invalid

FORMATS = ("json", "extjs")
_PAIRS = re.compile(r"[&;]")


def parse_pairs(text: str) -> dict[str, object]:
    """A query string or form body: ``&`` and ``;`` separate, ``+`` is a blank, a repeated key becomes a list."""
    found: dict[str, object] = {}
    for pair in _PAIRS.split(text):
        if not pair:
            continue
        key, _, value = pair.partition("=")
        _add(found, unquote_plus(key), unquote_plus(value))
    return found


def _add(found: dict[str, object], key: str, value: str) -> None:
    before = found.get(key)
    if before is None:
        found[key] = value
    elif isinstance(before, list):
        before.append(value)
    else:
        found[key] = [before, value]


def parse_body(content_type: str, body: bytes) -> dict[str, object] | None:
    """Parameters of a request body; None for a content type that is not spoken here. Raises Invalid on bad JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        return {}
    if kind in ("", "application/x-www-form-urlencoded"):
        return parse_pairs(body.decode(errors="replace"))
    if kind != "application/json":
        return None
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as err:
        raise Invalid({"_root": f"the body is no valid JSON: {err}"}) from err
    if not isinstance(data, dict):
        raise Invalid({"_root": "the body must be a JSON object"})
    return {key: value for key, value in data.items() if value is not None}


def merge(path: dict[str, str], query: dict[str, object], body: dict[str, object]) -> dict[str, object]:
    """All parameters of a call: the query wins over the body; the path may be repeated, but not contradicted."""
    merged = {**body, **query}
    merged.pop("_dc", None)
    errors = {
        key: f"duplicate parameter (already defined in URI) with conflicting values '{merged[key]}' and '{value}'"
        for key, value in path.items()
        if key in merged and str(merged[key]) != value
    }
    if errors:
        raise Invalid(errors)
    return {**merged, **path}


def plain(value: object) -> object:
    """Domain values to what the wire carries: booleans as 0 and 1, dataclasses and tuples as objects and lists."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str | int | float) or value is None:
        return value
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, Iterable):
        return [plain(v) for v in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    raise TypeError(f"no wire form for {type(value).__name__}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paged:
    """A list answer that is one page of ``total`` entries."""

    data: list[object]
    total: int


def success(format: str, value: object) -> bytes:
    """The body of a successful answer."""
    if isinstance(value, Paged):
        envelope: dict[str, object] = {"data": plain(value.data), "total": value.total}
    else:
        envelope = {"data": plain(value)}
    return orjson.dumps({"success": 1, **envelope} if format == "extjs" else envelope)


def failure(format: str, status: int, message: str, errors: dict[str, str]) -> bytes:
    """The body of a failed answer; with ``extjs`` the HTTP status is 200 and the real one is in the body."""
    envelope: dict[str, object] = {"data": None, "message": message.rstrip("\n") + "\n"}
    if errors:
        envelope["errors"] = errors
    if format == "extjs":
        envelope |= {"success": 0, "status": status}
    return orjson.dumps(envelope)
