"""``/cluster/resources`` and ``/cluster/nextid``: one pass over memory, whatever the number of guests."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, array, endpoint, fields
from hostd.api.nodes.index import entry
from hostd.core.errors import Invalid
from hostd.core.kinds import VMID
from hostd.core.schema import Kind, param
from hostd.guests import index as guests
from hostd.storage import config as storage_config


@dataclass(frozen=True, kw_only=True)
class ResourcesParams:
    """Which kind of object."""

    type: str = param(Kind(enum=("vm", "storage", "node", "sdn")), default="", doc="Only objects of this kind.")


@dataclass(frozen=True, kw_only=True)
class NextIdParams:
    """An id to try."""

    vmid: int | None = param(VMID, default=None, doc="Fail unless this id is free.")


def storages(ctx: Context) -> list[dict[str, object]]:
    """The node's storages with their space."""
    live = ctx.samples.storages()
    rows: list[dict[str, object]] = []
    for storage in storage_config.from_mirror(ctx.mirror):
        if not storage.used_on(ctx.node) or not ctx.may(f"/storage/{storage.id}", "Datastore.Audit"):
            continue
        space = live.get(storage.id, {})
        rows.append(
            {
                "id": f"storage/{ctx.node}/{storage.id}",
                "type": "storage",
                "storage": storage.id,
                "node": ctx.node,
                "plugintype": storage.type,
                "content": ",".join(sorted(storage.content)),
                "shared": int(storage.shared),
                "status": "available" if space.get("active") else "unknown",
                "disk": space.get("used", 0),
                "maxdisk": space.get("total", 0),
            }
        )
    return rows


@endpoint(
    "GET",
    "/cluster/resources",
    params=ResourcesParams,
    returns=array(
        fields(
            id="string", type="string", node="string?", vmid="integer?", name="string?", status="string?",
            storage="string?", cpu="number?", maxcpu="number?", mem="integer?", maxmem="integer?", disk="integer?",
            maxdisk="integer?", uptime="integer?", netin="integer?", netout="integer?", diskread="integer?",
            diskwrite="integer?", template="boolean?", tags="string?", lock="string?", content="string?",
            plugintype="string?", shared="boolean?", level="string?",
        )
    ),
    allow=ALL,
)  # fmt: skip
def resources(ctx: Context, p: ResourcesParams) -> object:
    """Everything that the caller may see: guests, nodes and storages, with live values."""
    found: list[dict[str, object]] = []
    if p.type in ("", "vm"):
        rows = guests.list_guests(ctx.mirror, ctx.samples.guests(), ctx.node)
        found += [row for row in rows if ctx.may(f"/vms/{row['vmid']}", "VM.Audit")]
    if p.type in ("", "node"):
        found.append(entry(ctx))
    if p.type in ("", "storage"):
        found += storages(ctx)
    return found


@endpoint("GET", "/cluster/nextid", params=NextIdParams, returns={"type": "integer"}, allow=ALL)
def nextid(ctx: Context, p: NextIdParams) -> object:
    """The lowest free guest id, or the given one if it is free."""
    if p.vmid is None:
        return str(guests.next_id(ctx.mirror))
    if p.vmid in guests.used_ids(ctx.mirror):
        raise Invalid({"vmid": f"VM {p.vmid} already exists"})
    return str(p.vmid)
