"""Secrets of API tokens: shown once, kept only as SHA-256 in ``priv/token.cfg``.

A plain digest is enough here, unlike for passwords: the secret is random and of 122 bits, so nobody can try them all,
and a call by token must not cost what a log-in does. Lines are ``<token id> <digest>``; one with the secret itself, as
the reference writes it, verifies too and is hashed at the next change of the file.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from typing import Final

from hostd.access.ids import token_or_none
from hostd.core.errors import NotAuthenticated

PATH: Final = "priv/token.cfg"
_MARK: Final = "$sha256$"
_HEADER = re.compile(r"PVEAPIToken[= ](?P<id>[^\s:/]+?@[^!\s:/]+![^=\s]+)[=\s](?P<secret>\S+)")


def make_secret() -> str:
    """A new secret: a random UUID (RFC 9562, version 4)."""
    return str(uuid.uuid4())


def digest(secret: str) -> str:
    return _MARK + hashlib.sha256(secret.encode()).hexdigest()


def parse(text: str) -> dict[str, str]:
    """Token id -> digest of its secret."""
    found = {}
    for line in text.splitlines():
        id, _, secret = line.strip().partition(" ")
        if secret and token_or_none(id):
            found[id] = secret if secret.startswith(_MARK) else digest(secret)
    return found


def format(secrets: dict[str, str]) -> str:
    return "".join(f"{id} {secret}\n" for id, secret in sorted(secrets.items()))


def from_header(authorization: str) -> tuple[str, str] | None:
    """Token id and secret of an (unescaped) Authorization header; None where it is of another kind.

    ``PVEAPIToken=user@realm!name=secret``; a blank may stand for the first or second ``=``. Raises NotAuthenticated
    for one that begins like this and goes on wrong.
    """
    if not authorization.startswith("PVEAPIToken"):
        return None
    match = _HEADER.fullmatch(authorization.strip())
    if match is None or token_or_none(match["id"]) is None:
        raise NotAuthenticated("no valid API token: use PVEAPIToken=<user>@<realm>!<name>=<secret>")
    return match["id"], match["secret"]


def verify(secrets: dict[str, str], id: str, secret: str) -> None:
    """Raises NotAuthenticated unless it is the token's secret. Whether the token may be used is asked elsewhere."""
    stored = secrets.get(id, "")
    if not hmac.compare_digest(stored.encode(), digest(secret).encode()):
        raise NotAuthenticated("invalid token value!")
