"""Realm synchronisation: what a directory says, taken over."""

from __future__ import annotations

import pytest

from hostd.access import users
from hostd.access.directory import Found, SyncOptions, sync
from hostd.core.errors import Invalid

BEFORE = users.parse(
    "user:kim@corp:1:99::::::\ntoken:kim@corp!ci:0:1::\nuser:gone@corp:1:\nuser:local@pve:1:\n"
    "group:admins-corp:gone@corp:old\ngroup:mixed:gone@corp,local@pve:\nacl:1:/:gone@corp:PVEAdmin:\n"
)
REALM = {"type": "ldap", "sync_attributes": "email=mail, firstname=givenName", "user_attr": "login"}
PEOPLE = [
    Found(dn="cn=K,dc=x", attributes={"login": ["Kim"], "mail": ["kim@example.org"]}),
    Found(dn="cn=L,dc=x", attributes={"login": ["lee"], "givenName": ["Lee"]}),
    Found(dn="cn=Bad,dc=x", attributes={"login": ["no good"]}),
]
GROUPS = [Found(dn="ou=admins,dc=x", members=("CN=k,DC=x", "cn=unknown,dc=x"))]


def options(**given: object) -> SyncOptions:
    return SyncOptions.make("corp", {**REALM, "case-sensitive": 0}, {"scope": "both", **given})


def test_new_ones_come_and_old_ones_stay() -> None:
    after = sync(BEFORE, PEOPLE, GROUPS, options(**{"enable-new": 0}))
    assert after.users["kim@corp"].email == "kim@example.org"
    assert after.users["kim@corp"].expire_s == 99
    assert after.users["lee@corp"] == users.User(enable=False, firstname="Lee")
    assert "gone@corp" in after.users
    assert "no good@corp" not in after.users
    assert after.groups["admins-corp"] == users.Group(members=frozenset({"kim@corp"}), comment="old")


def test_vanished_ones_go_with_their_memberships_and_acls() -> None:
    after = sync(BEFORE, PEOPLE, [], options(**{"remove-vanished": "acl;entry;properties"}))
    assert "gone@corp" not in after.users
    assert after.acl == {}
    assert after.groups == {"mixed": users.Group(members=frozenset({"local@pve"}))}
    assert after.users["kim@corp"].expire_s == 0
    assert after.users["kim@corp"].tokens


@pytest.mark.parametrize(
    ("section", "given"),
    [({"type": "pve"}, {"scope": "both"}), (REALM, {}), (REALM, {"scope": "both", "remove-vanished": "everything"})],
)
def test_refused(section: dict[str, object], given: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        SyncOptions.make("corp", section, given)
