"""Names for network interfaces that are bound to MAC addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hostd.core.errors import Invalid

# The kernel allows 15 characters; the rest is what the network configuration's own grammar takes.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,14}")
MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")


def check_pin_map(mapping: Mapping[str, str]) -> None:
    """Check a map MAC -> name: MACs as ``aa:bb:…`` in any case, names of 2 to 15 letters, digits and ``_``, each once.

    Raises Invalid with one message per MAC.
    """
    errors: dict[str, str] = {}
    seen: dict[str, str] = {}
    for mac, name in mapping.items():
        if not MAC.fullmatch(mac.lower()):
            errors[mac] = f"'{mac}' is not a MAC address"
        elif not NAME.fullmatch(name):
            errors[mac] = f"'{name}': a name has 2 to 15 letters, digits and underscores and starts with a letter"
        elif name in seen:
            errors[mac] = f"'{name}' is also the name for {seen[name]}"
        seen.setdefault(name, mac)
    if errors:
        raise Invalid(errors)
