"""Additions of ours to the wire: ``ETag`` with ``If-Match`` and ``If-None-Match``, and ``?strict=1``.

The entity tag is the ``digest`` that configuration methods answer and take; ``If-Match`` gives it to the method, so
that both ways of changing only what was read are one.
"""

from __future__ import annotations

import re

from werkzeug.wrappers import Request, Response

from hostd.api.endpoint import Endpoint
from hostd.core.errors import Invalid
from hostd.core.schema import rows

STRICT = "strict"
_TAG = re.compile(r'\s*(?:W/)?"([^"]*)"\s*\Z')


def _declares(endpoint: Endpoint, name: str) -> bool:
    return any(row.wire == name for row in rows(endpoint.params))


def take_strict(endpoint: Endpoint, values: dict[str, object]) -> bool:
    """Whether strictly typed values are wanted; the parameter is taken away from the method's own."""
    if STRICT not in values or _declares(endpoint, STRICT):
        return False
    value = values.pop(STRICT)
    if value not in ("0", "1", True, False):
        raise Invalid({STRICT: f"type check ('boolean') failed - got '{value}'"})
    return value in ("1", True)


def take_if_match(endpoint: Endpoint, header: str, values: dict[str, object]) -> bool:
    """Turn ``If-Match: "digest"`` into the method's ``digest``; whether there was one.

    Raises Invalid where the method has no digest to compare with, or the header holds no single tag.
    """
    if not header or header.strip() == "*" or endpoint.method == "GET":
        return False
    if not _declares(endpoint, "digest"):
        raise Invalid({"If-Match": f"{endpoint.method} {endpoint.path} takes no digest; leave the header out"})
    match = _TAG.match(header)
    if match is None:
        raise Invalid({"If-Match": 'one entity tag in double quotes is wanted, as ETag told it: "digest"'})
    if str(values.get("digest", match[1])) != match[1]:
        raise Invalid({"digest": "differs from the tag in If-Match"})
    values["digest"] = match[1]
    return True


def tagged(response: Response, request: Request, result: object) -> Response:
    """The answer with its entity tag; 304 without a body for a caller who has this state already."""
    digest = result.get("digest") if isinstance(result, dict) else None
    if request.method != "GET" or not isinstance(digest, str) or not digest:
        return response
    response.headers["ETag"] = f'"{digest}"'
    known = _TAG.match(request.headers.get("If-None-Match", ""))
    if known and known[1] == digest:
        response.status = "304 Not Modified"
        response.set_data(b"")
    return response
