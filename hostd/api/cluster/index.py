"""``/cluster``: what can be asked about the cluster, its options, its log, its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hostd.api import members, tagrights
from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, Check, array, endpoint, fields
from hostd.api.nodes.params import NoParams
from hostd.api.option_params import given, with_options
from hostd.cluster import datacenter
from hostd.cluster.health import Health, Link, Witness
from hostd.cluster.standing import Member, Standing
from hostd.core import optionfile
from hostd.core.errors import NotFound
from hostd.core.kinds import CONFIG_ID_LIST
from hostd.core.schema import Kind, param, spelled_out
from hostd.guests import tags
from hostd.node import addresses
from hostd.tasks import eventlog, shared

CHILDREN = (
    "backup-info",
    "bulk-action",
    "config",
    "ha",
    "log",
    "nextid",
    "options",
    "qemu",
    "resources",
    "status",
    "tasks",
)
LOG_LINES = 50


@dataclass(frozen=True, kw_only=True)
class LogParams:
    """How much of the log."""

    max: int | None = param(Kind(type="integer", minimum=1), default=None, doc="At most this many entries.")


@with_options(datacenter.OPTIONS)
@dataclass(frozen=True, kw_only=True)
class SetOptionsParams:
    """Options to set and to remove."""

    delete: list[str] | None = param(CONFIG_ID_LIST, default=None, doc="Options to remove.")


@endpoint("GET", "/cluster", params=NoParams, returns=array(fields(name="string"), child="name"), allow=ALL)
def index(ctx: Context, p: NoParams) -> object:
    """What can be asked about the cluster."""
    return [{"name": name} for name in CHILDREN]


@endpoint(
    "GET",
    "/cluster/options",
    params=NoParams,
    returns={"type": "object", "properties": {"allowed-tags": {"type": "array", "items": {"type": "string"}}}},
    allow=ALL,
    checked_in_code=True,
)
def get_options(ctx: Context, p: NoParams) -> object:
    """Options of the cluster; without Sys.Audit on / only those that every client needs."""
    options = datacenter.of(ctx.mirror)
    shown = options
    if not ctx.may("/", "Sys.Audit"):
        shown = {key: value for key, value in options.items() if key in datacenter.FOR_EVERYONE}
    return shown | {"allowed-tags": tags.offered(tagrights.policy(ctx, options))}


@endpoint(
    "PUT",
    "/cluster/options",
    params=SetOptionsParams,
    returns=NULL,
    allow=Check("/", "Sys.Modify"),
    privileged=True,
)
def set_options(ctx: Context, p: SetOptionsParams) -> object:
    """Set or remove options of the cluster."""
    try:
        file = ctx.store.read(datacenter.PATH)
        before, version = optionfile.parse(file.data), file.version
    except NotFound:
        before, version = {}, 0
    known = spelled_out(datacenter.OPTIONS)
    after = optionfile.changed(before, set=given(p), delete=p.delete or (), known=known)
    ctx.store.write(datacenter.PATH, optionfile.format(after), if_version=version, actor=ctx.user)
    return None


@endpoint(
    "GET",
    "/cluster/log",
    params=LogParams,
    returns=array({}),
    allow=ALL,
    checked_in_code=True,
)
def log(ctx: Context, p: LogParams) -> object:
    """What happened in the cluster, newest first; without Sys.Syslog on / only the caller's own."""
    own = "" if ctx.may("/", "Sys.Syslog") else ctx.user
    limit = p.max or LOG_LINES
    found = eventlog.recent(limit, user=own)
    for node, value in ctx.mirror.shared(shared.EVENTS).items():
        told = shared.events_from_wire(value.data) if node != ctx.node else []
        found += [event for event in told if not own or event.user.partition("!")[0] == own]
    newest = sorted(found, key=lambda event: event.time, reverse=True)  # stable: each node's own order stays
    return [event.shown() for event in newest[:limit]]


@endpoint(
    "GET",
    "/cluster/status",
    params=NoParams,
    returns=array(
        fields(
            id="string", name="string", type="string", online="boolean?", local="boolean?", nodeid="integer?",
            ip="string?", level="string?", nodes="integer?", quorate="boolean?", version="integer?",
            health="object?",
        )
    ),
    allow=Check("/", "Sys.Audit"),
    privileged=True,
)  # fmt: skip
def get_status(ctx: Context, p: NoParams) -> object:
    """The cluster and its nodes; a host that joined none is its own only node.

    ``health`` is an addition, as the node that is asked feels it: votes and counters of the cluster, links to the other
    nodes (seconds there and back, share that is lost), how far their clocks are away. Absent where it is not known.
    """
    standing = ctx.mirror.members()
    if standing is not None:
        return _members(standing, members.nodes(ctx), ctx.node, ctx.store.health())
    node = {"id": f"node/{ctx.node}", "name": ctx.node, "type": "node", "online": 1, "local": 1, "nodeid": 0}
    own = addresses.own_addresses(ctx.run)
    return [node | {"level": ""} | ({"ip": own[0]} if own else {})]


def _members(standing: Standing, nodes: Sequence[Member], own: str, health: Health | None) -> list[dict[str, object]]:
    """The cluster, then its nodes, each with the address of its first link."""
    cluster = {"id": "cluster", "name": standing.name, "type": "cluster", "version": standing.config}
    rows: list[dict[str, object]] = [cluster | {"nodes": len(nodes), "quorate": int(standing.quorate)}]
    for node in nodes:
        row = {"id": f"node/{node.name}", "name": node.name, "type": "node", "nodeid": node.node_id, "level": ""}
        here = {"online": int(node.online), "local": int(node.name == own)}
        rows.append(row | here | {"ip": node.address} | _health_of(node.name, health))
    if health is not None:
        rows[0]["health"] = {
            "votes": health.votes, "votes_needed": health.votes_needed, "votes_expected": health.votes_expected,
            "margin": health.margin, "retransmits": health.retransmits, "tokens_lost": health.tokens_lost,
            **({"qdevice": _witness(health.witness)} if health.witness else {}),
        }  # fmt: skip
    return rows


def _witness(witness: Witness) -> dict[str, int]:
    return {
        "votes": witness.votes, "registered": int(witness.registered), "alive": int(witness.alive),
        "casts": int(witness.casts),
    }  # fmt: skip


def _health_of(name: str, health: Health | None) -> dict[str, object]:
    """Links and clock of another node, as this one sees them; nothing for itself."""
    links = [link for link in health.links if link.node == name] if health else []
    if health is None or not links:
        return {}
    found: dict[str, object] = {"links": [_link(link) for link in links]}
    for clock in health.clocks:
        if clock.node == name:
            found |= {"clock_offset": clock.offset_s, "clock_error": clock.error_s}
    return {"health": found}


def _link(link: Link) -> dict[str, object]:
    row: dict[str, object] = {"link": link.link, "connected": int(link.connected), "ups": link.ups, "downs": link.downs}
    row |= {} if link.round_trip_s is None else {"round_trip": link.round_trip_s}
    return row | ({} if link.loss is None else {"loss": link.loss})
