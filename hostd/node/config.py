"""A node's options, ``nodes/<name>/config`` in the tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hostd.core import optionfile
from hostd.core.optionfile import Option
from hostd.core.schema import Kind

DOMAINS: Final = 6


def path(node: str) -> str:
    return f"nodes/{node}/config"


OPTIONS: Final[Mapping[str, Option]] = {
    "acme": Option(kind=Kind(format="inline:acme"), doc="Account and domains of certificates."),
    "acmedomain": Option(kind=Kind(format="inline:acmedomain"), doc="A domain with its plugin.", indices=DOMAINS),
    "ballooning-target": Option(
        kind=Kind(type="integer", minimum=0, maximum=100), default=80, doc="Memory use to aim at, in percent."
    ),
    "description": Option(kind=Kind(max_length=65536), doc="Notes, the comment of the file."),
    "location": Option(kind=Kind(format="pve-node-location"), doc="Where the node stands."),
    "startall-onboot-delay": Option(
        kind=Kind(type="integer", minimum=0, maximum=300), default=0, doc="Seconds before guests start at boot."
    ),
    "wakeonlan": Option(kind=Kind(format="inline:wakeonlan"), doc="How others wake this node."),
}


def ballooning_percent(data: bytes) -> int:
    """How much of its memory the node may use before machines' balloons are filled; the default where nothing is said.

    ``data``: the file's bytes.
    """
    found = optionfile.typed(OPTIONS, optionfile.parse(data), objects=False)
    chosen = found.get("ballooning-target", OPTIONS["ballooning-target"].default)
    return chosen if isinstance(chosen, int) else 100
