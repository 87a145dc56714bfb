"""Guests' tags: which of them a caller may add and remove, by the cluster's options. Pure.

``registered-tags`` are for who holds Sys.Modify on / alone, who may set any tag; ``user-tag-access`` says what others
may. Tags differ by case only where ``tag-style`` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, assert_never

from hostd.core.formats import propstring
from hostd.core.formats.lists import split_list


class Access(StrEnum):
    """``user-allow``: any tag; the listed ones and those that guests have already; the listed ones; none."""

    FREE = "free"
    EXISTING = "existing"
    LIST = "list"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What holds for one caller. ``administrator``: may set any tag. ``in_use``: tags of the guests that it sees."""

    access: Access = Access.FREE
    listed: frozenset[str] = field(default_factory=frozenset)
    registered: frozenset[str] = field(default_factory=frozenset)
    in_use: frozenset[str] = field(default_factory=frozenset)
    administrator: bool = False
    case_sensitive: bool = False


def policy(options: Mapping[str, Any], in_use: Iterable[str], *, administrator: bool) -> Policy:
    """``options``: ``datacenter.parse``. ``in_use``: values of ``tags`` of the guests that the caller sees."""
    access = options.get("user-tag-access", {})
    return Policy(
        access=Access(access.get("user-allow", Access.FREE)),
        listed=frozenset(access.get("user-allow-list", ())),
        registered=frozenset(options.get("registered-tags", ())),
        in_use=frozenset(tag for text in in_use for tag in split_list(text)),
        administrator=administrator,
        case_sensitive=propstring.boolean(str(options.get("tag-style", {}).get("case-sensitive", "0"))),
    )


def offered(given: Policy) -> list[str]:
    """Tags that the caller may set, as far as they can be told: those that are listed, registered or in use."""
    if given.administrator:
        return sorted(given.in_use | given.registered)
    return sorted(_without(_known(given), given.registered, given))


def refusal(before: str, after: str, given: Policy) -> str:
    """Why the caller may not have these ``tags`` in the place of those, "" where it may; the first one is named."""
    if given.administrator:
        return ""
    old, new = set(split_list(before)), set(split_list(after))
    for tag in sorted(old ^ new):
        if reason := _reason(tag, given):
            return f"tag '{tag}' may not be {'added' if tag in new else 'removed'}: {reason}"
    return ""


def _reason(tag: str, given: Policy) -> str:
    if _within(tag, given.registered, given):
        return "it is registered, for who holds Sys.Modify on / alone"
    if given.access is Access.FREE or _within(tag, _known(given), given):
        return ""
    if given.access is Access.NONE:
        return "users may set no tags here (user-tag-access)"
    return f"users may set these only (user-tag-access): {', '.join(offered(given)) or 'none'}"


def _known(given: Policy) -> frozenset[str]:
    match given.access:
        case Access.FREE:
            return given.in_use
        case Access.EXISTING:
            return given.listed | given.in_use
        case Access.LIST:
            return given.listed
        case Access.NONE:
            return frozenset()
    assert_never(given.access)


def _without(tags: frozenset[str], left_out: frozenset[str], given: Policy) -> set[str]:
    return {tag for tag in tags if not _within(tag, left_out, given)}


def _within(tag: str, tags: frozenset[str], given: Policy) -> bool:
    return tag in tags if given.case_sensitive else tag.lower() in {each.lower() for each in tags}
