"""``/etc/resolv.conf``: the search domain and up to three name servers; all other lines are kept (resolv.conf(5))."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

PATH = "/etc/resolv.conf"
SERVERS = 3
NAME_BYTES = 253
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """``search`` is the text after that word, several domains with blanks between; ``servers`` are addresses."""

    search: str = ""
    servers: tuple[str, ...] = ()


def check_search(value: str) -> str:
    """What is wrong with a search domain, or "". The C library aborts programs on lines that it cannot hold.

    Observed with glibc 2.41: a search domain of more bytes than a name of the DNS has (RFC 1035: 253 as text) ended
    libvirtd by an assertion. ``.`` means that nothing is added to short names.
    """
    fits = len(value) <= NAME_BYTES and all(_LABEL.fullmatch(label) for label in value.removesuffix(".").split("."))
    return "" if value == "." or fits else f"value '{value[:80]}' is not one domain"


def parse(text: str) -> Resolver:
    """The last ``search`` (or ``domain``) counts, as in the C library; servers in their order."""
    search, servers = "", []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] in ("search", "domain"):
            search = " ".join(words[1:])
        elif len(words) > 1 and words[0] == "nameserver":
            servers.append(words[1])
    return Resolver(search=search, servers=tuple(servers[:SERVERS]))


def format(before: str, search: str, servers: Sequence[str]) -> str:
    """The file with another search domain and other servers; comments and options of ``before`` stay."""
    kept = [line for line in before.splitlines() if line.split()[:1] not in (["search"], ["domain"], ["nameserver"])]
    lines = [f"search {search}", *(f"nameserver {server}" for server in servers), *kept]
    return "\n".join(lines) + "\n"
