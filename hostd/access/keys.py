"""Keys of the host in the configuration tree: made on the machine itself, the ticket key renewed every day."""

from __future__ import annotations

import contextlib
import logging
import secrets
from typing import Final

from hostd.access import tickets
from hostd.cluster.store import File, Store
from hostd.core.errors import Conflict, HostError, NotFound

log = logging.getLogger(__name__)

SIGNING: Final = "priv/authkey.key"
VERIFYING: Final = "authkey.pub"
PREVIOUS: Final = "authkey.pub.old"
CSRF: Final = "pve-www.key"
ROTATE_S: Final = 24 * 3600
MEND_S: Final = 30  # longer than two writes take, shorter than tickets of the key before stay good


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


def rotate_if_due(store: Store, *, now_s: float) -> bool:
    """Replace a ticket key that is older than a day; whether it was. Root only; never raises for want of quorum.

    The public key is written first and only if nobody else did: that write decides between nodes. Where the host ends,
    or loses its quorum, between the two writes, tickets are signed with a key that nobody verifies with any more: the
    next ticket of any node after MEND_S puts that right.
    """
    try:
        public = store.read(VERIFYING)
        if now_s - public.mtime_s < ROTATE_S:
            if now_s - public.mtime_s >= MEND_S:
                _mend(store, public)
            return False
        signing, fresh = store.read(SIGNING), tickets.make_key()
        store.write(PREVIOUS, tickets.public_part(signing.data), actor="hostd")
        store.write(VERIFYING, tickets.public_part(fresh), if_version=public.version, actor="hostd")
        store.write(SIGNING, fresh, if_version=signing.version, actor="hostd")
    except Conflict:
        return False  # another node does it now
    except HostError as err:
        log.warning("the ticket key is due for renewal, which fails: %s", err)
        return False
    log.info("the ticket key was renewed")
    return True


def _mend(store: Store, public: File) -> None:
    """Make the public key the one of the key that signs."""
    signs = tickets.public_part(store.read(SIGNING).data)
    if signs != public.data:
        store.write(VERIFYING, signs, if_version=public.version, actor="hostd")
        log.warning("the renewal of the ticket key had not been completed; the key before it stays")
