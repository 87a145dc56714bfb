"""Which commands of QEMU's monitor for people may be given, and by whom. Pure.

The monitor can read and write files of the host and reach into the guest's memory, so there is a list of what is let
through and not one of what is refused.
"""

from __future__ import annotations

import re
from typing import Final

from hostd.core.errors import Denied, Invalid

# Only ask; for whoever may look at the node.
_READING: Final = re.compile(r"(help|\?|info)(\s+[a-z0-9_-]+)*\s*\Z")
# Do what the API does otherwise, or what a person at the machine could do.
_ACTING: Final = (
    "cont", "mouse_button", "mouse_move", "mouse_set", "nmi", "sendkey", "set_link", "stop", "system_powerdown",
    "system_reset", "system_wakeup", "watchdog_action",
)  # fmt: skip
_PLAIN: Final = re.compile(r"[ -~]{1,512}\Z")
_KEYS: Final = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)*\Z")


def only_reads(command: str) -> bool:
    return _READING.match(command.strip()) is not None


def require_allowed(command: str, *, may_act: bool) -> str:
    """The command as it is to be given. Invalid or Denied, naming what is let through."""
    words = command.strip()
    if not _PLAIN.match(words):
        raise Invalid({"command": "one line of printable characters, at most 512"})
    if only_reads(words):
        return words
    if words.split()[0] not in _ACTING:
        allowed = ", ".join(("help", "info", *_ACTING))
        raise Denied(f"'{words.split()[0]}' is not let through to QEMU's monitor; allowed are: {allowed}")
    if not may_act:
        raise Denied("Permission check failed (/, Sys.Modify)")
    return words


def key_command(keys: str) -> str:
    """``ctrl-alt-delete`` as the monitor's command. Invalid for what is no combination of names of keys."""
    if not _KEYS.match(keys) or len(keys) > 128:
        raise Invalid({"key": f"'{keys[:40]}' is no combination of keys, such as ctrl-alt-delete"})
    return f"sendkey {keys}"
