"""What guests' network cards sent and received, by the host's end of each card."""

from __future__ import annotations

import os
import re

FOLDER = "/sys/class/net"
_CARD = re.compile(r"(?:tap|veth)([1-9]\d+)i(\d+)\Z")


def card_of(name: str) -> tuple[int, int] | None:
    """Guest id and number of the card behind a host interface, ``tap100i0`` or ``veth100i0``."""
    found = _CARD.match(name)
    return (int(found[1]), int(found[2])) if found else None


def counters(folder: str = FOLDER) -> list[dict[str, object]]:
    """By guest and card; ``in`` (bytes) is what the guest received, so what the host's end sent."""
    rows = []
    for name in os.listdir(folder):
        card = card_of(name)
        if card is not None:
            sent, received = (
                _read(f"{folder}/{name}/statistics/tx_bytes"),
                _read(f"{folder}/{name}/statistics/rx_bytes"),
            )
            rows.append((card, {"vmid": str(card[0]), "dev": f"net{card[1]}", "in": sent, "out": received}))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _read(path: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except OSError:  # the card went away meanwhile
        return 0
