"""``/cluster/ha``: what there is."""

from __future__ import annotations

from hostd.api.cluster.ha.common import AUDIT
from hostd.api.context import Context
from hostd.api.endpoint import array, endpoint, fields
from hostd.api.nodes.params import NoParams


@endpoint("GET", "/cluster/ha", params=NoParams, returns=array(fields(id="string"), child="id"), allow=AUDIT)
def index(ctx: Context, p: NoParams) -> object:
    """What can be asked about high availability."""
    return [{"id": name} for name in ("groups", "resources", "rules", "status")]
