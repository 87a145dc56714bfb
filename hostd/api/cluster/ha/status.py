"""``/cluster/ha/status``: what manager and agents are at, and taking high availability out of work for a while."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hostd.api.cluster.ha.common import AUDIT, CHANGE, node_names
from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, array, endpoint, fields
from hostd.api.nodes.params import NoParams
from hostd.core.schema import Kind, param
from hostd.ha import files, overview, status, stored
from hostd.ha.overview import Overview, Published

_PATH = "/cluster/ha/status"


@dataclass(frozen=True, kw_only=True)
class DisarmParams:
    """How."""

    resource_mode: str = param(
        Kind(enum=("freeze", "ignore")), name="resource-mode",
        doc="freeze: services stay as they are; ignore: they may also be moved and stopped by hand meanwhile.",
    )  # fmt: skip


def quorate(ctx: Context) -> bool:
    standing = ctx.mirror.members()
    return standing is None or standing.quorate


@endpoint("GET", _PATH, params=NoParams, returns=array({}, child="name"), allow=ALL)
def index(ctx: Context, p: NoParams) -> object:
    """What can be asked."""
    return [{"name": name} for name in ("arm-ha", "current", "disarm-ha", "manager_status")]


@endpoint(
    "GET",
    f"{_PATH}/current",
    params=NoParams,
    returns=array(
        {
            **fields(
                id="string", type="string", node="string", status="string", sid="string?", state="string?",
                crm_state="string?", request_state="string?", max_restart="integer?", max_relocate="integer?",
                failback="boolean?", quorate="boolean?", timestamp="integer?", resource_mode="string?",
                watchdog="string?",
            ),
            "armed-state": {"type": "string", "optional": True},
        }
    ),
    allow=AUDIT,
)  # fmt: skip
def current(ctx: Context, p: NoParams) -> object:
    """Quorum, master, fencing, agents and services, a row each.

    ``watchdog`` is an addition: what resets the node when its agent is lost; ``none``: nothing does.
    """
    raw = stored.raw_status(ctx.mirror)
    return overview.rows(
        Overview(
            node=ctx.node,
            quorate=quorate(ctx),
            now_s=int(time.time()),
            status=status.from_wire(raw),
            status_s=int(raw.get("timestamp", 0)),
            agents={node: published(ctx, node) for node in node_names(ctx)},
            resources=stored.resources(ctx.mirror),
        )
    )


def published(ctx: Context, node: str) -> Published:
    """What a node's agent has written. Raises ParseError."""
    raw = stored.raw_publication(ctx.mirror, node)
    return Published(
        publication=stored.publication(ctx.mirror, node),
        written_s=int(raw.get("timestamp", 0)),
        watchdog=str(raw.get("watchdog", "")),
    )


@endpoint("GET", f"{_PATH}/manager_status", params=NoParams, returns={"type": "object"}, allow=AUDIT)
def manager_status(ctx: Context, p: NoParams) -> object:
    """What manager and agents have written, as it stands."""
    return {
        "manager_status": stored.raw_status(ctx.mirror),
        "quorum": {"node": ctx.node, "quorate": int(quorate(ctx))},
        "lrm_status": {node: stored.raw_publication(ctx.mirror, node) for node in node_names(ctx)},
    }


@endpoint("POST", f"{_PATH}/disarm-ha", params=DisarmParams, returns=NULL, allow=CHANGE, privileged=True)
def disarm_ha(ctx: Context, p: DisarmParams) -> object:
    """Ask all to let go: nothing is decided and no node fenced until it is armed again."""
    files.queue(ctx.store, [f"disarm-ha {p.resource_mode}"], actor=ctx.user)
    return None


@endpoint("POST", f"{_PATH}/arm-ha", params=NoParams, returns=NULL, allow=CHANGE, privileged=True)
def arm_ha(ctx: Context, p: NoParams) -> object:
    """Look after services again."""
    files.queue(ctx.store, ["arm-ha"], actor=ctx.user)
    return None
