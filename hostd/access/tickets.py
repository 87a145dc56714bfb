"""Tickets signed with Ed25519 (RFC 8032). The signing key exists in the root process only; anyone may verify.

Form: ``PVE:<user>:<time, 8 hex digits>::<base64 signature over all before "::">``; clients treat it as opaque.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from hostd.core.errors import NotAuthenticated

LIFETIME_S = 7200
CLOCKS_AHEAD_S = 300
CONSOLE_LIFETIME_S = 40
CHALLENGE_LIFETIME_S = 300
# How long after a renewal the old key may still have signed: the two files are not written in one step.
_OVERLAP_S = 60
_TICKET = re.compile(
    r"(?P<signed>(?P<prefix>PVE|PVEVNC):(?P<user>[^:]*:)?(?P<time>[0-9A-F]{8}))::(?P<signature>[A-Za-z0-9+/=]+)"
)


def make_key() -> bytes:
    """A new signing key, PEM."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_part(key: bytes) -> bytes:
    """The verifying key of a signing key, PEM."""
    return _private(key).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def sign(key: bytes, user: str, *, now_s: int) -> str:
    """A log-in ticket for ``user`` (``name@realm``)."""
    signed = f"PVE:{_escaped(user)}:{now_s:08X}"
    return f"{signed}::{_signature(key, signed)}"


def sign_brief(key: bytes, user: str, *, now_s: int, lifetime_s: int) -> str:
    """A log-in ticket that ends after ``lifetime_s``: for calls that a process makes itself in a user's name."""
    return sign(key, user, now_s=now_s - (LIFETIME_S - lifetime_s))


@dataclass(frozen=True, kw_only=True)
class Verifying:
    """The public key (PEM); the one before it is good for tickets from before ``renewed_s`` (Unix time)."""

    current: bytes
    previous: bytes = b""
    renewed_s: int = 0


Keys = bytes | Verifying


def verify(public: Keys, ticket: str, *, now_s: int) -> str:
    """The user of a valid ticket. Raises NotAuthenticated for a forged, malformed or expired one.

    A half ticket (password right, second factor still to come) is none.
    """
    match = _TICKET.fullmatch(ticket)
    if not match or match["prefix"] != "PVE" or not match["user"] or match["user"].startswith("!"):
        raise NotAuthenticated("invalid PVE ticket")
    made_s = int(match["time"], 16)
    _check_any(public, made_s, match["signed"], match["signature"], "invalid PVE ticket")
    if not -CLOCKS_AHEAD_S <= now_s - made_s <= LIFETIME_S:
        raise NotAuthenticated("invalid PVE ticket: expired")
    return _unescaped(match["user"][:-1])


def sign_challenge(key: bytes, user: str, challenge: str, *, now_s: int) -> str:
    """A half ticket: ``challenge`` (JSON) travels inside, the user is only in the signature."""
    signed = f"PVE:!tfa!{_escaped(challenge)}:{now_s:08X}"
    return f"{signed}::{_signature(key, f'{signed}:{user}')}"


def verify_challenge(public: Keys, ticket: str, user: str, *, now_s: int) -> str:
    """The challenge of a fresh half ticket of this user. Raises NotAuthenticated."""
    match = _TICKET.fullmatch(ticket)
    wrong = "invalid PVETFA ticket"
    if not match or match["prefix"] != "PVE" or not (match["user"] or "").startswith("!tfa!"):
        raise NotAuthenticated(wrong)
    made_s = int(match["time"], 16)
    _check_any(public, made_s, f"{match['signed']}:{user}", match["signature"], wrong)
    if not -CLOCKS_AHEAD_S <= now_s - made_s <= CHALLENGE_LIFETIME_S:
        raise NotAuthenticated(f"{wrong}: expired")
    return _unescaped(match["user"][5:-1])


def sign_console(key: bytes, user: str, path: str, port: int, *, now_s: int) -> str:
    """A ticket for one console: bound to user, ACL path (``/vms/100``) and port, valid for 40 seconds."""
    signed = f"PVEVNC:{now_s:08X}"
    return f"{signed}::{_signature(key, f'{signed}:{user}:{path}:{port}')}"


def verify_console(public: Keys, ticket: str, user: str, path: str, port: int, *, now_s: int) -> None:
    """Raises NotAuthenticated unless the ticket is for exactly this user, path and port, and fresh."""
    match = _TICKET.fullmatch(ticket)
    wrong = "permission denied - invalid PVEVNC ticket"
    if not match or match["prefix"] != "PVEVNC" or match["user"]:
        raise NotAuthenticated(wrong)
    made_s = int(match["time"], 16)
    _check_any(public, made_s, f"{match['signed']}:{user}:{path}:{port}", match["signature"], wrong)
    if not -20 <= now_s - made_s <= CONSOLE_LIFETIME_S:
        raise NotAuthenticated(wrong)


def csrf_token(key: bytes, user: str, *, now_s: int) -> str:
    """``<time>:<base64 HMAC-SHA256 of "time:user">``."""
    stamp = f"{now_s:08X}"
    return f"{stamp}:{_mac(key, stamp, user)}"


def verify_csrf(key: bytes, user: str, token: str, *, now_s: int) -> None:
    """Raises NotAuthenticated unless the token was made for this user within two hours."""
    stamp, _, mac = token.partition(":")
    fresh = re.fullmatch("[0-9A-F]{8}", stamp) and -CLOCKS_AHEAD_S <= now_s - int(stamp, 16) <= LIFETIME_S
    if not fresh or not hmac.compare_digest(mac.encode(), _mac(key, stamp, user).encode()):
        raise NotAuthenticated("Permission denied - invalid csrf token")


def _mac(key: bytes, stamp: str, user: str) -> str:
    return base64.b64encode(hmac.new(key, f"{stamp}:{user}".encode(), hashlib.sha256).digest()).decode().rstrip("=")


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace(":", "%3A")


def _unescaped(text: str) -> str:
    return text.replace("%3A", ":").replace("%25", "%")


@functools.lru_cache(maxsize=2)
def _private(key: bytes) -> Ed25519PrivateKey:
    loaded = load_pem_private_key(key, password=None)
    if not isinstance(loaded, Ed25519PrivateKey):
        raise TypeError("the ticket key is no Ed25519 key")
    return loaded


@functools.lru_cache(maxsize=4)
def _public(key: bytes) -> Ed25519PublicKey:
    loaded = load_pem_public_key(key)
    if not isinstance(loaded, Ed25519PublicKey):
        raise TypeError("the ticket key is no Ed25519 key")
    return loaded


def _signature(key: bytes, text: str) -> str:
    return base64.b64encode(_private(key).sign(text.encode())).decode()


def _check_any(public: Keys, made_s: int, text: str, signature: str, wrong: str) -> None:
    """With the current key, or with the one before it if the ticket is that old."""
    keys = public if isinstance(public, Verifying) else Verifying(current=public)
    try:
        _check(keys.current, text, signature, wrong)
    except NotAuthenticated:
        if not keys.previous or made_s > keys.renewed_s + _OVERLAP_S:
            raise
        _check(keys.previous, text, signature, wrong)


@functools.lru_cache(maxsize=1024)  # a client sends one ticket again and again; failures are not kept
def _check(public: bytes, text: str, signature: str, wrong: str) -> None:
    try:
        _public(public).verify(base64.b64decode(signature, validate=True), text.encode())
    except (InvalidSignature, ValueError) as err:
        raise NotAuthenticated(wrong) from err
