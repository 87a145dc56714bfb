"""Certificates by which the nodes know each other: those that stand in the tree for a node, and no others.

An authority is not asked: whoever holds its key could pretend to be any node, and a certificate that an administrator
brought is signed by another one.
"""

from __future__ import annotations

import functools

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hostd.cluster.store import Mirror, Store
from hostd.core.errors import NotFound
from hostd.node import tls


def pinned(mirror: Mirror, node: str) -> frozenset[bytes]:
    """The certificates (DER) that the node may show; empty where the tree has none for it."""
    files = [mirror.get(path) for path in (tls.custom(node), tls.own(node))]
    return frozenset(der for file in files if file is not None for der in _first(file.data))


def own(store: Store, node: str) -> frozenset[bytes]:
    """The certificate (DER) that the node made for itself; empty where the tree has none."""
    try:
        return frozenset(_first(store.read(tls.own(node)).data))
    except NotFound:
        return frozenset()


@functools.lru_cache(maxsize=64)
def _first(chain: bytes) -> tuple[bytes, ...]:
    """The first certificate of a PEM chain, as a tuple of at most one: a broken file is no certificate."""
    try:
        return (x509.load_pem_x509_certificates(chain)[0].public_bytes(Encoding.DER),)
    except (ValueError, IndexError):
        return ()
