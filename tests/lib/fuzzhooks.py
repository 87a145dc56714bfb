"""What schemathesis is told about this API (tests/bin/fuzz): credentials, ids that exist, and what is no bug here.

From the environment: FUZZ_TICKET, FUZZ_CSRF and FUZZ_IDS (JSON: path parameter → ids that exist).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
from urllib.parse import quote, unquote_plus

import schemathesis

from tests.lib import bugs

IDS: dict[str, list[str]] = json.loads(os.environ["FUZZ_IDS"])
# nginx resolves these before the API sees a path: tests/node/test_hostile.py sends them
RESOLVED = ("/", "..", "\0", "%2f", "%2F")


@schemathesis.hook
def filter_path_parameters(context, path_parameters):  # type: ignore[no-untyped-def]
    values = (path_parameters or {}).values()
    if sum(len(quote(str(value))) for value in values) > 4000:  # nginx refuses long addresses before the API: 414
        return False
    return not any(word in str(value) or str(value) in (".", "") for value in values for word in RESOLVED)


@schemathesis.hook
def map_path_parameters(context, path_parameters):  # type: ignore[no-untyped-def]
    """Made-up ids end at "does not exist"; most calls shall get further."""
    chosen = random.Random(json.dumps(path_parameters, sort_keys=True, default=str))
    for name in path_parameters or {}:
        if name in IDS and IDS[name] and chosen.random() < (0.95 if name == "node" else 0.7):
            path_parameters[name] = chosen.choice(IDS[name])
    return path_parameters


@schemathesis.hook
def before_call(context, case, kwargs):  # type: ignore[no-untyped-def]
    for name, value in (case.path_parameters or {}).items():  # learned from answers: as in filter_path_parameters
        case.path_parameters[name] = value[:1000] if isinstance(value, str) else value
    case.cookies = {"PVEAuthCookie": quote(os.environ["FUZZ_TICKET"], safe="")}
    case.headers["CSRFPreventionToken"] = os.environ["FUZZ_CSRF"]
    if isinstance(case.body, dict):
        case.body.pop("start", None)  # machines that run burn the test's time


def sent(request):  # type: ignore[no-untyped-def]
    """All words of a request, decoded: an address twice, as values are encoded in it once or twice."""
    body = request.body or b""
    body = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    words = [unquote_plus(request.url), unquote_plus(unquote_plus(request.url)), unquote_plus(body)]
    with contextlib.suppress(ValueError):
        words.append(json.dumps(json.loads(body), ensure_ascii=False))
    return "\n".join(words)


@schemathesis.check
def no_bug(ctx, response, case):  # type: ignore[no-untyped-def]
    """500 is what the reference says for "does not exist": it needs a message, and no exception's words in it."""
    if response.status_code == 200:
        return
    try:
        message = str(json.loads(response.content).get("message", ""))
    except (ValueError, AttributeError):
        message = ""
    text = response.content.decode(errors="replace")
    fault = bugs.fault(response.status_code, response.message, text, message, sent=sent(response.request))
    assert not fault, fault
