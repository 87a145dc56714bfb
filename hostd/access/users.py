"""``user.cfg``: users, tokens, groups, pools, roles and ACLs, as text and as frozen data. Pure.

The file is line based, ``type:field:field:…``. Reading is tolerant, a bad line never fails the rest: whoever cannot
read his own entry must not lock out all others. Writing sorts everything, so that a change is a small difference.
Source: conformance area ``access-control`` (user-cfg-*).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from urllib.parse import unquote

from hostd.access import paths
from hostd.access.ids import ROOT, is_label, is_pool, is_user, token_or_none
from hostd.access.privileges import BUILTIN_ROLES, GRANTABLE
from hostd.core.formats.lists import split_list
from hostd.core.kinds import check_storage_id

PATH: Final = "user.cfg"
Kind = Literal["user", "group", "token"]
_KNOWN: Final = frozenset(GRANTABLE)


@dataclass(frozen=True, kw_only=True)
class Token:
    """An API token; its secret is elsewhere. ``expire_s``: Unix time, 0 for never."""

    expire_s: int = 0
    privsep: bool = False
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class User:
    """``expire_s``: Unix time, 0 for never. ``keys``: what older hosts kept of a second factor."""

    enable: bool = True
    expire_s: int = 0
    firstname: str = ""
    lastname: str = ""
    email: str = ""
    comment: str = ""
    keys: str = ""
    tokens: Mapping[str, Token] = field(default_factory=dict)

    def usable(self, now_s: float) -> bool:
        """Enabled and not expired."""
        return self.enable and not 0 < self.expire_s <= now_s


@dataclass(frozen=True, kw_only=True)
class Group:
    """Members may name users that do not exist (yet)."""

    members: frozenset[str] = frozenset()
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Guests and storages that are administered together; its parent is in its name (``parent/child``)."""

    vms: frozenset[int] = frozenset()
    storage: frozenset[str] = frozenset()
    comment: str = ""


@dataclass(frozen=True, kw_only=True, order=True)
class Entry:
    """One line of an ACL: ``who`` (a user, group or token by ``kind``) has ``role`` at ``path``."""

    path: str
    kind: Kind
    who: str
    role: str
    propagate: bool


AclKey = tuple[str, Kind, str, str]


@dataclass(frozen=True, kw_only=True)
class UserConfig:
    """The whole file. ``roles`` are those of the file, without the built-in ones; ``acl`` maps to "propagates"."""

    users: Mapping[str, User] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    pools: Mapping[str, Pool] = field(default_factory=dict)
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    acl: Mapping[AclKey, bool] = field(default_factory=dict)

    def entries(self) -> list[Entry]:
        """The ACL, sorted by path, kind, name and role."""
        return [
            Entry(path=path, kind=kind, who=who, role=role, propagate=self.acl[path, kind, who, role])
            for path, kind, who, role in sorted(self.acl)
        ]

    def privileges_of(self, role: str) -> frozenset[str] | None:
        """What a role holds, built-in or own; None for one that does not exist."""
        return BUILTIN_ROLES[role] if role in BUILTIN_ROLES else self.roles.get(role)

    def token(self, user: str, name: str) -> Token | None:
        owner = self.users.get(user)
        return owner.tokens.get(name) if owner else None


def encode_text(text: str) -> str:
    """Free text for one field: control characters, non-ASCII, ``:`` and escapes as ``%XX`` of their UTF-8.

    A ``%`` is escaped only where two hex digits follow, that is, where reading would take it for an escape.
    """

    def escaped(match: re.Match[str]) -> str:
        return "".join(f"%{byte:02X}" for byte in match[0].encode(errors="replace"))

    return re.sub(r"%(?=[0-9A-Fa-f]{2})|[^\x20-\x39\x3b-\x7e]", escaped, text).strip()


def decode_text(text: str) -> str:
    """What ``encode_text`` wrote; broken UTF-8 becomes replacement characters."""
    return unquote(text, errors="replace") if "%" in text else text


# --- reading


