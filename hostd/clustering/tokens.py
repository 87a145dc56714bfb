"""Join tokens: one word that lets one host join, once and not for long. Pure.

It holds where the cluster is, the fingerprint of the certificate that must answer there, and a secret of 256 bits. The
cluster keeps a SHA-256 of the secret: of so many random bits it tells nothing, so no slower hash is needed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from hostd.core.errors import Denied, Invalid
from hostd.core.run import Secret

PREFIX: Final = "hfj1."
FOLDER: Final = "priv/join-tokens"
LIFETIME_S: Final = 3600
LONGEST_S: Final = 7 * 86400
_ID = re.compile(r"[0-9a-f]{16}\Z")
_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}\Z")


@dataclass(frozen=True, kw_only=True)
class JoinToken:
    """What the word says. ``addresses`` of nodes of the cluster; ``fingerprint``: SHA-256, ``AB:CD:…``."""

    id: str
    addresses: tuple[str, ...]
    fingerprint: str
    secret: Secret

    def word(self) -> str:
        """The token as people carry it."""
        said = {
            "a": list(self.addresses),
            "f": self.fingerprint.replace(":", "").lower(),
            "i": self.id,
            "s": self.secret.reveal(),
        }
        packed = json.dumps(said, separators=(",", ":")).encode()
        return PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def parse(cls, word: str) -> JoinToken:
        """Raises Invalid(token) for what is none."""
        wrong = "this is no join token; `pvecm token create` on a node of the cluster prints one"
        body = word.strip()
        if not body.startswith(PREFIX):
            raise Invalid({"token": wrong}, wrong)
        body = body.removeprefix(PREFIX)
        try:
            said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            print_ = ":".join(re.findall("..", said["f"])).upper()
            token = cls(
                id=said["i"], addresses=tuple(map(str, said["a"])), fingerprint=print_, secret=Secret(str(said["s"]))
            )
        except (binascii.Error, ValueError, KeyError, TypeError) as err:
            raise Invalid({"token": wrong}, wrong) from err
        if not _ID.match(str(token.id)) or not token.addresses or not _FINGERPRINT.match(token.fingerprint):
            raise Invalid({"token": wrong}, wrong)
        return token


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the cluster keeps of a token. Times in seconds of the epoch; ``node``: who used it, "" while nobody has."""

    id: str
    digest: str
    expires: int
    created: int
    by: str
    node: str = ""

    @property
    def path(self) -> str:
        return path_of(self.id)

    def to_bytes(self) -> bytes:
        kept = asdict(self)
        del kept["id"]
        return json.dumps(kept).encode()

    @classmethod
    def from_bytes(cls, id: str, data: bytes) -> Record:
        """Raises ValueError, TypeError for a file that is none."""
        return cls(id=id, **json.loads(data))


def path_of(id: str) -> str:
    """Where the record of a token lies in the tree. Raises Invalid for what is no id."""
    if not _ID.match(id):
        raise Invalid({"id": f"'{id}' is no id of a token: 16 hexadecimal digits"})
    return f"{FOLDER}/{id}"


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def make(
    addresses: Sequence[str], fingerprint: str, *, by: str, now_s: int, lifetime_s: int
) -> tuple[JoinToken, Record]:
    """A new token and its record."""
    token = JoinToken(
        id=secrets.token_hex(8),
        addresses=tuple(addresses),
        fingerprint=fingerprint,
        secret=Secret(secrets.token_urlsafe(32)),
    )
    kept = Record(id=token.id, digest=digest(token.secret.reveal()), expires=now_s + lifetime_s, created=now_s, by=by)
    return token, kept


def check(record: Record, secret: str, node: str, now_s: float) -> None:
    """Raises Denied with the reason where the secret does not open the door for that node (any more).

    The node that used it may ask again: its first answer may have been lost.
    """
    renew = "make a new one: pvecm token create"
    if not hmac.compare_digest(record.digest, digest(secret)):
        raise Denied(f"the join token's secret is wrong; {renew}")
    if record.node and record.node != node:
        raise Denied(f"the join token was used by node '{record.node}', and is good for one; {renew}")
    if now_s >= record.expires:
        raise Denied(f"the join token expired {int(now_s - record.expires)} seconds ago; {renew}")
