"""The OpenAPI document: every method is in it, references hold, names of numbered parameters are patterns."""

from __future__ import annotations

import json
import re
from typing import Any

from hostd.api.openapi import answer_schema, document, methods
from tests.unit.api.conftest import Site


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [r for v in value.values() for r in references(v)]
    return [r for v in value for r in references(v)] if isinstance(value, list) else []


def test_every_method_is_described(site: Site) -> None:
    api = json.loads(json.dumps(document(site.api.endpoints)))
    described = {(verb.upper(), path) for path, verbs in api["paths"].items() for verb in verbs}
    assert described == {(e.method, e.path) for e in site.api.endpoints}
    operations = [op for verbs in api["paths"].values() for op in verbs.values()]
    assert len({op["operationId"] for op in operations}) == len(operations)
    for operation in operations:
        in_path = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert all(p["required"] for p in operation["parameters"] if p["in"] == "path")
        assert {"200", "400", "500"} <= set(operation["responses"])
        assert isinstance(in_path, set)
    for reference in references(api):
        part: Any = api
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def test_paths_and_parameters_agree(site: Site) -> None:
    for path, verbs in document(site.api.endpoints)["paths"].items():
        for operation in verbs.values():
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert declared == set(re.findall(r"\{([^}]+)\}", path))


def test_numbered_parameters_are_patterns(site: Site) -> None:
    operation = document(site.api.endpoints)["paths"]["/nodes/{node}/qemu"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    pattern = next(p for p in schema["patternProperties"] if p.startswith("^scsi"))
    assert re.match(pattern, "scsi30")
    assert not re.match(pattern, "scsi31")
    assert schema["additionalProperties"] is False


def test_answers_may_hold_more_than_is_declared() -> None:
    schema = {"type": "array", "items": {"type": "object", "properties": {"on": {"type": "boolean", "optional": True}}}}
    shown = answer_schema(schema)
    assert shown["items"]["properties"]["on"] == {"enum": [0, 1, True, False]}
    assert "required" not in shown["items"]


def test_the_dump_has_texts(site: Site) -> None:
    for method in methods(site.api.endpoints):
        assert all(p["description"] for p in method["parameters"].values()), method["path"]


def test_a_method_that_may_send_a_file_says_so(site: Site) -> None:
    paths = document(site.api.endpoints)["paths"]
    log = paths["/nodes/{node}/tasks/{upid}/log"]["get"]["responses"]["200"]["content"]
    assert set(log) == {"application/json", "text/plain"}
    assert set(paths["/version"]["get"]["responses"]["200"]["content"]) == {"application/json"}
