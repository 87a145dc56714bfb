"""``/etc/resolv.conf``: the search domain and up to three name servers; all other lines are kept (resolv.conf(5))."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PATH = "/etc/resolv.conf"
SERVERS = 3


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """``search`` is the text after that word, several domains with blanks between; ``servers`` are addresses."""

    search: str = ""
    servers: tuple[str, ...] = ()


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
