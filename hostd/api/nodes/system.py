"""``/nodes/{node}``: version, time, DNS, host names, options, power, traffic, report."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, Check, array, endpoint, fields
from hostd.api.nodes.params import NodeParams
from hostd.api.option_params import given, with_options
from hostd.core import files, optionfile
from hostd.core.digest import check_digest, digest
from hostd.core.errors import HostError, Invalid, NotFound, Unsupported
from hostd.core.kinds import BOOLEAN, CONFIG_ID_LIST, STRING
from hostd.core.release import COMPATIBLE_RELEASE, COMPATIBLE_VERSION, VERSION
from hostd.core.schema import Kind, param, spelled_out
from hostd.node import clock, config, report, resolver, status, traffic, wake

HOSTS = "/etc/hosts"
ADDRESS = Kind(format="ip")
PROPERTIES = ("acme", *(f"acmedomain{n}" for n in range(config.DOMAINS)), "ballooning-target", "description",
              "location", "startall-onboot-delay", "wakeonlan")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TimeParams(NodeParams):
    """The time zone."""

    timezone: str = param(STRING, doc="Name in the time zone database, such as Europe/Vienna.")


@dataclass(frozen=True, kw_only=True)
class DnsParams(NodeParams):
    """Search domain and name servers."""

    search: str = param(STRING, doc="Domain that is added to short names.")
    dns1: str = param(ADDRESS, default="", doc="First name server.")
    dns2: str = param(ADDRESS, default="", doc="Second name server.")
    dns3: str = param(ADDRESS, default="", doc="Third name server.")


@dataclass(frozen=True, kw_only=True)
class HostsParams(NodeParams):
    """The file's text."""

    data: str = param(STRING, doc="New text of /etc/hosts.")
    digest: str = param(Kind(max_length=64), default="", doc="Fail unless the file still has this digest.")


@dataclass(frozen=True, kw_only=True)
class ConfigParams(NodeParams):
    """Which options."""

    property: str = param(Kind(enum=PROPERTIES), default="all", shown_default="all", doc="Only this option.")


@with_options(config.OPTIONS)
@dataclass(frozen=True, kw_only=True)
class SetConfigParams(NodeParams):
    """Options to set and to remove."""

    delete: list[str] | None = param(CONFIG_ID_LIST, default=None, doc="Options to remove.")
    digest: str = param(Kind(max_length=40), default="", doc="Fail unless the options still have this digest.")


@dataclass(frozen=True, kw_only=True)
class PowerParams(NodeParams):
    """What to do."""

    command: str = param(Kind(enum=("reboot", "shutdown")), doc="Restart the node, or switch it off.")


NO_SUBSCRIPTION = "This software needs no subscription."
_SUBSCRIPTION_KEY = Kind(pattern=r"\s*pve([1248])([cbsp])-(arm-)?[0-9a-f]{10}\s*", max_length=32)


@dataclass(frozen=True, kw_only=True)
class CheckSubscriptionParams(NodeParams):
    """A check of the subscription."""

    force: bool = param(BOOLEAN, default=False, shown_default=0, doc="Accepted for compatibility.")


@dataclass(frozen=True, kw_only=True)
class SetSubscriptionParams(NodeParams):
    """A subscription key."""

    key: str = param(_SUBSCRIPTION_KEY, doc="Key of the reference's subscription.")


@endpoint(
    "GET",
    "/nodes/{node}/version",
    params=NodeParams,
    returns={"type": "object", "properties": fields(release="string", repoid="string", version="string")},
    allow=ALL,
    runs_on="node",
)
def version(ctx: Context, p: NodeParams) -> object:
    """The API's level, and which software serves it."""
    return {"release": COMPATIBLE_RELEASE, "version": COMPATIBLE_VERSION, "repoid": f"holdfast-{VERSION}"}


@endpoint(
    "GET",
    "/nodes/{node}/time",
    params=NodeParams,
    returns={"type": "object", "properties": fields(localtime="integer", time="integer", timezone="string")},
    allow=Check("/nodes/{node}", "Sys.Audit"),
    runs_on="node",
)
def time(ctx: Context, p: NodeParams) -> object:
    """The node's clock and time zone."""
    return clock.told(clock.zone(), clock.now_s())


