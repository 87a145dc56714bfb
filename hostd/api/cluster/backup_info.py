"""``/cluster/backup-info``: guests that no backup job saves."""

from __future__ import annotations

from hostd.api.context import Context
from hostd.api.endpoint import ROOT_ONLY, Check, array, endpoint, fields
from hostd.api.nodes.params import NoParams
from hostd.guests import backup_cover
from hostd.guests import index as guests


@endpoint(
    "GET",
    "/cluster/backup-info",
    params=NoParams,
    returns=array(fields(subdir="string"), child="subdir"),
    allow=ROOT_ONLY,
)
def backup_index(ctx: Context, p: NoParams) -> object:
    """What can be asked about backups."""
    return [{"subdir": "not-backed-up"}]


@endpoint(
    "GET",
    "/cluster/backup-info/not-backed-up",
    params=NoParams,
    returns=array(fields(name="string?", type="string", vmid="integer")),
    allow=Check("/", "Sys.Audit"),
)
def not_backed_up(ctx: Context, p: NoParams) -> object:
    """Guests that no enabled backup job saves."""
    found = {entry.where.vmid: entry for entry in guests.entries(ctx.mirror)}
    jobs = ctx.mirror.get(backup_cover.PATH)
    text = jobs.data.decode(errors="replace") if jobs else ""
    nodes = {vmid: entry.where.node for vmid, entry in found.items()}
    pools = {name: pool.vms for name, pool in ctx.services.authority.rights.config.pools.items()}
    return [
        {"vmid": vmid, "type": found[vmid].where.kind.value, "name": found[vmid].summary.name}
        for vmid in backup_cover.uncovered(text, nodes, pools)
    ]
