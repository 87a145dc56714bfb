"""The conventions of the wire: where parameters come from, and what an answer looks like."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus

import orjson

from hostd.core.dialect import is_integer, is_number, text_of
from hostd.core.errors import Invalid

FORMATS = ("json", "extjs", "htmljs", "html", "png")
JSON_TYPE = "application/json;charset=UTF-8"
READ_ONLY = ("html", "png")
Schema = Mapping[str, Any]
_ANY: Schema = {}
_PAIRS = re.compile(r"[&;]")


def parse_pairs(text: str) -> dict[str, object]:
    """A query string or form body: ``&`` and ``;`` separate, ``+`` is a blank, a repeated key becomes a list."""
    found: dict[str, object] = {}
    for pair in _PAIRS.split(text):
        if not pair:
            continue
        key, _, value = pair.partition("=")
        try:
            _add(found, unquote_plus(key, errors="strict"), unquote_plus(value, errors="strict"))
        except UnicodeDecodeError:
            name = unquote_plus(key)
            raise Invalid({name: "name or value is no UTF-8 after percent-decoding"}) from None
    return found


def decoded(raw: bytes) -> str:
    """Text of a query or form; Invalid where the bytes are no UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError as err:
        raise Invalid({"_root": f"the parameters are no UTF-8 (byte {err.start})"}) from None


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
        return parse_pairs(decoded(body))
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


def typed(value: object, schema: Schema) -> object:
    """``?strict=1``: values of the types that the method's schema tells, where the usual form is loose.

    Where the schema says nothing the value keeps its type; a text that is no number stays a text.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        properties: Mapping[str, Schema] = schema.get("properties") or {}
        return {str(k): typed(v, properties.get(str(k)) or _ANY) for k, v in value.items()}
    if isinstance(value, bool | int | float | str):
        return _typed_scalar(value, str(schema.get("type", "")))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return typed({f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, schema)
    if isinstance(value, Iterable):
        items: Schema = schema.get("items") or _ANY
        return [typed(v, items) for v in value]
    raise TypeError(f"no wire form for {type(value).__name__}")


def _typed_scalar(value: bool | int | float | str, kind: str) -> object:
    if kind == "boolean":
        return value in (True, 1, "1") if value in (True, False, 0, 1, "0", "1") else value
    if kind in ("integer", "number") and isinstance(value, bool | str):
        text = text_of(value)
        if is_integer(text):
            return int(text)
        return float(text) if kind == "number" and is_number(text) else value
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind == "string" and not isinstance(value, str):
        return text_of(value)
    return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paged:
    """A list answer that is one page of ``total`` entries."""

    data: list[object]
    total: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """An answer that also tells what else was changed by the call."""

    data: object
    changes: object


def success(format: str, value: object, schema: Schema | None = None) -> bytes:
    """The body of a successful answer; with a ``schema`` its values are strictly typed."""

    data = value.data if isinstance(value, Paged | Changes) else value
    envelope: dict[str, object] = {"data": data if schema is None else typed(data, schema)}
    if isinstance(value, Paged):
        envelope["total"] = value.total
    elif isinstance(value, Changes):
        envelope["changes"] = plain(value.changes)
    envelope = envelope if format == "json" else {"success": 1, **envelope}
    if schema is None and format != "htmljs" and (body := _as_it_is(envelope)):
        return body
    return encoded(format, envelope if schema is not None else {key: plain(part) for key, part in envelope.items()})


def _as_it_is(envelope: dict[str, object]) -> bytes:
    """The answer without a walk through its values, where they need none; else empty.

    Long lists cost twice as much when every value is looked at here. Only booleans (0 and 1 on the wire) and kinds that
    orjson does not know need it; a text that holds such a word takes the slower way too.
    """
    try:
        body: bytes = orjson.dumps(envelope)
    except TypeError:
        return b""
    return b"" if b"true" in body or b"false" in body else body


def encoded(format: str, envelope: dict[str, object]) -> bytes:
    """JSON; escaped for HTML with ``htmljs``, which form uploads read from a page."""
    body = _dumped(envelope)
    return html.escape(body.decode()).encode() if format == "htmljs" else body


def _dumped(envelope: dict[str, object]) -> bytes:
    """JSON also of integers beyond 64 bits and of text with lone surrogates, which orjson refuses."""
    try:
        return bytes(orjson.dumps(envelope))
    except TypeError:
        return json.dumps(envelope, separators=(",", ":")).encode()


def failure(format: str, status: int, message: str, errors: dict[str, str]) -> bytes:
    """The body of a failed answer; with ``extjs`` the HTTP status is 200 and the real one is in the body."""
    envelope: dict[str, object] = {"data": None, "message": message.rstrip("\n") + "\n"}
    if errors:
        envelope["errors"] = errors
    if format != "json":
        envelope |= {"success": 0, "status": status}
    return encoded(format, envelope)
