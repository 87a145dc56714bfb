"""What ``zpool`` prints."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.core.errors import ParseError


@dataclass(frozen=True, kw_only=True)
class ImportablePool:
    """A pool that is not imported; ``id`` is its GUID in decimal, ``state`` the word of ``zpool``."""

    name: str
    id: str
    state: str


def parse_zpool_import(output: str) -> list[ImportablePool]:
    """Parse ``zpool import`` without arguments: blocks that start with a ``pool:`` line.

    Other fields, the device trees and sentences are passed over; no block is an empty list. Raises ParseError on a
    block without id or state. Source: zpool-import(8), OpenZFS 2.3.
    """
    blocks: list[dict[str, str]] = []
    for line in output.splitlines():
        field, colon, value = line.strip().partition(":")
        if colon and field == "pool":
            blocks.append({"pool": value.strip()})
        elif colon and blocks and field in ("id", "state"):
            blocks[-1].setdefault(field, value.strip())
    for block in blocks:
        if not {"id", "state"} <= block.keys():
            raise ParseError(f"zpool import: pool '{block['pool']}' without id or state")
    return [ImportablePool(name=block["pool"], id=block["id"], state=block["state"]) for block in blocks]
