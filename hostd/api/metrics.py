"""``/metrics``: live values for Prometheus, by ticket or API token; each caller gets what it may see."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from werkzeug.wrappers import Response

from hostd.api import members, prometheus
from hostd.api.context import Context
from hostd.api.endpoint import ALL, endpoint
from hostd.api.nodes.params import NoParams
from hostd.api.prometheus import Labelled
from hostd.guests import index as guests


def node_table(ctx: Context) -> list[Labelled]:
    seen = [member for member in members.nodes(ctx) if ctx.may(f"/nodes/{member.name}", "Sys.Audit")]
    return [({"node": m.name}, {**ctx.samples.node(m.name), "online": int(m.online)}) for m in seen]


def guest_table(ctx: Context) -> list[Labelled]:
    rows = guests.list_guests(ctx.mirror, partial(members.running, ctx))
    seen = [row for row in rows if ctx.may(f"/vms/{row['vmid']}", "VM.Audit")]
    return [
        (
            {name: str(row[name]) for name in ("vmid", "node", "type", "name")},
            {**row, "up": int(row["status"] == "running")} if row["status"] != "unknown" else {},
        )
        for row in seen
    ]


def storage_table(ctx: Context) -> list[Labelled]:
    return [
        ({"node": member.name, "storage": id}, space)
        for member in members.nodes(ctx)
        for id, space in ctx.samples.storages(member.name).items()
        if ctx.may(f"/storage/{id}", "Datastore.Audit")
    ]


def cluster_tables(ctx: Context) -> tuple[list[Labelled], list[Labelled], list[Labelled]]:
    """The cluster, links, clocks as this node feels them; nothing on a host that joined none."""
    health = ctx.store.health() if ctx.may("/", "Sys.Audit") else None
    if health is None:
        return [], [], []
    own = {"node": ctx.node}
    links: list[Labelled] = [
        ({**own, "peer": link.node, "link": str(link.link)}, asdict(link)) for link in health.links
    ]
    clocks: list[Labelled] = [({**own, "peer": clock.node}, asdict(clock)) for clock in health.clocks]
    whole = {**asdict(health), "margin": health.margin}
    if (witness := health.witness) is not None:
        whole["witness_votes"] = witness.votes if witness.casts else 0
    return [(own, whole)], links, clocks


@endpoint("GET", "/metrics", params=NoParams, returns={"type": "string"}, allow=ALL, checked_in_code=True)
def metrics(ctx: Context, p: NoParams) -> object:
    """Live values of nodes, guests, storages and the cluster in Prometheus' text format (own; also at /metrics)."""
    lines = prometheus.lines(prometheus.NODE, node_table(ctx))
    lines += prometheus.lines(prometheus.GUEST, guest_table(ctx))
    lines += prometheus.lines(prometheus.STORAGE, storage_table(ctx))
    tables = zip((prometheus.CLUSTER, prometheus.LINK, prometheus.CLOCK), cluster_tables(ctx), strict=True)
    for metrics_of, table in tables:
        lines += prometheus.lines(metrics_of, table)
    return Response("".join(f"{line}\n" for line in lines), content_type=prometheus.CONTENT_TYPE)
