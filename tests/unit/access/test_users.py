"""``user.cfg``: reading is tolerant, writing is stable, nothing is lost between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.access import ids, paths, users
from hostd.core.errors import ParseError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(
    lambda text: users.decode_text(users.encode_text(text))
)
USER_ID = st.from_regex(r"[a-z][a-z0-9.@-]{0,8}@[a-z]{2,5}", fullmatch=True)
LABEL = st.from_regex(r"[A-Za-z0-9._-]{1,8}", fullmatch=True)
TOKEN = st.builds(users.Token, expire_s=st.integers(0, 2**33), privsep=st.booleans(), comment=TEXT)
USER = st.builds(
    users.User,
    enable=st.booleans(),
    expire_s=st.integers(0, 2**33),
    firstname=TEXT,
    lastname=TEXT,
    comment=TEXT,
    tokens=st.dictionaries(st.from_regex("[a-z][a-z0-9]{1,4}", fullmatch=True), TOKEN, max_size=2),
)


@given(st.text())
def test_any_text_can_be_read_and_the_second_writing_equals_the_first(text: str) -> None:
    once = users.format(users.parse(text))
    assert users.format(users.parse(once)) == once


@given(
    st.dictionaries(USER_ID, USER, max_size=3),
    st.dictionaries(LABEL, st.builds(users.Group, members=st.frozensets(USER_ID, max_size=3), comment=TEXT)),
)
def test_what_was_written_is_read_back(people: dict[str, users.User], groups: dict[str, users.Group]) -> None:
    config = users.UserConfig(users={"root@pam": users.User(), **people}, groups=groups)
    assert users.parse(users.format(config)) == config


def test_a_comment_that_looks_like_an_escape_survives() -> None:
    config = users.UserConfig(groups={"g": users.Group(comment="100%41 done: ü")})
    assert users.parse(users.format(config)).groups["g"].comment == "100%41 done: ü"


def test_a_guest_is_in_the_first_pool_that_names_it_and_parents_exist() -> None:
    config = users.parse("pool:top/mid/low::7001,7002:\npool:other::7001:st-a,bad!:\n")
    assert sorted(config.pools) == ["other", "top", "top/mid", "top/mid/low"]
    assert config.pools["other"] == users.Pool(storage=frozenset({"st-a"}))


def test_a_token_in_an_acl_must_exist() -> None:
    config = users.parse("user:zoe@pve:1:\nacl:1:/vms:zoe@pve!ci:PVEAuditor:\ntoken:zoe@pve!ci:0:1:\n")
    assert config.acl == {}
    assert config.token("zoe@pve", "ci") == users.Token(privsep=True)


@pytest.mark.parametrize("text", ["nobody", "@pve", "x y@pve", "x@9realm", f"{'n' * 70}@pve", "x:y@pve"])
def test_what_is_no_user(text: str) -> None:
    assert not ids.is_user(text)
    with pytest.raises(ParseError):
        ids.UserId.parse(text)


def test_the_realm_follows_the_last_at_sign() -> None:
    assert ids.UserId.parse("zoe@corp.example@ldap1") == ids.UserId(name="zoe@corp.example", realm="ldap1")
    assert ids.owner_of("zoe@pve!ci") == ids.owner_of("zoe@pve") == "zoe@pve"


@pytest.mark.parametrize(
    ("path", "settable"),
    [
        ("/vms/4711", True),
        ("/vms/47", False),
        ("/sdn/zones/z/v/4095", True),
        ("/pool/a/b/c", True),
        ("/cluster", False),
    ],
)
def test_where_an_acl_may_be_set(path: str, settable: bool) -> None:
    assert paths.may_hold_acl(path) is settable


def test_paths() -> None:
    assert paths.normalise("storage//fast/") == "/storage/fast"
    assert paths.normalise("/a b") is None
    assert paths.prefixes("/sdn/zones/z") == ("/", "/sdn", "/sdn/zones", "/sdn/zones/z")
    assert paths.prefixes("/") == ("/",)
