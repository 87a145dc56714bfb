"""hostd-setup: at each boot, makes what this machine must make itself: keys, certificates, the console's banner."""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import socket

from hostd.access import keys
from hostd.cluster.store import Store
from hostd.core.errors import Conflict, NotFound
from hostd.core.release import VERSION
from hostd.core.run import run
from hostd.daemons.wiring import logging_to_stderr, node_name
from hostd.node import certificate, tls
from hostd.node.addresses import own_addresses
from hostd.node.banner import issue_text

log = logging.getLogger(__name__)
RENEW_DAYS = 30
BANNER = "/run/issue.d/holdfast.issue"


def ensure_authority(store: Store, now: datetime.datetime) -> None:
    """The cluster's own certificate authority, made once."""
    try:
        store.read(tls.AUTHORITY)
    except NotFound:
        key = certificate.new_key()
        with contextlib.suppress(Conflict):
            store.write(tls.AUTHORITY_KEY, key, if_version=0, actor="hostd-setup")
            store.write(tls.AUTHORITY, certificate.make_authority(key, now=now), if_version=0, actor="hostd-setup")


def ensure_node_certificate(store: Store, node: str, now: datetime.datetime) -> bytes:
    """The node's certificate and key; returns the certificate.

    Made at the first start, and again before it expires or when the authority is another one.
    """
    place, key_place = f"nodes/{node}/pve-ssl.pem", f"nodes/{node}/pve-ssl.key"
    with contextlib.suppress(NotFound):
        current = store.read(place).data
        issued = certificate.is_issued_by(current, store.read(tls.AUTHORITY).data)
        if issued and not certificate.expires_within(current, RENEW_DAYS, now=now):
            return current
    key = certificate.new_key()
    names = list(dict.fromkeys([socket.getfqdn(), node, "localhost", "127.0.0.1", "::1", *own_addresses(run)]))
    made = certificate.make_node(
        store.read(tls.AUTHORITY).data, store.read(tls.AUTHORITY_KEY).data, key, names, now=now
    )
    store.write(key_place, key, actor="hostd-setup")
    store.write(place, made, actor="hostd-setup")
    log.info("made a certificate for %s", ", ".join(names))
    return made


def main() -> None:
    logging_to_stderr()
    store, node = Store(), node_name()
    now = datetime.datetime.now(datetime.UTC)
    keys.ensure(store)
    ensure_authority(store, now)
    made = ensure_node_certificate(store, node, now)
    tls.choose(store, node, run, reload=False)
    os.makedirs(os.path.dirname(BANNER), exist_ok=True)
    with open(BANNER, "w", encoding="utf-8") as file:
        file.write(issue_text(node, own_addresses(run), certificate.fingerprint(made), VERSION))


if __name__ == "__main__":
    main()
