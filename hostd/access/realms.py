"""``domains.cfg``: where users come from and how they are authenticated. ``pam`` and ``pve`` always exist.

Realms of other types are stored, validated and listed; logging in through them is not built yet and is refused.
Their secrets (bind password, client key) are kept in ``priv/realm/``, not in the file that others may read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from hostd.core.errors import Conflict, HostError, Invalid, NotFound
from hostd.core.formats import sectionconfig
from hostd.core.formats.sectionconfig import Section

PATH: Final = "domains.cfg"
BUILT_IN: Final = ("pam", "pve")
COMMENTS: Final = {"pam": "accounts of the host (PAM)", "pve": "accounts of this cluster"}
_SHOWN: Final = ("comment", "default")
_LDAP: Final = (
    "base_dn", "bind_dn", "capath", "case-sensitive", "cert", "certkey", "filter", "group_classes", "group_dn",
    "group_filter", "group_name_attr", "mode", "password", "port", "secure", "server1", "server2", "sslversion",
    "sync-defaults-options", "sync_attributes", "tfa", "user_attr", "user_classes", "verify", *_SHOWN,
)  # fmt: skip
_OPENID: Final = (
    "acr-values", "audiences", "autocreate", "client-id", "client-key", "groups-autocreate", "groups-claim",
    "groups-overwrite", "issuer-url", "prompt", "query-userinfo", "scopes", "username-claim", *_SHOWN,
)  # fmt: skip
SECRETS: Final = {"password": "pw", "client-key": "key"}


@dataclass(frozen=True, kw_only=True)
class Type:
    """Options that a realm's type has; ``fixed`` ones cannot be changed later."""

    options: frozenset[str]
    required: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()


TYPES: Final[Mapping[str, Type]] = {
    "ad": Type(options=frozenset((*_LDAP, "domain")), required=frozenset({"domain", "server1"})),
    "ldap": Type(options=frozenset(_LDAP), required=frozenset({"base_dn", "server1", "user_attr"})),
    "openid": Type(
        options=frozenset(_OPENID),
        required=frozenset({"client-id", "issuer-url"}),
        fixed=frozenset({"username-claim"}),
    ),
    "pam": Type(options=frozenset({*_SHOWN, "tfa"})),
    "pve": Type(options=frozenset({*_SHOWN, "tfa"})),
}


@dataclass(frozen=True, kw_only=True)
class Realm:
    """One realm: its options as text, without secrets."""

    id: str
    type: str
    options: Mapping[str, str] = field(default_factory=dict)


def parse(text: str) -> dict[str, Realm]:
    """Realms by id, in the order of the file, the built-in ones first."""
    found = {id: Realm(id=id, type=id) for id in BUILT_IN}
    for section in sectionconfig.parse(text):
        if section.id not in BUILT_IN or section.type == section.id:
            found[section.id] = Realm(id=section.id, type=section.type, options=section.values)
    return found


def format(realms: Mapping[str, Realm]) -> str:
    """The text; a built-in realm without options needs no entry."""
    sections = [
        Section(type=r.type, id=r.id, values=r.options) for r in realms.values() if r.options or r.id not in BUILT_IN
    ]
    return sectionconfig.format(sections)


def digest(text: str) -> str:
    """What GET tells and PUT compares: SHA-1 of the file, as everywhere in this API (no security rests on it)."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def secret_path(id: str, option: str) -> str:
    return f"priv/realm/{id}.{SECRETS[option]}"


def add(text: str, realm: Realm, *, given: Iterable[str]) -> str:
    """The file with one more realm. ``given``: names of all options of the call, secrets included."""
    realms = parse(text)
    if realm.id in realms:
        raise Conflict(f"domain '{realm.id}' already exists")
    if realm.type in BUILT_IN:
        raise Invalid({"type": f"a realm of type '{realm.type}' exists already and there is only one"})
    _check(realm.type, set(given))
    if missing := TYPES[realm.type].required - set(given):
        raise Invalid({key: f"missing value for required option '{key}'" for key in sorted(missing)})
    return format(_with_one_default({**realms, realm.id: realm}, realm.id))


def update(text: str, id: str, options: Mapping[str, str], delete: Iterable[str], *, given: Iterable[str]) -> str:
    """The file with options of one realm set and others removed."""
    realms = parse(text)
    realm, removed = get(realms, id), set(delete)
    kind = TYPES.get(realm.type, Type(options=frozenset()))
    _check(realm.type, {*given, *removed})
    wrong = dict.fromkeys(removed & set(given), "is set and deleted in the same call")
    wrong |= dict.fromkeys(kind.fixed & {*given, *removed}, "cannot be changed once the realm exists")
    wrong |= dict.fromkeys(kind.required & removed, "is required for this type of realm")
    if wrong:
        raise Invalid(wrong)
    kept = {key: value for key, value in realm.options.items() if key not in removed}
    return format(_with_one_default({**realms, id: replace(realm, options={**kept, **options})}, id))


def remove(text: str, id: str) -> str:
    """The file without the realm."""
    realms = parse(text)
    get(realms, id)
    if id in BUILT_IN:
        raise HostError(f"realm '{id}' is part of every host and cannot be removed")
    return format({key: realm for key, realm in realms.items() if key != id})


def get(realms: Mapping[str, Realm], id: str) -> Realm:
    if id not in realms:
        raise NotFound(f"domain '{id}' does not exist")
    return realms[id]


def _check(type: str, given: set[str]) -> None:
    if type not in TYPES:
        raise Invalid({"type": f"value '{type}' is not one of {', '.join(TYPES)}"})
    if unknown := given - TYPES[type].options:
        raise Invalid(dict.fromkeys(sorted(unknown), f"a realm of type '{type}' has no such option"))


def _with_one_default(realms: dict[str, Realm], newest: str) -> dict[str, Realm]:
    """Only one realm is offered first: the one that was said last."""
    if realms[newest].options.get("default") != "1":
        return realms
    return {
        id: realm
        if id == newest
        else replace(realm, options={key: value for key, value in realm.options.items() if key != "default"})
        for id, realm in realms.items()
    }
