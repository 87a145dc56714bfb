"""/etc/network/interfaces (interfaces(5)), read and written back: our cards change, the rest stays as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hostd.guests.lxc.inside import addresses, sections
from hostd.guests.lxc.inside.addresses import Addressing
from hostd.guests.lxc.nic import Nic

PATH: Final = "etc/network/interfaces"
_LOOPBACK: Final = "auto lo\niface lo inet loopback\niface lo inet6 loopback\n\n"
_STANZA = re.compile(r"iface\s+(\S+)\s+(inet6?)\s+\S+\s*\Z")
_KEYWORD = re.compile(r"(?:iface|auto|mapping|source|source-directory|rename|no-auto-down|no-scripts|allow-\S+)\b")
_OURS: Final = ("address", "netmask", "gateway")
# The routes to a gateway outside the network, as older versions of the reference wrote them: without marks.
_UNMARKED_ROUTES = re.compile(
    r"^[ \t]*post-up ip route add (\S+) dev (\S+)\n"
    r"[ \t]*post-up ip route add default via \1 dev \2\n"
    r"[ \t]*pre-down ip route del default via \1 dev \2\n"
    r"[ \t]*pre-down ip route del \1 dev \2(?:\n|\Z)",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What this system's ifup understands. ``cidr``: the prefix after the address. ``auto6``: its words for IPv6."""

    cidr: bool
    inet6_methods: bool = True


@dataclass
class _Stanza:
    """An ``iface`` paragraph of the file: its options beside those that are ours."""

    name: str
    family: str
    options: list[str]


_Item = _Stanza | str


def rewrite(text: str, nics: Sequence[Nic], dialect: Dialect) -> str:
    """The file's text with the cards' addresses. Twice gives the same as once."""
    text = _UNMARKED_ROUTES.sub("", sections.without(text))
    cards = {nic.name: nic for nic in nics}
    if not re.search(r"^iface\s+lo\b", text, re.MULTILINE):
        text = _LOOPBACK + text
    announced: set[str] = set()
    done: set[tuple[str, str]] = set()
    out: list[str] = []
    for item in _items(text.splitlines(), cards):
        if isinstance(item, str):
            announced |= set(item.split()[1:]) if re.match(r"(?:auto|allow-\S+)\s", item) else set()
            out.append(item)
            continue
        done.add((item.name, item.family))
        out += _paragraph(cards[item.name], item.family, item.options, dialect)
    for nic in nics:
        for family in ("inet", "inet6"):
            lines = _paragraph(nic, family, [], dialect) if (nic.name, family) not in done else []
            if lines and out and out[-1]:
                out.append("")
            if lines and nic.name not in announced:
                announced.add(nic.name)
                out.append(f"auto {nic.name}")
            out += lines
    return "".join(f"{line}\n" for line in out)


def _items(lines: list[str], cards: dict[str, Nic]) -> list[_Item]:
    """Lines to keep as they are, and the paragraphs of our cards (with the empty line that follows each)."""
    items: list[_Item] = []
    stanza: _Stanza | None = None
    for line in lines:
        if stanza is not None:
            if line.strip() and not line.startswith("#") and not _KEYWORD.match(line):
                if line.split()[0] not in _OURS:
                    stanza.options.append(line)
                continue
            stanza = None
            if not line.strip():
                continue
        match = _STANZA.match(line)
        if match and match.group(1) in cards:
            stanza = _Stanza(name=match.group(1), family=match.group(2), options=[])
            items.append(stanza)
        else:
            items.append(line)
    return items


def _paragraph(nic: Nic, family: str, options: list[str], dialect: Dialect) -> list[str]:
    """The lines of one card in one family, an empty line last; none where nothing is said about the family."""
    given = addresses.ipv4(nic) if family == "inet" else addresses.ipv6(nic)
    method = given.method
    if not method:
        return []
    if family == "inet6" and method in ("auto", "dhcp") and not dialect.inet6_methods:
        method = "manual"
    head = f"iface {nic.name} {family} {method}"
    if method != "static":
        return [head, ""]
    return [head, *_address_lines(given, family, dialect), *_gateway_lines(given, nic.name), *options, ""]


def _address_lines(given: Addressing, family: str, dialect: Dialect) -> list[str]:
    if dialect.cidr:
        return [f"\taddress {given.address}"]
    netmask = given.netmask if family == "inet" else str(given.prefix)
    return [f"\taddress {given.plain_address}", f"\tnetmask {netmask}"]


def _gateway_lines(given: Addressing, name: str) -> list[str]:
    if not given.gateway:
        return []
    if not given.gateway_outside:
        return [f"\tgateway {given.gateway}"]
    router = given.gateway
    content = (
        f"\tpost-up ip route add {router} dev {name}\n"
        f"\tpost-up ip route add default via {router} dev {name}\n"
        f"\tpre-down ip route del default via {router} dev {name}\n"
        f"\tpre-down ip route del {router} dev {name}\n"
    )
    return sections.block(content).splitlines()
