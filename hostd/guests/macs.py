"""Addresses of guests' network cards."""

from __future__ import annotations

from collections.abc import Callable

from hostd.access.files import text_of
from hostd.cluster import datacenter
from hostd.cluster.store import Store

_PAIRS = 6


def new_mac(random: Callable[[int], bytes], prefix: str = datacenter.MAC_PREFIX) -> str:
    """An address for a new card, in capitals: ``prefix`` (one to three pairs, a colon at its end or not), the rest of
    its bytes from ``random``."""
    given = prefix.upper().removesuffix(":").split(":")
    return ":".join([*given, *(f"{byte:02X}" for byte in random(_PAIRS - len(given)))])


def cluster_prefix(store: Store) -> str:
    """What made addresses begin with, by the cluster's option ``mac_prefix``."""
    return str(datacenter.parse(text_of(store, datacenter.PATH).encode())["mac_prefix"])
