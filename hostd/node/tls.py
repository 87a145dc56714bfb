"""Which certificate nginx shows: one that an administrator brought, else the node's own."""

from __future__ import annotations

import os
from typing import Final

from hostd.cluster.store import Store
from hostd.core import files
from hostd.core.errors import NotFound
from hostd.core.run import Run

AUTHORITY: Final = "pve-root-ca.pem"
AUTHORITY_KEY: Final = "priv/pve-root-ca.key"
# Included by nginx's configuration; made at each boot and at each change.
CHOICE: Final = "/run/hostd/tls.conf"
MOUNT: Final = "/etc/pve"


def own(node: str) -> str:
    return f"nodes/{node}/pve-ssl.pem"


def own_key(node: str) -> str:
    return f"nodes/{node}/pve-ssl.key"


def custom(node: str) -> str:
    return f"nodes/{node}/pveproxy-ssl.pem"


def custom_key(node: str) -> str:
    return f"nodes/{node}/pveproxy-ssl.key"


def directives(node: str, *, brought: bool) -> str:
    """nginx's lines for certificate and key."""
    name = "pveproxy-ssl" if brought else "pve-ssl"
    place = f"{MOUNT}/nodes/{node}/{name}"
    return f"ssl_certificate {place}.pem;\nssl_certificate_key {place}.key;\n"


def choose(store: Store, node: str, run: Run, *, reload: bool) -> None:
    """Write nginx's lines; with ``reload`` it uses them from its next connection on."""
    try:
        store.read(custom(node))
        store.read(custom_key(node))
        brought = True
    except NotFound:
        brought = False
    os.makedirs(os.path.dirname(CHOICE), exist_ok=True)
    files.replace(CHOICE, directives(node, brought=brought).encode())
    if reload:
        run(["systemctl", "reload", "--", "hostd-nginx.service"], timeout_s=20)
