"""One call of a driver of others: ``python3 -m hostd.storage.plugins.host TYPE``, request on stdin, answer on stdout.

Request: ``{"id", "options", "method", "arguments"}``; answer: ``{"ok": …}`` or ``{"error": text}``. What the driver
prints goes to stderr, so that it cannot spoil the answer.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib.metadata import entry_points
from typing import Any

GROUP = "holdfast.storage"
# What a class may be asked for; the second group only if it says so (extra ``snapshots`` of its entry point).
METHODS = frozenset(
    ("activate", "usage", "volumes", "create", "delete", "path", "activate_volume", "deactivate_volume", "resize")
)
SNAPSHOTS = frozenset(("snapshot", "rollback", "delete_snapshot", "list_snapshots"))


def answer(type: str, request: dict[str, Any]) -> dict[str, Any]:
    """Load the class and call it; whatever it raises becomes an error's text."""
    try:
        (entry,) = entry_points(group=GROUP, name=type)
        loaded = entry.load()
        if request["method"] not in METHODS | SNAPSHOTS:
            return {"error": f"unknown method '{request['method']}'"}
        made = loaded(request["id"], request["options"])
        return {"ok": getattr(made, request["method"])(**request["arguments"])}
    except Exception as err:  # noqa: BLE001 - code of others: all of it is an answer
        traceback.print_exc()
        return {"error": f"{err.__class__.__name__}: {err}"}


def main(arguments: list[str]) -> int:
    """The answer goes to the output as it was at the start; nobody else can write there then."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    json.dump(answer(arguments[0], json.load(sys.stdin)), out)
    out.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