@endpoint(
    "PUT",
    "/nodes/{node}/time",
    params=TimeParams,
    returns=NULL,
    allow=Check("/nodes/{node}", "Sys.Modify"),
    runs_on="node",
    privileged=True,
)
def set_timezone(ctx: Context, p: TimeParams) -> object:
    """Set the node's time zone."""
    clock.check_zone(p.timezone)
    clock.set_zone(p.timezone)
    return None


@endpoint(
    "GET",
    "/nodes/{node}/dns",
    params=NodeParams,
    returns={"type": "object", "properties": fields(search="string?", dns1="string?", dns2="string?", dns3="string?")},
    allow=Check("/nodes/{node}", "Sys.Audit"),
    runs_on="node",
)
def dns(ctx: Context, p: NodeParams) -> object:
    """Search domain and name servers."""
    found = resolver.parse(status.read(resolver.PATH))
    shown = {"search": found.search} if found.search else {}
    return shown | {f"dns{number}": server for number, server in enumerate(found.servers, 1)}


@endpoint(
    "PUT",
    "/nodes/{node}/dns",
    params=DnsParams,
    returns=NULL,
    allow=Check("/nodes/{node}", "Sys.Modify"),
    runs_on="node",
    privileged=True,
)
def update_dns(ctx: Context, p: DnsParams) -> object:
    """Set search domain and name servers."""
    if wrong := resolver.check_search(p.search.strip()):
        raise Invalid({"search": wrong})
    servers = [server for server in (p.dns1, p.dns2, p.dns3) if server]
    before = status.read(resolver.PATH)
    files.replace(resolver.PATH, resolver.format(before, p.search.strip(), servers).encode())
    return None


@endpoint(
    "GET",
    "/nodes/{node}/hosts",
    params=NodeParams,
    returns={"type": "object", "properties": fields(data="string", digest="string?")},
    allow=Check("/", "Sys.Audit"),
    runs_on="node",
    privileged=True,
)
def get_etc_hosts(ctx: Context, p: NodeParams) -> object:
    """The file of host names."""
    data = status.read(HOSTS)
    return {"data": data, "digest": digest(data.encode())}


@endpoint(
    "POST",
    "/nodes/{node}/hosts",
    params=HostsParams,
    returns=NULL,
    allow=Check("/nodes/{node}", "Sys.Modify"),
    runs_on="node",
    privileged=True,
)
def write_etc_hosts(ctx: Context, p: HostsParams) -> object:
    """Replace the file of host names."""
    check_digest(digest(status.read(HOSTS).encode()), p.digest)
    text = p.data.replace("\r\n", "\n")
    files.replace(HOSTS, (text if text.endswith("\n") else f"{text}\n").encode())
    return None


def stored(ctx: Context, node: str) -> bytes:
    """A node's options; empty where it has none."""
    file = ctx.mirror.get(config.path(node))
    return file.data if file else b""


@endpoint(
    "GET",
    "/nodes/{node}/config",
    params=ConfigParams,
    returns={"type": "object", "properties": fields(digest="string?", description="string?", wakeonlan="string?")},
    allow=Check("/", "Sys.Audit"),
    runs_on="node",
)
def get_config(ctx: Context, p: ConfigParams) -> object:
    """The node's options."""
    data = stored(ctx, ctx.node)
    shown = optionfile.typed(config.OPTIONS, optionfile.parse(data), objects=False)
    if p.property != "all":
        shown = {key: value for key, value in shown.items() if key == p.property}
    return shown | {"digest": digest(data)}


@endpoint(
    "PUT",
    "/nodes/{node}/config",
    params=SetConfigParams,
    returns=NULL,
    allow=Check("/", "Sys.Modify"),
    runs_on="node",
    privileged=True,
)
def set_options(ctx: Context, p: SetConfigParams) -> object:
    """Set or remove options of the node."""
    place = config.path(ctx.node)
    try:
        file = ctx.store.read(place)
        data, known_version = file.data, file.version
    except NotFound:
        data, known_version = b"", 0
    check_digest(digest(data), p.digest)
    known = spelled_out(config.OPTIONS)
    after = optionfile.changed(optionfile.parse(data), set=given(p), delete=p.delete or (), known=known)
    ctx.store.write(place, optionfile.format(after), if_version=known_version, actor=ctx.user)
    return None


