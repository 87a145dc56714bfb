"""Names of users, tokens, groups, roles, pools and realms: their grammar, in one place.

Source: ``api/README.md`` of the shared facts ("Common scalar formats"), conformance area ``access-control``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import ParseError

ROOT: Final = "root@pam"
LONGEST: Final = 64
_REALM: Final = r"[A-Za-z][A-Za-z0-9._-]+"
_USER = re.compile(rf"(?P<name>[^\s:/]+)@(?P<realm>{_REALM})")
_TOKEN = re.compile(rf"(?P<user>[^\s:/]+@{_REALM})!(?P<name>{_REALM})")
_REALM_ALONE = re.compile(_REALM)
_LABEL = re.compile(r"[A-Za-z0-9._-]+")
_POOL = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,2}")
TOKEN_NAME: Final = _REALM


@dataclass(frozen=True, kw_only=True)
class UserId:
    """``name@realm``."""

    name: str
    realm: str

    @classmethod
    def parse(cls, text: str) -> UserId:
        """Raises ParseError. The realm follows the last ``@``, so a name may hold one (LDAP mail addresses)."""
        match = _USER.fullmatch(text)
        if match is None or not 3 <= len(text) <= LONGEST:
            raise ParseError(f"value '{text}' does not look like a valid user name")
        return cls(name=match["name"], realm=match["realm"])

    def __str__(self) -> str:
        return f"{self.name}@{self.realm}"


@dataclass(frozen=True, kw_only=True)
class TokenId:
    """``name@realm!token``."""

    user: str
    name: str

    @classmethod
    def parse(cls, text: str) -> TokenId:
        """Raises ParseError."""
        match = _TOKEN.fullmatch(text)
        if match is None:
            raise ParseError(f"value '{text}' does not look like a valid token ID (user@realm!name)")
        return cls(user=match["user"], name=match["name"])

    def __str__(self) -> str:
        return f"{self.user}!{self.name}"


def is_user(text: str) -> bool:
    return 3 <= len(text) <= LONGEST and _USER.fullmatch(text) is not None


def token_or_none(text: str) -> TokenId | None:
    match = _TOKEN.fullmatch(text) if "!" in text else None
    return TokenId(user=match["user"], name=match["name"]) if match else None


def owner_of(authid: str) -> str:
    """The user behind a user id or token id."""
    token = token_or_none(authid)
    return token.user if token else authid


def is_label(text: str) -> bool:
    """A group's or role's name."""
    return _LABEL.fullmatch(text) is not None


def is_pool(text: str) -> bool:
    """A pool's name: one to three labels with ``/`` between."""
    return _POOL.fullmatch(text) is not None


def is_realm(text: str) -> bool:
    return len(text) <= 32 and _REALM_ALONE.fullmatch(text) is not None
