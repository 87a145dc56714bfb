"""``/cluster/config``: the cluster's nodes, links and settings as corosync.conf has them."""

from __future__ import annotations

from hostd.api.context import Context
from hostd.api.endpoint import Check, array, endpoint, fields
from hostd.api.nodes.params import NoParams
from hostd.cluster import membership

CHILDREN = ("apiversion", "nodes", "totem")
JOIN_API_VERSION = 1
AUDIT = Check("/", "Sys.Audit")


@endpoint("GET", "/cluster/config", params=NoParams, returns=array(fields(name="string"), child="name"), allow=AUDIT)
def index(ctx: Context, p: NoParams) -> object:
    """What can be asked about the cluster's configuration."""
    return [{"name": name} for name in CHILDREN]


@endpoint("GET", "/cluster/config/apiversion", params=NoParams, returns={"type": "integer", "minimum": 0}, allow=AUDIT)
def apiversion(ctx: Context, p: NoParams) -> object:
    """Version of what is said between nodes when one joins."""
    return JOIN_API_VERSION


@endpoint(
    "GET", "/cluster/config/nodes", params=NoParams, returns=array(fields(node="string"), child="node"), allow=AUDIT
)
def nodes(ctx: Context, p: NoParams) -> object:
    """Nodes with number, votes and addresses; none on a host that joined no cluster."""
    conf = membership.stored(ctx.mirror)
    sections = conf.file.section("nodelist").sections("node") if conf else ()
    return [section.values() | {"node": section.get("name") or ""} for section in sections]


@endpoint("GET", "/cluster/config/totem", params=NoParams, returns={"type": "object", "properties": {}}, allow=AUDIT)
def totem(ctx: Context, p: NoParams) -> object:
    """Settings of the protocol; ``interface`` by number of the link."""
    conf = membership.stored(ctx.mirror)
    if conf is None:
        return {}
    links = {section.get("linknumber") or "0": section.values() for section in conf.totem.sections("interface")}
    return conf.totem.values() | ({"interface": links} if links else {})
