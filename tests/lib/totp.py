"""Codes of an authenticator app (RFC 6238: SHA-1, 30 s, six digits)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct


def code(secret: str, now_s: float) -> str:
    """``secret``: base32, as in an otpauth:// address."""
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(now_s) // 30), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"
