"""``/nodes/{node}/lxc/{vmid}/migrate``: moving containers to other nodes."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import UPID, Check, endpoint, fields
from hostd.api.nodes.lxc import stored
from hostd.api.nodes.qemu_migrate import others
from hostd.core.errors import Invalid, Unsupported
from hostd.core.kinds import BOOLEAN, NODE, VMID
from hostd.core.schema import param
from hostd.guests.lxc import running
from hostd.guests.volumes import catalog_of
from hostd.migration import containers

_MIGRATE = Check("/vms/{vmid}", "VM.Migrate")


@dataclass(frozen=True, kw_only=True)
class PreconditionParams:
    """A container that could be moved."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    target: str = param(NODE, default="", doc="Where to.")


@dataclass(frozen=True, kw_only=True)
class MigrateParams:
    """A container to move."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    target: str = param(NODE, doc="Where to.")
    online: bool = param(BOOLEAN, default=False, doc="While it runs: never possible with containers.")
    restart: bool = param(BOOLEAN, default=False, doc="Shut it down before and start it there (not supported yet).")


def _report(ctx: Context, vmid: int) -> containers.Report:
    return containers.report(vmid, stored(ctx, vmid).file, catalog_of(ctx.host).file, others(ctx))


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/migrate",
    params=PreconditionParams,
    returns={
        "type": "object",
        "properties": {
            **fields(running="boolean"),
            "allowed-nodes": {"type": "array", "items": {"type": "string"}, "optional": True},
            "not-allowed-nodes": {"type": "object", "optional": True},
        },
    },
    allow=_MIGRATE,
    runs_on="node",
    privileged=True,
)
def preconditions_of(ctx: Context, p: PreconditionParams) -> object:
    """Where a container could go."""
    found = _report(ctx, p.vmid)
    away = {node: {"unavailable-storages": list(missing)} for node, missing in found.unavailable.items() if missing}
    runs = running.init_pid(p.vmid) is not None
    return {"running": int(runs), "allowed-nodes": list(found.allowed), "not-allowed-nodes": away}


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/migrate",
    params=MigrateParams,
    returns=UPID,
    allow=_MIGRATE,
    runs_on="node",
    privileged=True,
)
def migrate(ctx: Context, p: MigrateParams) -> object:
    """Move a container that is off, and whose volumes every node sees, to another node."""
    if p.target == ctx.node:
        raise Invalid({"target": "target is local node."})
    runs = running.init_pid(p.vmid) is not None
    if runs and p.restart:
        raise Unsupported(f"restart: shut CT {p.vmid} down, move it, and start it on '{p.target}'; not in one yet")
    containers.require_movable(_report(ctx, p.vmid), p.vmid, p.target, running=runs)
    return ctx.spawn("vzmigrate", str(p.vmid), vmid=p.vmid, target=p.target, others=others(ctx))
