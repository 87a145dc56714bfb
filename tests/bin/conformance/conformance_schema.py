"""Area ``schema``."""

from __future__ import annotations

import os
import time
from typing import Any

from hostd.cli import arguments
from hostd.cluster import datacenter
from hostd.core import dialect
from hostd.core.errors import Invalid
from hostd.core.formats import render, sections
from hostd.core.formats.keyvalue import encode_text
from hostd.core.formats.lists import split_list
from hostd.core.units import convert_size
from hostd.guests import properties
from hostd.tasks.upid import Upid

Case = dict[str, Any]


def schema_validate(case: Case) -> object:
    try:
        return {"valid": 1, "value": dialect.check(case["schema"], case["value"])}
    except Invalid as err:
        return {"valid": 0, "fields": sorted(err.errors)}


def section_parse(case: Case) -> object:
    found = sections.parse(
        case["text"], sections.SectionFormat.of(case["schema"]), allow_unknown=bool(case["allow_unknown"])
    )
    errors = [{"section": p.section, "key": p.key} for p in found.problems]
    return {"ids": found.ids, "order": found.order} | ({"errors": errors} if errors else {})


def section_write(case: Case) -> object:
    config = sections.Sections(ids=case["config"]["ids"], order=case["config"].get("order") or {})
    form = sections.SectionFormat.of(case["schema"])
    return sections.format(config, form, allow_unknown=bool(case["allow_unknown"]))


def cli_arguments(case: Case) -> object:
    return arguments.parse(case["schema"], case["args"], positional=case["positional"] or (), fixed=case["fixed"] or {})


def render_value(case: Case) -> object:
    os.environ["TZ"] = "Europe/Vienna"
    time.tzset()
    if case["renderer"] == "bytes" and case["option"] is not None:
        return render.size(case["value"], int(case["option"]))
    return render.RENDERERS[case["renderer"]](float(case["value"]))


def upid(case: Case) -> object:
    found = Upid.parse(case["upid"])
    return {key: getattr(found, key) for key in ("node", "pid", "pstart", "starttime", "type", "id", "user")}


OPERATIONS = {
    "schema-validate": schema_validate,
    "property-string-parse": lambda case: dialect.PropertyString(case["format"]).parse(case["value"]),
    "format-valid": lambda case: int(not dialect.format_check(case["format"])(str(case["value"]))),
    "guest-property-parse": lambda case: properties.parse(case["guest"], case["key"], case["value"]),
    "datacenter-cfg-parse": lambda case: datacenter.parse(case["text"].encode()),
    "section-config-parse": section_parse,
    "section-config-write": section_write,
    "section-config-create-schema": lambda case: sections.create_schema(sections.SectionFormat.of(case["schema"])),
    "section-config-update-schema": lambda case: sections.update_schema(sections.SectionFormat.of(case["schema"])),
    "cli-arguments-parse": cli_arguments,
    "api-parameter-convert": lambda case: dialect.convert_list(case["schema"], case["value"]),
    "convert-size": lambda case: convert_size(
        case["value"], case["from"], case["to"], round_down=bool(case["round_down"])
    ),
    "render-value": render_value,
    "upid-decode": upid,
    "text-encode": lambda case: encode_text(case["text"]),
    "split-list": lambda case: split_list(case["text"]),
}