@endpoint(
    "POST",
    "/nodes/{node}/status",
    params=PowerParams,
    returns=NULL,
    allow=Check("/nodes/{node}", "Sys.PowerMgmt"),
    runs_on="node",
    privileged=True,
)
def node_cmd(ctx: Context, p: PowerParams) -> object:
    """Restart the node or switch it off; guests are shut down by their units."""
    # systemd takes the job at once and does it after this answer has left
    ctx.run(["systemctl", "--no-block", {"shutdown": "poweroff"}.get(p.command, p.command)], timeout_s=10)
    return None


@endpoint(
    "POST",
    "/nodes/{node}/wakeonlan",
    params=NodeParams,
    returns={"type": "string", "format": "mac-addr"},
    allow=Check("/nodes/{node}", "Sys.PowerMgmt"),
    privileged=True,
)
def wakeonlan(ctx: Context, p: NodeParams) -> object:
    """Wake another node of the cluster; answers the address that was called."""
    if p.node in (ctx.node, "localhost"):
        raise Invalid({"node": f"'{ctx.node}' is this node, which is awake"})
    text = optionfile.parse(stored(ctx, p.node)).get("wakeonlan", "")
    if not text:
        raise HostError(f"No wake on LAN MAC address defined for '{p.node}'!")
    found = config.OPTIONS["wakeonlan"].keys(text)
    broadcast, interface = found.get("broadcast-address", ""), found.get("bind-interface", "")
    wake.send(found["mac"], broadcast=broadcast, interface=interface)
    return found["mac"]


@endpoint(
    "GET",
    "/nodes/{node}/netstat",
    params=NodeParams,
    returns=array({}),
    allow=Check("/nodes/{node}", "Sys.Audit"),
    runs_on="node",
)
def netstat(ctx: Context, p: NodeParams) -> object:
    """Bytes that guests' network cards received and sent."""
    return traffic.counters()


@endpoint(
    "GET",
    "/nodes/{node}/report",
    params=NodeParams,
    returns={"type": "string"},
    allow=Check("/nodes/{node}", "Sys.Audit"),
    runs_on="node",
    privileged=True,
    slow=True,
)
def get_report(ctx: Context, p: NodeParams) -> object:
    """What the host is made of and how it does, as text."""
    return report.report(ctx.run)


@endpoint(
    "GET",
    "/nodes/{node}/subscription",
    params=NodeParams,
    returns={"type": "object", "properties": fields(status="string", message="string?", url="string?")},
    allow=ALL,
    runs_on="node",
)
def get_subscription(ctx: Context, p: NodeParams) -> object:
    """There are no subscriptions: everything works without one."""
    return {"status": "notfound", "message": NO_SUBSCRIPTION}


@endpoint(
    "POST",
    "/nodes/{node}/subscription",
    params=CheckSubscriptionParams,
    returns=NULL,
    allow=Check("/nodes/{node}", "Sys.Modify"),
    runs_on="node",
    privileged=True,
)
def check_subscription(ctx: Context, p: CheckSubscriptionParams) -> object:
    """Nothing, as on a host of the reference without a key: there is none whose state could be asked for."""
    return None


@endpoint(
    "PUT",
    "/nodes/{node}/subscription",
    params=SetSubscriptionParams,
    returns=NULL,
    allow=Check("/nodes/{node}", "Sys.Modify"),
    runs_on="node",
    privileged=True,
)
def set_subscription(ctx: Context, p: SetSubscriptionParams) -> object:
    """Refused: a key would be for another product, and is not stored."""
    raise Unsupported(f"{NO_SUBSCRIPTION} The key was not stored; keep it for the product that it was sold for.")


@endpoint(
    "DELETE",
    "/nodes/{node}/subscription",
    params=NodeParams,
    returns=NULL,
    allow=Check("/nodes/{node}", "Sys.Modify"),
    runs_on="node",
    privileged=True,
)
def delete_subscription(ctx: Context, p: NodeParams) -> object:
    """Nothing: afterwards the host has no key, as before."""
    return None
