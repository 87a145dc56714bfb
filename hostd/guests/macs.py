"""Addresses of guests' network cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from hostd.cluster import datacenter
from hostd.cluster.store import Store
from hostd.guests.options import is_card

_PAIRS = 6
Random = Callable[[int], bytes]


class Card(Protocol):
    """A card of either kind of guest; ``mac`` "": it has no address."""

    @property
    def mac(self) -> str: ...

    def with_mac(self, mac: str) -> Card: ...

    def text(self) -> str: ...


def new_mac(random: Random, prefix: str) -> str:
    """An address for a new card, in capitals: ``prefix`` (one to three pairs, a colon at its end or not), the rest of
    its bytes from ``random``."""
    given = prefix.upper().removesuffix(":").split(":")
    return ":".join([*given, *(f"{byte:02X}" for byte in random(_PAIRS - len(given)))])


def addressed(
    values: Mapping[str, str], parse: Callable[[str, str], Card], random: Random, prefix: str
) -> dict[str, str]:
    """A configuration's values, a new address where a card has none. Raises as ``parse`` does."""
    found = dict(values)
    for key, value in values.items():
        if is_card(key) and not (card := parse(key, value)).mac:
            found[key] = card.with_mac(new_mac(random, prefix)).text()
    return found


def cluster_prefix(store: Store) -> str:
    """What made addresses begin with, by the cluster's option ``mac_prefix``."""
    return str(datacenter.stored(store)["mac_prefix"])
