"""High availability at a glance: the rows of ``/cluster/ha/status/current``. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hostd.ha.config import Resource
from hostd.ha.states import DisarmState
from hostd.ha.status import ManagerStatus, Publication

# A status that was not written for so long is that of a daemon which does not run, or cannot write.
OLD_S: Final = 120


@dataclass(frozen=True, kw_only=True)
class Published:
    """What an agent has written, and when (seconds since 1970); None where it never did."""

    publication: Publication | None = None
    written_s: int = 0
    watchdog: str = ""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What is to be told. ``agents``: of every node of the cluster. ``comments``: of services, by id."""

    node: str
    quorate: bool
    now_s: int
    status: ManagerStatus = ManagerStatus()
    status_s: int = 0
    agents: Mapping[str, Published] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)


Row = dict[str, Any]


def rows(seen: Overview) -> list[Row]:
    """Quorum, master, fencing, then agents and services by name."""
    quorum = {"id": "quorum", "type": "quorum", "node": seen.node, "quorate": int(seen.quorate)}
    found = [quorum | {"status": "OK" if seen.quorate else "No quorum!"}]
    if seen.status.master:
        found.append(_master(seen, seen.status.master))
    found.append(_fencing(seen))
    found += [_agent(seen, node, agent) for node, agent in sorted(seen.agents.items())]
    return found + [_service(seen, sid) for sid in sorted({*seen.resources, *seen.status.services})]


def _date(seconds: int) -> str:
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(seconds))


def _age(seen: Overview, written_s: int, state: str) -> str:
    return "old timestamp - dead?" if seen.now_s - written_s > OLD_S else state


def _master(seen: Overview, master: str) -> Row:
    state = _age(seen, seen.status_s, "active" if seen.status.services or seen.resources else "idle")
    told = f"{master} ({state}, {_date(seen.status_s)})"
    return {"id": "master", "type": "master", "node": master, "status": told, "timestamp": seen.status_s}


def _fencing(seen: Overview) -> Row:
    """Whether lost nodes are fenced, and by what nodes reset themselves."""
    disarm = seen.status.disarm
    row: Row = {"id": "fencing", "type": "fencing", "node": seen.node}
    if disarm:
        state = "disarmed" if disarm.state is DisarmState.DISARMED else "disarming"
        return row | {"armed-state": state, "resource_mode": str(disarm.mode), "status": f"{state} ({disarm.mode})"}
    if not seen.status.services:
        return row | {"armed-state": "standby", "status": "standby (no services)"}
    bare = sorted(node for node, agent in seen.agents.items() if agent.publication and not agent.watchdog)
    told = f"armed; no watchdog, only their agents end guests when cut off: {', '.join(bare)}" if bare else "armed"
    return row | {"armed-state": "armed", "status": told}


def _agent(seen: Overview, node: str, agent: Published) -> Row:
    row: Row = {"id": f"lrm:{node}", "type": "lrm", "node": node}
    if agent.publication is None:
        return row | {"status": f"{node} (unable to read lrm status)"}
    publication = agent.publication
    watched = any(node in (s.node, s.target) for s in seen.status.services.values())
    state = str(publication.state)
    if state == "active":
        state = "active" if watched else "idle"
    elif state == "wait_for_agent_lock":
        state = "wait_for_agent_lock" if watched else "idle"
    if str(publication.mode) != "active":
        state = f"{publication.mode} mode"
    told = _age(seen, agent.written_s, state)
    row |= {"status": f"{node} ({told}, {_date(agent.written_s)})", "timestamp": agent.written_s}
    return row | {"watchdog": agent.watchdog or "none"}


def _service(seen: Overview, sid: str) -> Row:
    service, resource = seen.status.services.get(sid), seen.resources.get(sid)
    node = service.node if service else (resource.node if resource else None)
    row: Row = {"id": f"service:{sid}", "type": "service", "sid": sid, "node": node or ""}
    if resource:
        row |= {
            "request_state": str(resource.requested),
            "max_restart": resource.max_restart,
            "max_relocate": resource.max_relocate,
            "failback": int(resource.failback),
        }
        row |= {"group": resource.group} if resource.group else {}
    state = _state(resource, str(service.state) if service else None, running=bool(service and service.running))
    row |= {"crm_state": str(service.state)} if service else {}
    return row | {"state": state, "status": f"{sid} ({node or '?'}, {state})"}


def _state(resource: Resource | None, managed: str | None, *, running: bool) -> str:
    """What people want to know: the manager's state, or what is in the way of it."""
    if resource is None:
        return "deleting"
    if managed is None:
        return "ignored" if str(resource.requested) == "ignored" else "queued"
    if managed in ("request_start", "request_start_balance") or (managed == "started" and not running):
        return "starting"
    if managed == "request_stop":
        return "stopping"
    if managed == "stopped" and str(resource.requested) == "disabled":
        return "disabled"
    return managed
