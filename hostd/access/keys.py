"""Keys of the host in the configuration tree: made on the machine itself at its first start."""

from __future__ import annotations

import contextlib
import secrets

from hostd.access import tickets
from hostd.cluster.store import Store
from hostd.core.errors import Conflict, NotFound

SIGNING = "priv/authkey.key"
VERIFYING = "authkey.pub"
CSRF = "pve-www.key"


def ensure(store: Store) -> None:
    """Make the ticket key pair and the CSRF key where they are missing (idempotent; root only)."""
    for path, make in ((SIGNING, tickets.make_key), (CSRF, lambda: secrets.token_urlsafe(48).encode())):
        try:
            store.read(path)
        except NotFound:
            with contextlib.suppress(Conflict):  # another daemon was faster: its key stands
                store.write(path, make(), if_version=0, actor="hostd")
    public = tickets.public_part(store.read(SIGNING).data)
    try:
        if store.read(VERIFYING).data == public:
            return
    except NotFound:
        pass
    store.write(VERIFYING, public, actor="hostd")
