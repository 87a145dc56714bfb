"""``/cluster/config``: nodes, links, settings; beginning a cluster, joining, admitting and removing nodes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import NULL, ROOT_ONLY, UPID, Check, array, endpoint, fields
from hostd.api.nodes.params import NoParams
from hostd.cluster import membership
from hostd.cluster.corosync.conf import ClusterConf
from hostd.clustering import change, members, tokens, witness
from hostd.clustering import tasks as work
from hostd.clustering.members import Wish
from hostd.clustering.remote import Remote
from hostd.core.errors import Conflict, Invalid
from hostd.core.kinds import BOOLEAN, NODE
from hostd.core.names import check_cluster_name
from hostd.core.schema import Kind, param
from hostd.node import certificate, tls

CHILDREN = ("apiversion", "join", "jointoken", "nodes", "qdevice", "totem")
JOIN_API_VERSION = 1
AUDIT = Check("/", "Sys.Audit")
LINK = Kind(format="inline:link")
LINKS = 8
FINGERPRINT = Kind(pattern="([A-Fa-f0-9]{2}:){31}[A-Fa-f0-9]{2}")
VOTES, NODE_ID = Kind(type="integer", minimum=0), Kind(type="integer", minimum=1)


@dataclass(frozen=True, kw_only=True)
class CreateParams:
    """A new cluster."""

    clustername: str = param(Kind(format="pve-node", max_length=15), doc="Name of the cluster.")
    link: dict[str, str] = param(LINK, doc="Address of this host on link n, and its priority.", indices=LINKS)
    nodeid: int | None = param(NODE_ID, default=None, doc="Number of this node; by itself 1.")
    token_coefficient: int = param(
        Kind(type="integer", minimum=0), default=125, shown_default=125, name="token-coefficient",
        doc="Milliseconds that each node beyond two adds to the time after which a node counts as lost.",
    )  # fmt: skip
    votes: int = param(NODE_ID, default=1, doc="Votes of this node.")


@dataclass(frozen=True, kw_only=True)
class JoinInfoParams:
    """Whom to ask."""

    node: str | None = param(NODE, default=None, doc="Node that a joining host shall ask; by itself this one.")


@dataclass(frozen=True, kw_only=True)
class WishParams:
    """What this host wants to be in a cluster."""

    force: bool = param(BOOLEAN, default=False, doc="Take the place of a node of this host's name.")
    link: dict[str, str] = param(LINK, doc="Address of this host on link n.", indices=LINKS)
    nodeid: int | None = param(NODE_ID, default=None, doc="Number of this node; by itself the lowest free one.")
    votes: int = param(VOTES, default=1, doc="Votes of this node.")


@dataclass(frozen=True, kw_only=True)
class JoinParams(WishParams):
    """A cluster, by one of its nodes and root's password there."""

    hostname: str = param(Kind(), doc="Name or address of a node of the cluster.")
    fingerprint: str = param(FINGERPRINT, doc="SHA-256 fingerprint of that node's certificate.")
    password: str = param(Kind(max_length=128), doc="Password of root@pam there.")


@dataclass(frozen=True, kw_only=True)
class AddNodeParams:
    """A node that is to be admitted."""

    node: str = param(NODE, doc="Name of the new node.")
    apiversion: int | None = param(Kind(type="integer"), default=None, doc="What the new node speaks when it joins.")
    force: bool = param(BOOLEAN, default=False, doc="Take the place of a node of that name.")
    link: dict[str, str] = param(LINK, doc="Address of the new node on link n.", indices=LINKS)
    new_node_ip: str | None = param(Kind(format="ip"), default=None, doc="Address of link 0 where none is given.")
    nodeid: int | None = param(NODE_ID, default=None, doc="Number of the new node; by itself the lowest free one.")
    votes: int = param(VOTES, default=1, doc="Votes of the new node.")


@dataclass(frozen=True, kw_only=True)
class NodeNameParams:
    """A node of the cluster."""

    node: str = param(NODE, doc="Name of the node.")


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


@endpoint(
    "GET", "/cluster/config/qdevice", params=NoParams, returns={"type": "object", "properties": {}}, allow=AUDIT,
    privileged=True,
)  # fmt: skip
def qdevice(ctx: Context, p: NoParams) -> object:
    """What this node's corosync-qdevice says of the witness; empty where there is none, or where it does not run."""
    conf = membership.stored(ctx.mirror)
    return witness.status(ctx.run) if conf is not None and conf.qdevice is not None else {}


@endpoint("POST", "/cluster/config", params=CreateParams, returns=UPID, allow=ROOT_ONLY, privileged=True)
def create(ctx: Context, p: CreateParams) -> object:
    """Begin a cluster with this host as its first node; its guests run on, its configuration stays."""
    check_cluster_name(p.clustername)
    links, priorities = members.links_of(p.link)
    change.check_free()
    return ctx.spawn(
        "clustercreate", p.clustername, name=p.clustername, links=links, priorities=priorities, node_id=p.nodeid or 1,
        votes=p.votes, token_coefficient_ms=p.token_coefficient, actor=ctx.user,
    )  # fmt: skip


