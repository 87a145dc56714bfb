"""``/nodes/{node}/scan``: what a storage could be made of."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, Check, array, endpoint, fields
from hostd.api.nodes.params import NodeParams
from hostd.core.schema import Kind, param
from hostd.storage import scanning

_MAKE = Check("/storage", "Datastore.Allocate")


@dataclass(frozen=True, kw_only=True)
class ServerParams(NodeParams):
    """A server."""

    server: str = param(Kind(format="pve-storage-server"), doc="Name or address of the server.")


@dataclass(frozen=True, kw_only=True)
class GroupParams(NodeParams):
    """A volume group."""

    vg: str = param(Kind(pattern=r"[a-zA-Z0-9\.\+\_][a-zA-Z0-9\.\+\_\-]+", max_length=100), doc="Volume group.")


@endpoint(
    "GET", "/nodes/{node}/scan", params=NodeParams, returns=array(fields(method="string"), child="method"), allow=ALL
)
def index(ctx: Context, p: NodeParams) -> object:
    """Kinds of places that can be looked for."""
    return [{"method": name} for name in ("lvm", "lvmthin", "nfs", "zfs")]


@endpoint(
    "GET",
    "/nodes/{node}/scan/nfs",
    params=ServerParams,
    returns=array(fields(path="string", options="string")),
    allow=_MAKE,
    runs_on="node",
    privileged=True,
    slow=True,
)
def nfs(ctx: Context, p: ServerParams) -> object:
    """What an NFS server exports, and to whom."""
    return [{"path": path, "options": options} for path, options in scanning.nfs_exports(ctx.run, p.server)]


@endpoint(
    "GET",
    "/nodes/{node}/scan/lvm",
    params=NodeParams,
    returns=array(fields(vg="string")),
    allow=_MAKE,
    runs_on="node",
    privileged=True,
    slow=True,
)
def lvm(ctx: Context, p: NodeParams) -> object:
    """Volume groups of this node."""
    return [{"vg": name} for name in scanning.volume_groups(ctx.run)]


@endpoint(
    "GET",
    "/nodes/{node}/scan/lvmthin",
    params=GroupParams,
    returns=array(fields(lv="string")),
    allow=_MAKE,
    runs_on="node",
    privileged=True,
    slow=True,
)
def lvmthin(ctx: Context, p: GroupParams) -> object:
    """Thin pools in a volume group."""
    return [{"lv": name} for name in scanning.thin_pools(ctx.run, p.vg)]


@endpoint(
    "GET",
    "/nodes/{node}/scan/zfs",
    params=NodeParams,
    returns=array(fields(pool="string")),
    allow=_MAKE,
    runs_on="node",
    privileged=True,
    slow=True,
)
def zfs(ctx: Context, p: NodeParams) -> object:
    """ZFS pools and datasets of this node that could hold volumes."""
    return [{"pool": name} for name in scanning.datasets(ctx.run)]
