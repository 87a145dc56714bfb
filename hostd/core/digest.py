"""The digest of a file, by which a client that changes it notices that somebody else was faster."""

from __future__ import annotations

import hashlib

from hostd.core.errors import Changed


def digest(data: bytes) -> str:
    """SHA-1 of the bytes, in hex, as everywhere in this API; no security rests on it."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def check_digest(now: str, wanted: str) -> None:
    """Changed, in the words that clients know, unless ``wanted`` is empty or the digest ``now``."""
    if wanted and wanted != now:
        raise Changed("detected modified configuration - file changed by other user? Try again.")