class _Reader:
    """Collects what the lines say; each method takes one type of line and ignores what makes no sense."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.tokens: dict[str, dict[str, Token]] = {}
        self.groups: dict[str, Group] = {}
        self.pools: dict[str, Pool] = {}
        self.roles: dict[str, frozenset[str]] = {}
        self.acl: dict[AclKey, bool] = {}
        self._pooled: set[int] = set()

    def take(self, line: str) -> None:
        type, *given = (part.strip() for part in line.split(":"))
        read = {"user": self._user, "token": self._token, "group": self._group, "pool": self._pool,
                "role": self._role, "acl": self._acl}.get(type)  # fmt: skip
        if read is not None:
            read([*given, *[""] * 8])

    def _user(self, f: list[str]) -> None:
        if not is_user(f[0]) or (expire_s := _seconds(f[2])) is None:
            return
        self.users[f[0]] = User(
            enable=_flag(f[1]),
            expire_s=expire_s,
            firstname=decode_text(f[3]),
            lastname=decode_text(f[4]),
            email=f[5],
            comment=decode_text(f[6]),
            keys=f[7],
        )
        self.tokens.pop(f[0], None)

    def _token(self, f: list[str]) -> None:
        token, expire_s = token_or_none(f[0]), _seconds(f[1])
        if token is None or expire_s is None or token.user not in self.users:
            return
        found = Token(expire_s=expire_s, privsep=_flag(f[2]), comment=decode_text(f[3]))
        self.tokens.setdefault(token.user, {})[token.name] = found

    def _group(self, f: list[str]) -> None:
        if not is_label(f[0]):
            return
        before = self.groups.get(f[0], Group())
        members = before.members | {user for user in split_list(f[1]) if is_user(user)}
        self.groups[f[0]] = Group(members=members, comment=decode_text(f[2]) or before.comment)

    def _pool(self, f: list[str]) -> None:
        if not is_pool(f[0]):
            return
        ancestor, _, _ = f[0].rpartition("/")
        while ancestor:
            self.pools.setdefault(ancestor, Pool())
            ancestor, _, _ = ancestor.rpartition("/")
        vms = {int(word) for word in split_list(f[2]) if word.isascii() and word.isdigit()} - self._pooled
        self._pooled |= vms  # a guest is in one pool only; the first line that names it counts
        before = self.pools.get(f[0], Pool())
        self.pools[f[0]] = Pool(
            vms=before.vms | vms,
            storage=before.storage | {word for word in split_list(f[3]) if not check_storage_id(word)},
            comment=decode_text(f[1]) or before.comment,
        )

    def _role(self, f: list[str]) -> None:
        if is_label(f[0]) and f[0] not in BUILTIN_ROLES:
            self.roles[f[0]] = self.roles.get(f[0], frozenset()) | (_KNOWN & set(split_list(f[1])))

    def _acl(self, f: list[str]) -> None:
        path = paths.normalise(f[1])
        roles = [role for role in split_list(f[3]) if role in self.roles or role in BUILTIN_ROLES]
        if path is None:
            return
        for word in split_list(f[2]):
            found = self._holder(word)
            if found is not None:
                self.acl |= {(path, *found, role): _flag(f[0]) for role in roles}

    def _holder(self, word: str) -> tuple[Kind, str] | None:
        """Who is meant. Users and groups may not exist (yet); a token must, lest a new one of that name inherits."""
        if word.startswith("@"):
            return ("group", word[1:]) if is_label(word[1:]) else None
        token = token_or_none(word)
        if token is not None and token.name in self.tokens.get(token.user, {}):
            return ("token", word)
        return ("user", word) if token is None and is_user(word) else None

    def result(self) -> UserConfig:
        users = {id: replace(user, tokens=self.tokens.get(id, {})) for id, user in self.users.items()}
        users.setdefault(ROOT, User())
        return UserConfig(users=users, groups=self.groups, pools=self.pools, roles=self.roles, acl=self.acl)


def _flag(text: str) -> bool:
    return text not in ("", "0")


def _seconds(text: str) -> int | None:
    if not text:
        return 0
    return int(text) if text.isascii() and text.isdigit() else None


def parse(text: str) -> UserConfig:
    """Text of ``user.cfg`` to data. Never fails: lines that make no sense are left out; ``root@pam`` always exists."""
    reader = _Reader()
    for line in text.split("\n"):
        reader.take(line)
    return reader.result()


# --- writing


def format(config: UserConfig) -> str:
    """Data to the text of ``user.cfg``: five blocks with an empty line after each but the last, all sorted."""
    blocks = [
        [line for id in sorted(config.users) for line in _user_lines(id, config.users[id])],
        [
            f"group:{id}:{','.join(sorted(g.members))}:{encode_text(g.comment)}:"
            for id, g in sorted(config.groups.items())
        ],
        [_pool_line(id, pool) for id, pool in sorted(config.pools.items())],
        [f"role:{id}:{','.join(sorted(privileges))}:" for id, privileges in sorted(config.roles.items())],
        _acl_lines(config.acl),
    ]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks)


def _user_lines(id: str, user: User) -> Iterable[str]:
    texts = ":".join(
        (encode_text(user.firstname), encode_text(user.lastname), user.email, encode_text(user.comment), user.keys)
    )
    yield f"user:{id}:{int(user.enable)}:{user.expire_s}:{texts}:"
    for name, token in sorted(user.tokens.items()):
        yield f"token:{id}!{name}:{token.expire_s}:{int(token.privsep)}:{encode_text(token.comment)}:"


def _pool_line(id: str, pool: Pool) -> str:
    vms, storages = ",".join(str(vmid) for vmid in sorted(pool.vms)), ",".join(sorted(pool.storage))
    return f"pool:{id}:{encode_text(pool.comment)}:{vms}:{storages}:"


def _acl_lines(acl: Mapping[AclKey, bool]) -> list[str]:
    """One line per path, propagation and set of roles, naming everyone who has exactly that set there."""
    roles_of: dict[tuple[str, bool, str], list[str]] = {}
    for (path, kind, who, role), propagate in sorted(acl.items()):
        roles_of.setdefault((path, propagate, f"@{who}" if kind == "group" else who), []).append(role)
    holders_of: dict[tuple[str, bool, str], list[str]] = {}
    for (path, propagate, who), roles in roles_of.items():
        holders_of.setdefault((path, propagate, ",".join(sorted(roles))), []).append(who)
    return [
        f"acl:{int(propagate)}:{path}:{','.join(sorted(holders))}:{roles}:"
        for (path, propagate, roles), holders in sorted(
            holders_of.items(), key=lambda item: (item[0][0].split("/"), *item[0][1:])
        )
    ]
