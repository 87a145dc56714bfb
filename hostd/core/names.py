"""Names that more than one part of the product checks."""

from __future__ import annotations

import re
from typing import Final

from hostd.core.errors import Invalid

MOST_CLUSTER_NAME: Final = 15
_CLUSTER = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?")


def check_cluster_name(name: str) -> None:
    """Raises Invalid where the name is none that a cluster can have (Corosync's ``totem.cluster_name``)."""
    if not _CLUSTER.fullmatch(name) or len(name) > MOST_CLUSTER_NAME:
        text = f"{name!r}: allowed are 1 to {MOST_CLUSTER_NAME} letters, digits and inner dashes"
        raise Invalid({"clustername": text}, text)
