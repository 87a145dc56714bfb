"""Realm synchronisation: what a directory (LDAP, AD) says, taken over into ``user.cfg``. Pure: asks no server.

Source: conformance area ``access-control`` (realm-sync).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from hostd.access.ids import is_label, is_user
from hostd.access.users import Group, User, UserConfig
from hostd.core.errors import Invalid

SCOPES: Final = ("users", "groups", "both")
VANISHED: Final = ("acl", "entry", "properties")
_TEXTS: Final = ("firstname", "lastname", "email", "comment", "keys")
_FIRST_RDN = re.compile(r"[^=]+=([^,]+)(,|$)")


@dataclass(frozen=True, kw_only=True)
class Found:
    """An entry of the directory: a user with attributes, or a group with members (their names in the directory)."""

    dn: str
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class SyncOptions:
    """``remove``: what becomes of things that vanished from the directory. ``properties`` of it: also unset those that
    the directory does not have."""

    realm: str
    scope: str
    enable_new: bool = True
    remove: frozenset[str] = frozenset()
    user_attribute: str = "uid"
    attributes: Mapping[str, str] = field(default_factory=dict)
    case_sensitive: bool = True

    @classmethod
    def make(cls, realm: str, section: Mapping[str, Any], given: Mapping[str, Any]) -> SyncOptions:
        """From the realm's configuration and the call's own parameters, which win over the realm's defaults.

        Raises Invalid where the realm is no directory or the scope is not known.
        """
        kind = section.get("type", "")
        if kind not in ("ldap", "ad"):
            raise Invalid({"realm": f"realm '{realm}' is of type '{kind}'; only ldap and ad realms are synchronised"})
        options = {**_pairs(str(section.get("sync-defaults-options", "")), ","), **given}
        scope, remove = str(options.get("scope", "")), str(options.get("remove-vanished", "none"))
        wanted = frozenset(word for word in re.split("[;,]", remove) if word and word != "none")
        if scope not in SCOPES:
            raise Invalid({"scope": f"value '{scope}' is not one of {', '.join(SCOPES)}, and the realm has no default"})
        if wanted - set(VANISHED):
            raise Invalid({"remove-vanished": f"value '{remove}' is no list of {', '.join(VANISHED)}"})
        return cls(
            realm=realm,
            scope=scope,
            enable_new=str(options.get("enable-new", 1)) not in ("0", "False"),
            remove=wanted,
            user_attribute=str(section.get("user_attr") or ("sAMAccountName" if kind == "ad" else "uid")),
            attributes=_pairs(str(section.get("sync_attributes", "")), ","),
            case_sensitive=str(section.get("case-sensitive", 1)) not in ("0", "False"),
        )


def _pairs(text: str, separator: str) -> dict[str, str]:
    parts = (part.strip().partition("=") for part in text.split(separator) if "=" in part)
    return {key.strip(): value.strip() for key, _, value in parts}


def sync(config: UserConfig, users: Sequence[Found], groups: Sequence[Found], options: SyncOptions) -> UserConfig:
    """The configuration after the synchronisation."""
    by_dn = {found.dn.lower(): id for found in users if (id := _user_id(found, options))}
    after = config
    if options.scope in ("users", "both"):
        told = {by_dn[found.dn.lower()]: _texts(found, options) for found in users if found.dn.lower() in by_dn}
        after = _sync_users(after, told, options)
    if options.scope in ("groups", "both"):
        named = {id: found for found in groups if (id := _group_id(found, options))}
        after = _sync_groups(after, named, by_dn, options)
    return after


def _user_id(found: Found, options: SyncOptions) -> str:
    names = {key.lower(): values for key, values in found.attributes.items()}.get(options.user_attribute.lower(), ())
    name = names[0] if names else ""
    id = f"{name if options.case_sensitive else name.lower()}@{options.realm}"
    return id if is_user(id) else ""


def _texts(found: Found, options: SyncOptions) -> dict[str, str]:
    attributes = {key.lower(): values for key, values in found.attributes.items()}
    values = {ours: attributes.get(theirs.lower(), ()) for ours, theirs in options.attributes.items()}
    return {ours: str(given[0]) for ours, given in values.items() if given and ours in (*_TEXTS, "enable", "expire")}


def _group_id(found: Found, options: SyncOptions) -> str:
    match = _FIRST_RDN.match(found.dn)
    id = f"{found.name or (match[1] if match else '')}-{options.realm}"
    return id if is_label(id) and not id.startswith("-") else ""


def _sync_users(config: UserConfig, told: Mapping[str, Mapping[str, str]], options: SyncOptions) -> UserConfig:
    vanished = {id for id in config.users if id.endswith(f"@{options.realm}") and id not in told}
    users, groups, acl = dict(config.users), dict(config.groups), dict(config.acl)
    if "entry" in options.remove:
        users = {id: user for id, user in users.items() if id not in vanished}
        groups = {id: replace(group, members=group.members - vanished) for id, group in groups.items()}
    if "acl" in options.remove:
        acl = {key: p for key, p in acl.items() if not (key[1] == "user" and key[2] in vanished)}
    for id, texts in told.items():
        users[id] = _merged(users.get(id), texts, options)
    return replace(config, users=users, groups=groups, acl=acl)


def _merged(before: User | None, texts: Mapping[str, str], options: SyncOptions) -> User:
    base = before or User(enable=options.enable_new)
    if "properties" in options.remove:
        base = User(enable=base.enable, tokens=base.tokens)
    fields: dict[str, Any] = {name: texts[name] for name in _TEXTS if name in texts}
    if "enable" in texts and before is None:
        fields["enable"] = texts["enable"] not in ("", "0")
    if texts.get("expire", "").isdigit():
        fields["expire_s"] = int(texts["expire"])
    return replace(base, **fields)


def _sync_groups(
    config: UserConfig, told: Mapping[str, Found], by_dn: Mapping[str, str], options: SyncOptions
) -> UserConfig:
    vanished = {id for id in config.groups if id.endswith(f"-{options.realm}") and id not in told}
    groups, acl = dict(config.groups), dict(config.acl)
    if "entry" in options.remove:
        groups = {id: group for id, group in groups.items() if id not in vanished}
    if "acl" in options.remove:
        acl = {key: p for key, p in acl.items() if not (key[1] == "group" and key[2] in vanished)}
    for id, found in told.items():
        members = frozenset(user for dn in found.members if (user := by_dn.get(dn.lower())) in config.users and user)
        keep = "properties" not in options.remove and id in groups
        groups[id] = Group(members=members, comment=groups[id].comment if keep else "")
    return replace(config, groups=groups, acl=acl)
