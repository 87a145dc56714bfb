"""How a bug shows in an answer; standard library only, as two test tools of different libraries use it."""

from __future__ import annotations

import re

# Words of a bug that was caught at the last moment, or of an exception's own text, in a message for people.
BUG = re.compile(
    r"internal error|traceback|\b[A-Z]\w+(?:Error|Exception)\b|errno|NoneType|has no attribute|not subscriptable|"
    r"unexpected keyword|object is not|codec can't|site-packages|dist-packages|\.py\b|line \d+, in ",
    re.IGNORECASE,
)
# What a refusal may be. 500 is the reference's word for "does not exist" and the like, with a message that says so.
# 503: more slow calls at once than a process allows; the message says so.
REFUSALS = frozenset({400, 401, 403, 404, 405, 412, 414, 500, 501, 503, 506})


def fault(status: int, reason: str, text: str, message: str, *, sent: str = "") -> str:
    """Why an answer is no clear refusal; "" where it is one. ``message``: what its JSON says to people.

    ``sent``: all that the caller sent, decoded: a word of a bug that is repeated from there is none.
    """
    if status not in REFUSALS:
        return f"status {status} {reason}"
    if status == 500 and not message.strip():
        return f"500 {reason!r} without a message"
    if status == 503 and "slow calls are running" not in message:
        return f"503 {reason!r}: nothing answers"
    own = (found for found in BUG.finditer(f"{reason}\n{text}") if found[0].lower() not in sent.lower())
    if found := next(own, None):
        return f"{status} tells of a bug ({found[0]!r}): {reason!r} {text[:300]!r}"
    return ""
