"""The declarations as data for programs: every method with its texts, and an OpenAPI 3.1 document.

Source of the form: OpenAPI Specification 3.1.0. Answers are described as the wire carries them, so booleans may be
0 and 1; with ``strict=1`` they are true and false.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hostd.api.endpoint import Endpoint
from hostd.core.release import COMPATIBLE_VERSION, VERSION
from hostd.core.schema import Row, rows

Document = dict[str, Any]
_KEPT = ("enum", "minimum", "maximum", "minLength", "maxLength", "default")
_BOOLEAN: Document = {"enum": [0, 1, True, False]}
# Answers keep the type in which a value is stored: a number may come as text of digits, and such a text as a number.
# With strict=1 they come as the method's schema tells.
_LOOSE: Mapping[str, Document] = {
    "integer": {"type": ["integer", "string"], "pattern": "^-?[0-9]+$"},
    "number": {"type": ["number", "string"], "pattern": r"^-?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$"},
    "string": {"type": ["string", "number"]},
}
_STRICT = {
    "name": "strict",
    "in": "query",
    "description": "1: booleans as true and false, numbers as numbers, as the schema tells.",
    "schema": {"type": "integer", "enum": [0, 1]},
}


def methods(endpoints: Iterable[Endpoint]) -> list[Document]:
    """Every method in the form of the API dump, with the descriptions of its parameters."""
    found = []
    for endpoint in endpoints:
        dump = endpoint.dump()
        described = {
            (f"{row.wire}[n]" if row.indices else row.wire): {**row.schema(), "description": row.doc}
            for row in rows(endpoint.params)
        }
        found.append({**dump, "parameters": described} | ({"greedy": True} if endpoint.greedy else {}))
    return found


def value_schema(schema: Mapping[str, Any]) -> Document:
    """A schema of the dialect as JSON schema, for values that come in."""
    kind = str(schema.get("type", "string"))
    out: Document = {"type": kind} if kind not in ("boolean", "any") else {}
    if kind == "boolean":
        out = {**_BOOLEAN}
    if kind == "array":
        out["items"] = value_schema(schema.get("items") or {})
    out |= {key: schema[key] for key in _KEPT if key in schema and kind != "boolean"}
    if kind == "string" and "enum" in out:
        out["enum"] = [str(word) for word in out["enum"]]
    if pattern := schema.get("pattern"):
        out["pattern"] = f"^(?:{pattern})$"
    if form := schema.get("format"):
        out["format"] = form
    if text := schema.get("description"):
        out["description"] = text
    return out


def answer_schema(schema: Mapping[str, Any]) -> Document:
    """A schema of the dialect as JSON schema, for what goes out: more keys than declared may come."""
    kind = str(schema.get("type", "any"))
    out: Document = {}
    if kind == "boolean":
        out = {**_BOOLEAN}
    elif kind not in ("any", ""):
        out = {**_LOOSE.get(kind, {"type": kind})}
    if properties := schema.get("properties"):
        out["properties"] = {key: answer_schema(sub) for key, sub in properties.items()}
        if required := sorted(key for key, sub in properties.items() if not sub.get("optional")):
            out["required"] = required
    if kind == "array":
        out["items"] = answer_schema(schema.get("items") or {})
    if schema.get("optional") and "type" in out:
        out["type"] = [*([out["type"]] if isinstance(out["type"], str) else out["type"]), "null"]
    return out


def _parameter(row: Row, place: str) -> Document:
    found: Document = {
        "name": row.wire,
        "in": place,
        "required": place == "path" or not row.optional,
        "description": row.doc,
        "schema": value_schema(row.schema()),
    }
    return found


def _body(given: list[Row], extra: bool) -> Document:
    plain = [row for row in given if not row.indices]
    schema: Document = {
        "type": "object",
        "additionalProperties": extra,
        "properties": {row.wire: value_schema({**row.schema(), "description": row.doc}) for row in plain},
    }
    if required := [row.wire for row in plain if not row.optional]:
        schema["required"] = required
    numbered = {
        f"^{re.escape(row.wire)}(?:{'|'.join(str(n) for n in range(row.indices))})$": value_schema(
            {**row.schema(), "description": row.doc}
        )
        for row in given
        if row.indices
    }
    if numbered:
        schema["patternProperties"] = numbered
    content = {"schema": schema}
    return {
        "required": bool(required),
        "content": {"application/x-www-form-urlencoded": content, "application/json": content},
    }


def _answers(endpoint: Endpoint) -> Document:
    data = answer_schema(endpoint.returns)
    envelope: Document = {
        "type": "object",
        "properties": {"data": data, "total": {"type": "integer"}, "changes": {}},
        "required": ["data"],
    }
    failed = {"$ref": "#/components/responses/failed"}
    content: Document = {"application/json": {"schema": envelope}}
    if endpoint.downloads:
        content["text/plain"] = {"schema": {"type": "string"}}
    return {
        "200": {"description": "Done, or started as a task.", "content": content},
        "400": {"$ref": "#/components/responses/invalid"},
        **dict.fromkeys(("401", "403", "500", "501", "506"), failed),
    }


def _operation(endpoint: Endpoint) -> Document:
    in_path = set(re.findall(r"\{([^}]+)\}", endpoint.path))
    declared = list(rows(endpoint.params))
    given = [row for row in declared if row.wire not in in_path]
    in_query = endpoint.method in ("GET", "DELETE")
    parameters = [_parameter(row, "path") for row in declared if row.wire in in_path]
    if in_query:
        parameters += [_parameter(row, "query") for row in given if not row.indices]
    parameters.append(_STRICT)
    permissions = endpoint.dump()["permissions"]
    world = permissions == {"user": "world"}
    operation: Document = {
        "operationId": f"{endpoint.method.lower()}{re.sub('[^A-Za-z0-9]+', '_', endpoint.path)}",
        "summary": endpoint.doc.splitlines()[0],
        "description": endpoint.doc,
        "tags": [endpoint.path.split("/")[1]],
        "parameters": parameters,
        "responses": _answers(endpoint),
        "security": [] if world else [{"ticket": [], "csrf": []}, {"token": []}],
        "x-permissions": permissions,
        "x-protected": endpoint.privileged,
    }
    if endpoint.runs_on:
        operation["x-proxyto"] = endpoint.runs_on
    if not in_query and given:
        operation["requestBody"] = _body(given, endpoint.extra_parameters)
    return operation


def document(endpoints: Iterable[Endpoint]) -> Document:
    """The OpenAPI 3.1 document of the methods served."""
    paths: dict[str, Document] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    error = {
        "type": "object",
        "properties": {
            "data": {"type": "null"},
            "message": {"type": "string"},
            "errors": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
    content = {"application/json": {"schema": error}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast API",
            "version": VERSION,
            "description": f"Methods of this host; compatible with level {COMPATIBLE_VERSION} of the reference.",
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "servers": [{"url": "/api2/json"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "ticket": {"type": "apiKey", "in": "cookie", "name": "PVEAuthCookie"},
                "csrf": {"type": "apiKey", "in": "header", "name": "CSRFPreventionToken"},
                "token": {"type": "apiKey", "in": "header", "name": "Authorization"},
            },
            "responses": {
                "invalid": {"description": "Parameters are wrong; `errors` names each.", "content": content},
                "failed": {"description": "The message says what was found and what to do next.", "content": content},
            },
        },
    }
