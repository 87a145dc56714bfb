"""Services of OpenRC (rc-update(8)): a link in the folder of a run level."""

from __future__ import annotations

from typing import Final

from hostd.guests.lxc.inside.tree import Tree

SCRIPTS: Final = "etc/init.d"


def enable(tree: Tree, service: str, level: str) -> None:
    """As ``rc-update add`` would, where the service is and is not enabled yet."""
    place = f"etc/runlevels/{level}/{service}"
    if tree.read(f"{SCRIPTS}/{service}") is not None and not tree.is_link(place):
        tree.link(place, f"/{SCRIPTS}/{service}")
