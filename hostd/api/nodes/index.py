"""``/nodes`` and ``/nodes/{node}``: the list, and one node's state."""

from __future__ import annotations

from hostd.api import members
from hostd.api.context import Context
from hostd.api.endpoint import ALL, Check, Schema, array, endpoint, fields
from hostd.api.nodes.params import NodeParams, NoParams
from hostd.cluster.standing import Member
from hostd.core.release import COMPATIBLE_VERSION, VERSION
from hostd.node import certificate, kvm_probe, status, tls

CHILDREN = (
    "apt", "capabilities", "certificates", "config", "disks", "dns", "hosts", "journal", "lxc", "netstat", "network",
    "qemu", "query-url-metadata", "report", "rrd", "rrddata", "scan", "services", "status", "storage", "subscription",
    "syslog", "tasks", "time", "version", "wakeonlan",
)  # fmt: skip


def _object(**kinds: str) -> Schema:
    return {"type": "object", "properties": fields(**kinds)}


_STATUS: Schema = {
    "type": "object",
    "additionalProperties": True,
    "properties": {
        **fields(cpu="number", idle="number", kversion="string", pveversion="string", uptime="integer", wait="number"),
        "boot-info": {
            "type": "object",
            "properties": {
                "mode": {"type": "string", "enum": ("efi", "legacy-bios")},
                "secureboot": {"type": "boolean", "optional": True},
            },
        },
        "cpuinfo": _object(
            cores="integer", cpus="integer", family="string", flags="string", hvm="string", mhz="string",
            model="string", sockets="integer", user_hz="integer", vendor="string",
        ),
        "current-kernel": _object(machine="string", release="string", sysname="string", version="string"),
        "ksm": _object(shared="integer"),
        "kvm": {**_object(usable="boolean", reason="string"), "optional": True},
        "loadavg": {"type": "array", "items": {"type": "string"}},
        "memory": _object(available="integer", free="integer", total="integer", used="integer"),
        "rootfs": _object(avail="integer", free="integer", total="integer", used="integer"),
        "swap": _object(free="integer", total="integer", used="integer"),
    },
}  # fmt: skip
LIVE = ("cpu", "maxcpu", "mem", "maxmem", "disk", "maxdisk", "uptime")


def entry(ctx: Context, member: Member) -> dict[str, object]:
    """A node as lists show it; live values for those who may see them, while it is there."""
    shown: dict[str, object] = {
        "id": f"node/{member.name}",
        "node": member.name,
        "type": "node",
        "status": "online" if member.online else "offline",
        "level": "",
    }
    if not member.online or not ctx.may(f"/nodes/{member.name}", "Sys.Audit"):
        return shown
    live = ctx.samples.node(member.name)
    return shown | {name: live[name] for name in LIVE if name in live}


@endpoint(
    "GET",
    "/nodes",
    params=NoParams,
    returns=array(
        fields(
            node="string", status="string", cpu="number?", maxcpu="integer?", mem="integer?", maxmem="integer?",
            level="string?", uptime="integer?", ssl_fingerprint="string?",
        ),
        child="node",
    ),
    allow=ALL,
)  # fmt: skip
def index(ctx: Context, p: NoParams) -> object:
    """The nodes of the cluster."""
    return [entry(ctx, member) | _fingerprint(ctx, member.name) for member in members.nodes(ctx)]


def _fingerprint(ctx: Context, node: str) -> dict[str, object]:
    file = ctx.mirror.get(tls.own(node))
    return {"ssl_fingerprint": certificate.fingerprint(file.data)} if file else {}


@endpoint(
    "GET",
    "/nodes/{node}",
    params=NodeParams,
    returns=array(fields(name="string"), child="name"),
    allow=ALL,
)
def node_index(ctx: Context, p: NodeParams) -> object:
    """What can be asked about a node."""
    return [{"name": name} for name in CHILDREN]


@endpoint(
    "GET",
    "/nodes/{node}/status",
    params=NodeParams,
    returns=_STATUS,
    allow=Check("/nodes/{node}", "Sys.Audit"),
    runs_on="node",
)
def node_status(ctx: Context, p: NodeParams) -> object:
    """Processor, memory, disk, kernel and firmware of a node."""
    live = ctx.samples.node()
    mem = status.memory()
    kernel = status.kernel()
    kvm = kvm_probe.remembered()
    return ({"kvm": {"usable": kvm.usable, "reason": kvm.reason}} if kvm else {}) | {
        "uptime": status.uptime_s(),
        "loadavg": status.load_average(),
        "cpu": live.get("cpu", 0),
        "wait": live.get("wait", 0),
        "idle": 0,
        "cpuinfo": status.parse_cpuinfo(status.read("/proc/cpuinfo")),
        "ksm": {"shared": status.merged_bytes()},
        "memory": {name: mem[name] for name in ("total", "used", "free", "available")},
        "swap": {"total": mem["swap_total"], "free": mem["swap_free"], "used": mem["swap_total"] - mem["swap_free"]},
        "rootfs": status.root_fs(),
        "current-kernel": kernel,
        "kversion": f"{kernel['sysname']} {kernel['release']} {kernel['version']}",
        "boot-info": status.boot_info(),
        "pveversion": f"pve-manager/{COMPATIBLE_VERSION}/holdfast-{VERSION}",
    }
