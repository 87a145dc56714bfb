"""``/metrics``: live values for Prometheus, by ticket or API token; each caller gets what it may see."""

from __future__ import annotations

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


@endpoint("GET", "/metrics", params=NoParams, returns={"type": "string"}, allow=ALL, checked_in_code=True)
def metrics(ctx: Context, p: NoParams) -> object:
    """Live values of nodes, guests and storages in Prometheus' text format (own addition; also at /metrics)."""
    lines = prometheus.lines(prometheus.NODE, node_table(ctx))
    lines += prometheus.lines(prometheus.GUEST, guest_table(ctx))
    lines += prometheus.lines(prometheus.STORAGE, storage_table(ctx))
    return Response("".join(f"{line}\n" for line in lines), content_type=prometheus.CONTENT_TYPE)
