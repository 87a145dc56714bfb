"""``/nodes/{node}/services``: state of the services; changes of it are tasks."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import UPID, Check, array, endpoint, fields
from hostd.api.nodes.params import NodeParams
from hostd.core.schema import Kind, param
from hostd.node import services

SERVICE = Kind(enum=tuple(services.UNITS))
STATE = fields(
    service="string", name="string", desc="string", state="string", active__state="string", unit__state="string"
)
AUDIT, MODIFY = Check("/nodes/{node}", "Sys.Audit"), Check("/nodes/{node}", "Sys.Modify")


@dataclass(frozen=True, kw_only=True)
class ServiceParams(NodeParams):
    """One service."""

    service: str = param(SERVICE, doc="Name of the service.")


@endpoint(
    "GET",
    "/nodes/{node}/services",
    params=NodeParams,
    returns=array(STATE, child="service"),
    allow=AUDIT,
    runs_on="node",
    privileged=True,
)
def index(ctx: Context, p: NodeParams) -> object:
    """Services and their state."""
    return services.states(ctx.run, list(services.UNITS))


@endpoint(
    "GET",
    "/nodes/{node}/services/{service}",
    params=ServiceParams,
    returns=array(fields(subdir="string"), child="subdir"),
    allow=AUDIT,
)
def srvcmdidx(ctx: Context, p: ServiceParams) -> object:
    """What can be asked of and done to a service."""
    return [{"subdir": name} for name in ("state", *services.ACTIONS)]


@endpoint(
    "GET",
    "/nodes/{node}/services/{service}/state",
    params=ServiceParams,
    returns={"type": "object", "properties": STATE},
    allow=AUDIT,
    runs_on="node",
    privileged=True,
)
def service_state(ctx: Context, p: ServiceParams) -> object:
    """The state of a service."""
    return services.states(ctx.run, [p.service])[0]


def _act(ctx: Context, p: ServiceParams, action: str) -> str:
    services.check_action(ctx.run, p.service, action)
    return ctx.spawn(f"srv{action}", p.service, service=p.service)


@endpoint(
    "POST",
    "/nodes/{node}/services/{service}/start",
    params=ServiceParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def service_start(ctx: Context, p: ServiceParams) -> object:
    """Start a service."""
    return _act(ctx, p, "start")


@endpoint(
    "POST",
    "/nodes/{node}/services/{service}/stop",
    params=ServiceParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def service_stop(ctx: Context, p: ServiceParams) -> object:
    """Stop a service; those that the API itself needs are refused."""
    return _act(ctx, p, "stop")


@endpoint(
    "POST",
    "/nodes/{node}/services/{service}/restart",
    params=ServiceParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def service_restart(ctx: Context, p: ServiceParams) -> object:
    """Restart a service."""
    return _act(ctx, p, "restart")


@endpoint(
    "POST",
    "/nodes/{node}/services/{service}/reload",
    params=ServiceParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def service_reload(ctx: Context, p: ServiceParams) -> object:
    """Let a service read its configuration again; one that cannot is restarted."""
    return _act(ctx, p, "reload")