def cluster(ctx: Context) -> ClusterConf:
    """The stored configuration. Raises Conflict on a host that belongs to no cluster."""
    conf = membership.stored(ctx.mirror)
    if conf is None:
        raise Conflict(f"host '{ctx.node}' belongs to no cluster; begin one: pvecm create NAME")
    return conf


def fingerprint(ctx: Context, node: str) -> str:
    """Of the certificate that a node shows; "" where the tree has none."""
    file = ctx.mirror.get(tls.custom(node)) or ctx.mirror.get(tls.own(node))
    return certificate.fingerprint(file.data) if file else ""


@endpoint("GET", "/cluster/config/join", params=JoinInfoParams, returns={"type": "object", "properties": {
    "config_digest": {"type": "string"}, "preferred_node": {"type": "string", "format": "pve-node"},
    "nodelist": array(fields(name="string", nodeid="integer?", pve_addr="string", pve_fp="string",
                             quorum_votes="integer", ring0_addr="string?")),
    "totem": {"type": "object"}}}, allow=AUDIT)  # fmt: skip
def join_info(ctx: Context, p: JoinInfoParams) -> object:
    """What a host that wants to join has to know of the cluster: nodes, addresses, fingerprints."""
    conf = cluster(ctx)
    if p.node is not None:
        conf.node(p.node)
    nodes = [
        {
            "name": node.name, "nodeid": node.node_id, "quorum_votes": node.votes,
            "pve_addr": node.links[min(node.links)], "pve_fp": fingerprint(ctx, node.name),
            **{f"ring{number}_addr": address for number, address in sorted(node.links.items())},
        }
        for node in conf.nodes
    ]  # fmt: skip
    return {
        "config_digest": hashlib.sha1(conf.format().encode(), usedforsecurity=False).hexdigest(),
        "nodelist": nodes,
        "preferred_node": p.node or ctx.node,
        "totem": totem(ctx, NoParams()),
    }


@endpoint("POST", "/cluster/config/join", params=JoinParams, returns=UPID, allow=ROOT_ONLY, privileged=True, slow=True)
def join(ctx: Context, p: JoinParams) -> object:
    """Join this host to the cluster of another one, with root's password there.

    The password is used once, to get a join token.
    """
    change.check_free()
    remote = Remote([p.hostname], p.fingerprint)
    remote.log_in("root@pam", p.password)
    word = remote.call("POST", "/cluster/config/jointoken", {"expires": 600})["token"]
    return start_joining(ctx, word, p.link, p.nodeid, p.votes, p.force)


def start_joining(ctx: Context, word: str, link: dict[str, str], node_id: int | None, votes: int, replace: bool) -> str:
    """The task that joins by a token."""
    token = tokens.JoinToken.parse(word)
    links, _ = members.links_of(link)
    change.check_free()
    work.keep_token(token.word())
    return ctx.spawn(
        "clusterjoin", "", links=links, node_id=node_id, votes=votes, replace=replace, actor=ctx.user
    )  # fmt: skip


@endpoint(
    "POST", "/cluster/config/nodes/{node}", params=AddNodeParams, allow=ROOT_ONLY, privileged=True, slow=True,
    returns={"type": "object", "properties": {
        "corosync_authkey": {"type": "string"}, "corosync_conf": {"type": "string"},
        "warnings": {"type": "array", "items": {"type": "string"}}}},
)  # fmt: skip
def add_node(ctx: Context, p: AddNodeParams) -> object:
    """Admit a node: from now on the cluster expects its vote. The answer holds the cluster's key."""
    if p.apiversion is not None and p.apiversion != JOIN_API_VERSION:
        raise Invalid({"apiversion": f"{p.apiversion} is spoken there, {JOIN_API_VERSION} here; upgrade the older one"})
    links, _ = members.links_of(p.link)
    if not links and p.new_node_ip is None:
        raise Invalid({"link0": "give the node's address on link 0, or new_node_ip"})
    wish = Wish(
        name=p.node, links=links or {0: str(p.new_node_ip)}, node_id=p.nodeid, votes=p.votes, replace=p.force
    )  # fmt: skip
    return members.admit(ctx.host, wish, actor=ctx.user).to_wire()


@endpoint(
    "DELETE", "/cluster/config/nodes/{node}", params=NodeNameParams, returns=NULL, allow=ROOT_ONLY, privileged=True,
    slow=True,
)  # fmt: skip
def remove_node(ctx: Context, p: NodeNameParams) -> object:
    """Remove a node that is off for good; its directory in /etc/pve stays, with its guests' configurations."""
    members.remove(ctx.host, p.node, actor=ctx.user)
    return None


@endpoint("POST", "/cluster/config/leave", params=NoParams, returns=UPID, allow=ROOT_ONLY, privileged=True)
def leave(ctx: Context, p: NoParams) -> object:
    """Make this host one of its own again, after the others removed it; its guests stay (own addition)."""
    conf = cluster(ctx)
    if len(conf.nodes) > 1 and ctx.node in {node.name for node in conf.nodes} and is_quorate(ctx):
        raise Conflict(
            f"the cluster still counts on this node; remove it on another one first: pvecm delnode {ctx.node}"
        )
    return ctx.spawn("clusterleave", "", actor=ctx.user)


def is_quorate(ctx: Context) -> bool:
    standing = ctx.mirror.members()
    return standing is not None and standing.quorate
