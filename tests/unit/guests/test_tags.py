"""Who may set which tag."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.cluster import datacenter
from hostd.guests import tags
from hostd.guests.tags import Access, Policy

OPTIONS = "registered-tags: gold;Silver\nuser-tag-access: user-allow={mode},user-allow-list=web;db\n"


def policy(mode: str, *, administrator: bool = False, more: str = "") -> Policy:
    options = datacenter.parse((OPTIONS.format(mode=mode) + more).encode())
    return tags.policy(options, ["old;gold", "web"], administrator=administrator)


def test_without_options_everybody_may_all() -> None:
    free = tags.policy(datacenter.parse(b""), ["a;b"], administrator=False)
    assert tags.refusal("a", "x;y", free) == ""
    assert tags.offered(free) == ["a", "b"]


@pytest.mark.parametrize(
    ("mode", "offered", "may", "may_not"),
    [
        ("free", ["old", "web"], ("new", "old", "web"), ("gold", "Silver", "GOLD", "silver")),
        ("existing", ["db", "old", "web"], ("old", "web", "db", "DB"), ("new", "gold")),
        ("list", ["db", "web"], ("web", "db"), ("old", "new", "silver")),
        ("none", [], (), ("web", "old", "new", "gold")),
    ],
)
def test_what_users_may(mode: str, offered: list[str], may: tuple[str, ...], may_not: tuple[str, ...]) -> None:
    allowed = policy(mode)
    assert tags.offered(allowed) == offered
    for tag in may:
        assert tags.refusal("", tag, allowed) == tags.refusal(tag, "", allowed) == ""
    for tag in may_not:
        added, removed = tags.refusal("web", f"web;{tag}", allowed), tags.refusal(tag, "", allowed)
        if tag != "web":
            assert added.startswith(f"tag '{tag}' may not be added: ")
        assert removed.startswith(f"tag '{tag}' may not be removed: ")


def test_a_refusal_says_what_is_allowed() -> None:
    assert tags.refusal("", "x", policy("list")).endswith("users may set these only (user-tag-access): db, web")
    assert tags.refusal("", "x", policy("none")).endswith("users may set no tags here (user-tag-access)")
    assert tags.refusal("", "gold", policy("none")).endswith("it is registered, for who holds Sys.Modify on / alone")


def test_case_counts_where_the_cluster_says_so() -> None:
    strict = policy("list", more="tag-style: case-sensitive=1\n")
    assert "added" in tags.refusal("", "Web", strict)
    assert tags.refusal("", "Web", policy("list")) == ""


def test_administrators_may_all() -> None:
    administrator = policy("none", administrator=True)
    assert tags.refusal("gold;a", "Silver;new", administrator) == ""
    assert tags.offered(administrator) == ["Silver", "gold", "old", "web"]


TAGS = st.lists(st.sampled_from(["a", "b", "c", "A", "d"]), unique=True).map(";".join)
POLICIES: Any = st.builds(
    Policy,
    access=st.sampled_from(Access),
    listed=st.frozensets(st.sampled_from("abc")),
    registered=st.frozensets(st.sampled_from("bcd")),
    in_use=st.frozensets(st.sampled_from("acd")),
    case_sensitive=st.booleans(),
)


@given(TAGS, TAGS, POLICIES)
def test_what_stays_is_never_refused_and_ways_are_equal(before: str, after: str, given: Policy) -> None:
    assert tags.refusal(before, before, given) == ""
    assert bool(tags.refusal(before, after, given)) == bool(tags.refusal(after, before, given))
    for tag in tags.offered(given):
        assert tags.refusal("", tag, given) == ""
