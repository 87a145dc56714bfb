"""Names of users, tokens, groups, roles and pools; their grammar is the catalogue's (``core/formats/validators.py``).

Source: ``api/README.md`` of the shared facts ("Common scalar formats"), conformance area ``access-control``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hostd.core.errors import ParseError
from hostd.core.formats import validators

ROOT: Final = "root@pam"
TOKEN_NAME: Final = validators.REALM


@dataclass(frozen=True, kw_only=True)
class UserId:
    """``name@realm``."""

    name: str
    realm: str

    @classmethod
    def parse(cls, text: str) -> UserId:
        """Raises ParseError. The realm follows the last ``@``, so a name may hold one (LDAP mail addresses)."""
        if wrong := validators.userid(text):
            raise ParseError(wrong)
        name, _, realm = text.rpartition("@")
        return cls(name=name, realm=realm)

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
        if wrong := validators.tokenid(text):
            raise ParseError(wrong)
        user, _, name = text.rpartition("!")
        return cls(user=user, name=name)

    def __str__(self) -> str:
        return f"{self.user}!{self.name}"


def is_user(text: str) -> bool:
    return not validators.userid(text)


def token_or_none(text: str) -> TokenId | None:
    return TokenId.parse(text) if "!" in text and not validators.tokenid(text) else None


def owner_of(authid: str) -> str:
    """The user behind a user id or token id."""
    token = token_or_none(authid)
    return token.user if token else authid


def is_label(text: str) -> bool:
    """A group's or role's name."""
    return not validators.CHECKS["pve-groupid"](text)


def is_pool(text: str) -> bool:
    """A pool's name: one to three labels with ``/`` between."""
    return not validators.CHECKS["pve-poolid"](text)
