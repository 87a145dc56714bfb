"""``rrddata`` and ``rrd`` of nodes, guests and storages: history as numbers and as pictures.

As in the reference, history of nodes and guests is answered by the node that is asked (no ``runs_on``), that of
storages by the node that is named.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import Check, Schema, array, endpoint, fields
from hostd.core.kinds import CONFIG_ID_LIST, NODE, STORAGE_ID, VMID
from hostd.core.schema import Kind, param
from hostd.guests.config import GuestKind, GuestPath, missing
from hostd.node import rrd
from hostd.node.rrd import GUEST, STORAGE, Layout, RrdFiles

FRAMES = ("hour", "day", "week", "month", "year")
FRAME, NODE_FRAME = Kind(enum=FRAMES), Kind(enum=(*FRAMES, "decade"))
CF = Kind(enum=("AVERAGE", "MAX"))
PICTURE: Schema = {"type": "object", "properties": fields(filename="string")}
STORAGE_READ = Check("/storage/{storage}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True)


@dataclass(frozen=True, kw_only=True)
class NodeData:
    """A time frame of a node's history."""

    node: str = param(NODE, doc="Cluster node.")
    timeframe: str = param(NODE_FRAME, doc="How far back.")
    cf: str = param(CF, default="AVERAGE", doc="Means or maxima.")


@dataclass(frozen=True, kw_only=True)
class NodePicture(NodeData):
    """What to draw of a node."""

    ds: list[str] = param(CONFIG_ID_LIST, doc="Data sources.")


@dataclass(frozen=True, kw_only=True)
class GuestData:
    """A time frame of a guest's history."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    timeframe: str = param(FRAME, doc="How far back.")
    cf: str = param(CF, default="AVERAGE", doc="Means or maxima.")


@dataclass(frozen=True, kw_only=True)
class GuestPicture(GuestData):
    """What to draw of a guest."""

    ds: list[str] = param(CONFIG_ID_LIST, doc="Data sources.")


@dataclass(frozen=True, kw_only=True)
class StorageData:
    """A time frame of a storage's history."""

    node: str = param(NODE, doc="Cluster node.")
    storage: str = param(STORAGE_ID, doc="Storage.")
    timeframe: str = param(FRAME, doc="How far back.")
    cf: str = param(CF, default="AVERAGE", doc="Means or maxima.")


@dataclass(frozen=True, kw_only=True)
class StoragePicture(StorageData):
    """What to draw of a storage."""

    ds: list[str] = param(CONFIG_ID_LIST, doc="Data sources.")


def _picture(layout: Layout, name: tuple[str, ...], ds: list[str], timeframe: str, cf: str) -> dict[str, object]:
    """``image`` is the PNG, one character for each byte; the format ``png`` sends it as it is."""
    files = RrdFiles()
    image = files.graph(layout, name, ds, timeframe, cf, time.time())
    return {"filename": f"{files.path(layout, *name)}_{timeframe}.png", "image": image.decode("latin-1")}


def _guest(ctx: Context, kind: GuestKind, p: GuestData) -> tuple[str, ...]:
    """The name of a guest's history. NotFound unless the node has a guest of that kind and id."""
    where = GuestPath(node=ctx.node if p.node == "localhost" else p.node, kind=kind, vmid=p.vmid)
    if ctx.mirror.get(where.path) is None:
        raise missing(where)
    return (str(p.vmid),)


@endpoint(
    "GET",
    "/nodes/{node}/rrddata",
    params=NodeData,
    returns=array({}),
    allow=Check("/nodes/{node}", "Sys.Audit"),
    privileged=True,
)
def node_data(ctx: Context, p: NodeData) -> object:
    """A node's history as numbers."""
    return RrdFiles().data(rrd.NODE, (p.node,), p.timeframe, p.cf, time.time())


@endpoint(
    "GET",
    "/nodes/{node}/rrd",
    params=NodePicture,
    returns=PICTURE,
    allow=Check("/nodes/{node}", "Sys.Audit"),
    privileged=True,
)
def node_picture(ctx: Context, p: NodePicture) -> object:
    """A node's history as a picture."""
    return _picture(rrd.NODE, (p.node,), p.ds, p.timeframe, p.cf)


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/rrddata",
    params=GuestData,
    returns=array({}),
    allow=Check("/vms/{vmid}", "VM.Audit"),
    privileged=True,
)
def qemu_data(ctx: Context, p: GuestData) -> object:
    """A virtual machine's history as numbers."""
    return RrdFiles().data(GUEST, _guest(ctx, GuestKind.QEMU, p), p.timeframe, p.cf, time.time())


@endpoint(
    "GET",
    "/nodes/{node}/qemu/{vmid}/rrd",
    params=GuestPicture,
    returns=PICTURE,
    allow=Check("/vms/{vmid}", "VM.Audit"),
    privileged=True,
)
def qemu_picture(ctx: Context, p: GuestPicture) -> object:
    """A virtual machine's history as a picture."""
    return _picture(GUEST, _guest(ctx, GuestKind.QEMU, p), p.ds, p.timeframe, p.cf)


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/rrddata",
    params=GuestData,
    returns=array({}),
    allow=Check("/vms/{vmid}", "VM.Audit"),
    privileged=True,
)
def lxc_data(ctx: Context, p: GuestData) -> object:
    """A container's history as numbers."""
    return RrdFiles().data(GUEST, _guest(ctx, GuestKind.LXC, p), p.timeframe, p.cf, time.time())


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/rrd",
    params=GuestPicture,
    returns=PICTURE,
    allow=Check("/vms/{vmid}", "VM.Audit"),
    privileged=True,
)
def lxc_picture(ctx: Context, p: GuestPicture) -> object:
    """A container's history as a picture."""
    return _picture(GUEST, _guest(ctx, GuestKind.LXC, p), p.ds, p.timeframe, p.cf)


@endpoint(
    "GET",
    "/nodes/{node}/storage/{storage}/rrddata",
    params=StorageData,
    returns=array({}),
    allow=STORAGE_READ,
    runs_on="node",
    privileged=True,
)
def storage_data(ctx: Context, p: StorageData) -> object:
    """A storage's history as numbers."""
    return RrdFiles().data(STORAGE, (ctx.node, p.storage), p.timeframe, p.cf, time.time())


@endpoint(
    "GET",
    "/nodes/{node}/storage/{storage}/rrd",
    params=StoragePicture,
    returns=PICTURE,
    allow=STORAGE_READ,
    runs_on="node",
    privileged=True,
)
def storage_picture(ctx: Context, p: StoragePicture) -> object:
    """A storage's history as a picture."""
    return _picture(STORAGE, (ctx.node, p.storage), p.ds, p.timeframe, p.cf)
