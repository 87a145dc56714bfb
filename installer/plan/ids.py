"""Identifiers an installation needs, from a seed: planning has no randomness of its own."""

from __future__ import annotations

import random
import uuid


class Ids:
    """A stream of identifiers; the same seed gives the same stream. The caller chooses an unpredictable seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def uuid(self) -> str:
        """A random UUID (version 4), lower case."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def host_id(self) -> bytes:
        """Contents of /etc/hostid: 32 bits other than zero, little endian (hostid(1) on amd64)."""
        return self._random.randrange(1, 2**32).to_bytes(4, "little")
