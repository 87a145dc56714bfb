"""``/cluster/resources`` and ``/cluster/nextid``: one pass over memory, whatever the number of guests."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial

from hostd.api import members
from hostd.api.context import Context
from hostd.api.endpoint import ALL, array, endpoint, fields
from hostd.api.nodes.index import entry
from hostd.cluster import datacenter
from hostd.cluster.reservations import Reservation, read, reserve
from hostd.core.errors import Invalid
from hostd.core.kinds import VMID
from hostd.core.schema import Kind, param
from hostd.guests import index as guests
from hostd.ha import stored as ha
from hostd.storage import config as storage_config
from hostd.storage.interface import StorageConfig


@dataclass(frozen=True, kw_only=True)
class ResourcesParams:
    """Which kind of object."""

    type: str = param(Kind(enum=("vm", "storage", "node", "sdn")), default="", doc="Only objects of this kind.")


@dataclass(frozen=True, kw_only=True)
class NextIdParams:
    """An id to try."""

    vmid: int | None = param(VMID, default=None, doc="Fail unless this id is free.")


@dataclass(frozen=True, kw_only=True)
class ReserveParams:
    """An id to keep free."""

    vmid: int | None = param(VMID, default=None, doc="This id; without it the lowest free one.")
    seconds: int = param(
        Kind(type="integer", minimum=1, maximum=3600), default=300, shown_default=300, doc="For how long."
    )


def storages(ctx: Context) -> list[dict[str, object]]:
    """The storages of all nodes with their space."""
    seen = [s for s in storage_config.from_mirror(ctx.mirror) if ctx.may(f"/storage/{s.id}", "Datastore.Audit")]
    return [_storage(ctx, member.name, s) for member in members.nodes(ctx) for s in seen if s.used_on(member.name)]


def _storage(ctx: Context, node: str, storage: StorageConfig) -> dict[str, object]:
    space = ctx.samples.storages(node).get(storage.id, {})
    return {
        "id": f"storage/{node}/{storage.id}",
        "type": "storage",
        "storage": storage.id,
        "node": node,
        "plugintype": storage.type,
        "content": ",".join(sorted(storage.content)),
        "shared": int(storage.shared),
        "status": "available" if space.get("active") else "unknown",
        "disk": space.get("used", 0),
        "maxdisk": space.get("total", 0),
    }


def pools(ctx: Context) -> tuple[list[dict[str, object]], dict[int, str]]:
    """Rows of the pools that the caller may see, and the pool of each guest."""
    known = ctx.services.authority.rights.config.pools
    rows: list[dict[str, object]] = [
        {"id": f"/pool/{name}", "pool": name, "type": "pool"}
        for name in sorted(known)
        if ctx.may(f"/pool/{name}", "Pool.Audit")
    ]
    return rows, {vmid: name for name, pool in known.items() for vmid in pool.vms}


def zones(ctx: Context) -> list[dict[str, object]]:
    """The zone that every host has: its own bridges. Further ones come with software-defined networks."""
    bridges = [name for name in os.listdir("/sys/class/net") if os.path.isdir(f"/sys/class/net/{name}/bridge")]
    if not bridges or not ctx.may("/sdn/zones/localnetwork", "SDN.Audit"):
        return []
    row: dict[str, object] = {
        "id": f"network/{ctx.node}/zone/localnetwork",
        "network": "localnetwork",
        "network-type": "zone",
    }
    return [row | {"type": "network", "node": ctx.node, "status": "ok"}]


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
            plugintype="string?", shared="boolean?", level="string?", pool="string?", network="string?",
            network__type="string?", hastate="string?",
        )
    ),
    allow=ALL,
)  # fmt: skip
def resources(ctx: Context, p: ResourcesParams) -> object:
    """Everything that the caller may see: guests, nodes and storages, with live values."""
    found, owner = pools(ctx)
    found = found if not p.type else []
    if p.type in ("", "vm"):
        rows = guests.list_guests(ctx.mirror, partial(members.running, ctx))
        seen = [row for row in rows if ctx.may(f"/vms/{row['vmid']}", "VM.Audit")]
        if owner:
            for row in seen:
                if (pool := owner.get(int(str(row["vmid"])))) is not None:
                    row["pool"] = pool
        if managed := ha.states(ctx.mirror):
            for row in seen:
                if (state := managed.get(int(str(row["vmid"])))) is not None:
                    row["hastate"] = state
        found += seen
    if p.type in ("", "node"):
        found += [entry(ctx, member) for member in members.nodes(ctx)]
    if p.type in ("", "storage"):
        found += storages(ctx)
    if p.type in ("", "sdn"):
        found += zones(ctx)
    return found


def taken(ctx: Context) -> set[int]:
    """Ids of guests, and those that somebody reserved."""
    return guests.used_ids(ctx.mirror) | {r.vmid for r in read(ctx.mirror, now_s=time.time())}


@endpoint("GET", "/cluster/nextid", params=NextIdParams, returns={"type": "integer"}, allow=ALL)
def nextid(ctx: Context, p: NextIdParams) -> object:
    """The lowest free guest id of the range in the cluster's options, or the given one if it is free."""
    if p.vmid is None:
        return str(guests.free_id(taken(ctx), *datacenter.id_range(datacenter.of(ctx.mirror))))
    if p.vmid in guests.used_ids(ctx.mirror):
        raise Invalid({"vmid": f"VM {p.vmid} already exists"})
    return str(p.vmid)


@endpoint(
    "POST",
    "/cluster/nextid",
    params=ReserveParams,
    returns={"type": "object", "properties": fields(vmid="integer", until="integer")},
    allow=ALL,
    privileged=True,
)
def reserve_id(ctx: Context, p: ReserveParams) -> object:
    """Reserve a guest id: no other call is given it before the time is over (own addition)."""
    first, last = datacenter.id_range(datacenter.of(ctx.mirror))

    def choose(reserved: set[int]) -> int:
        used = guests.used_ids(ctx.mirror)
        if p.vmid is not None and p.vmid in used | reserved:
            raise Invalid({"vmid": f"VM {p.vmid} already exists or is reserved"})
        return p.vmid or guests.free_id(used | reserved, first, last)

    made: Reservation = reserve(ctx.store, choose, user=ctx.user, now_s=time.time(), seconds=p.seconds)
    return {"vmid": made.vmid, "until": made.until}
