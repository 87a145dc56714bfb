"""``/nodes/{node}/disks``: disks of a node, their health, emptying them."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, ROOT_ONLY, UPID, Check, Or, array, endpoint, fields
from hostd.api.nodes.params import NodeParams
from hostd.core.kinds import BOOLEAN
from hostd.core.schema import Kind, param
from hostd.node.disks import gather, guard
from hostd.node.disks import smart as health
from hostd.node.disks.inventory import shown

AUDIT, MODIFY = Check("/", "Sys.Audit"), Check("/", "Sys.Modify")
DISK = Kind(pattern=r"/dev/[a-zA-Z0-9\/]+", max_length=255)
_DISK = fields(
    devpath="string", gpt="boolean", health="string?", model="string?", mounted="boolean?", osdid="integer",
    osdid__list="array?", parent="string?", serial="string?", size="integer", used="string?", vendor="string?",
    wwn="string?",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ListParams(NodeParams):
    """Which disks, and how much about them."""

    include_partitions: bool = param(
        BOOLEAN, default=False, shown_default=0, name="include-partitions", doc="Partitions too."
    )
    skipsmart: bool = param(BOOLEAN, default=False, shown_default=0, doc="Do not ask the disks for their health.")
    type: str = param(Kind(enum=("unused", "journal_disks")), default="", doc="Only disks that are free for this.")


@dataclass(frozen=True, kw_only=True)
class SmartParams(NodeParams):
    """A disk."""

    disk: str = param(DISK, doc="Path of the disk.")
    healthonly: bool = param(BOOLEAN, default=False, doc="No attributes.")


@dataclass(frozen=True, kw_only=True)
class InitParams(NodeParams):
    """A disk to be initialised."""

    disk: str = param(DISK, doc="Path of the disk.")
    uuid: str = param(Kind(pattern=r"[a-fA-F0-9\-]+", max_length=36), default="", doc="Id of the table.")


@dataclass(frozen=True, kw_only=True)
class WipeParams(NodeParams):
    """A disk to be emptied."""

    disk: str = param(DISK, doc="Path of the disk or partition.")


@endpoint(
    "GET",
    "/nodes/{node}/disks",
    params=NodeParams,
    returns=array(fields(name="string"), child="name"),
    allow=ALL,
    runs_on="node",
)
def index(ctx: Context, p: NodeParams) -> object:
    """What can be asked about disks."""
    names = ("directory", "initgpt", "list", "lvm", "lvmthin", "smart", "wipedisk", "zfs")
    return [{"name": name} for name in names]


@endpoint(
    "GET",
    "/nodes/{node}/disks/list",
    params=ListParams,
    returns=array(_DISK),
    allow=Or(AUDIT, Check("/nodes/{node}", "Sys.Audit")),
    runs_on="node",
    privileged=True,
    slow=True,
)
def list_disks(ctx: Context, p: ListParams) -> object:
    """Disks of the node: what they are, how they are, what they are used for."""
    partitions = p.include_partitions or bool(p.type)
    found = gather.list_disks(ctx.run, smart=not p.skipsmart, partitions=partitions)
    rows = []
    for disk in found:
        if p.type and guard.why_used(disk, found) and not (p.type == "journal_disks" and disk.counts):
            continue
        if disk.parent and not p.include_partitions:
            continue
        rows.append({"mounted": 0} | shown(disk))
    return rows


@endpoint(
    "GET",
    "/nodes/{node}/disks/smart",
    params=SmartParams,
    returns={
        "type": "object",
        "properties": fields(health="string", type="string?", attributes="array?", text="string?", wearout="number?"),
    },
    allow=AUDIT,
    runs_on="node",
    privileged=True,
    slow=True,
)
def smart(ctx: Context, p: SmartParams) -> object:
    """What a disk says about its health."""
    disk = gather.find(ctx.run, p.disk)
    found = health.shown(gather.read_smart(ctx.run, disk.devpath, health_only=p.healthonly))
    return {"health": found["health"]} if p.healthonly else found


@endpoint(
    "POST",
    "/nodes/{node}/disks/initgpt",
    params=InitParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def initialise(ctx: Context, p: InitParams) -> object:
    """Make an empty GPT on an unused disk."""
    disk = guard.unused(ctx.run, p.disk)
    return ctx.spawn("diskinit", disk.name, device=disk.devpath, uuid=p.uuid)


@endpoint(
    "PUT",
    "/nodes/{node}/disks/wipedisk",
    params=WipeParams,
    returns=UPID,
    allow=ROOT_ONLY,
    runs_on="node",
    privileged=True,
)
def wipe(ctx: Context, p: WipeParams) -> object:
    """Remove everything from a disk or partition that the host does not work with."""
    disk = guard.not_active(ctx.run, p.disk)
    return ctx.spawn("wipedisk", disk.name, device=disk.devpath)
