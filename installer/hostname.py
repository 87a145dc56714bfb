"""Fully qualified host names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hostd.core.errors import ParseError

LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
LONGEST = 253


@dataclass(frozen=True, kw_only=True)
class Fqdn:
    """``host`` is the first label, ``domain`` the rest; spelling (case) as written."""

    host: str
    domain: str

    def __str__(self) -> str:
        return f"{self.host}.{self.domain}"


def parse_fqdn(text: str) -> Fqdn:
    """Take a full host name apart: labels of letters, digits and inner dashes (RFC 1123), at least two of them.

    A first label of digits only is refused (tools take it for an address), as is a trailing dot. One newline at the
    end does not count. Raises ParseError.
    """
    name = text.removesuffix("\n")
    if not name:
        raise ParseError("the host name is empty")
    if len(name) > LONGEST:
        raise ParseError(f"the host name has {len(name)} characters; at most {LONGEST} are allowed")
    labels = name.split(".")
    for label in labels:
        if not LABEL.fullmatch(label):
            raise ParseError(f"'{name}' is not a host name: '{label}' must be 1 to 63 letters, digits and inner dashes")
    if len(labels) < 2:
        raise ParseError(f"'{name}' has no domain; write it as '{name}.example.com'")
    if labels[0].isdigit():
        raise ParseError(f"'{name}': a host name of digits only is not allowed")
    return Fqdn(host=labels[0], domain=".".join(labels[1:]))
