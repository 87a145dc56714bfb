"""What manager and agents write into the store: the manager's status, each agent's publication.

Source: shape of ``/etc/pve/ha/manager_status`` and ``/etc/pve/nodes/NODE/lrm_status`` as clients read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from hostd.core.errors import ParseError
from hostd.ha.states import AgentState, DisarmMode, DisarmState, Mode, Move, NodeState, ServiceState

EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """A queued command that a service will follow: a move to ``target``, or (``move`` None) a stop in ``timeout_s``."""

    move: Move | None = None
    target: str | None = None
    timeout_s: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A service as the manager remembers it.

    ``job``: the id under which the agent answers for this state. ``running``: the agent said that it runs.
    ``failed_nodes``: where a start failed, in order. ``maintenance_node``: where it returns to after maintenance.
    """

    state: ServiceState
    node: str
    job: str
    target: str | None = None
    timeout_s: int | None = None
    running: bool = False
    failed_nodes: tuple[str, ...] = ()
    maintenance_node: str | None = None
    noted: Noted | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Disarm:
    mode: DisarmMode
    state: DisarmState = DisarmState.DISARMING


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """A move that balancing made ``age_s`` seconds before this was written. An age, as no two clocks are compared."""

    age_s: int
    source: str
    target: str
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class ManagerStatus:
    """All that survives a change of the master. ``jobs`` counts the job ids given out.

    ``moved``: services that balancing moved lately.
    """

    master: str | None = None
    nodes: Mapping[str, NodeState] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    maintenance: frozenset[str] = frozenset()
    disarm: Disarm | None = None
    jobs: int = 0
    moved: Mapping[str, Moved] = field(default_factory=dict)

    @property
    def is_disarmed(self) -> bool:
        return self.disarm is not None and self.disarm.state is DisarmState.DISARMED


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What an agent tells the manager: ``results`` of jobs by their id.

    ``watched``: it has a watchdog, so guests may arrive (ours; the lock alone does not say so).
    """

    state: AgentState = AgentState.WAIT_FOR_AGENT_LOCK
    mode: Mode = Mode.ACTIVE
    results: Mapping[str, int] = field(default_factory=dict)
    watched: bool = False


def to_wire(status: ManagerStatus) -> dict[str, Any]:
    """The status as JSON has it; what is not set is left out."""
    wire: dict[str, Any] = {
        "node_status": {node: str(state) for node, state in sorted(status.nodes.items())},
        "service_status": {sid: _service_to_wire(service) for sid, service in sorted(status.services.items())},
        "node_request": {node: {"maintenance": 1} for node in sorted(status.maintenance)},
        "jobs": status.jobs,
    }
    if status.master:
        wire["master_node"] = status.master
    if status.moved:
        wire["moved"] = {sid: asdict(moved) for sid, moved in sorted(status.moved.items())}
    if status.disarm:
        wire["disarm"] = {"mode": str(status.disarm.mode), "state": str(status.disarm.state)}
    return wire


def _service_to_wire(service: Service) -> dict[str, Any]:
    wire: dict[str, Any] = {"state": str(service.state), "node": service.node, "uid": service.job}
    optional = {
        "target": service.target,
        "timeout": service.timeout_s,
        "running": int(service.running) or None,
        "failed_nodes": list(service.failed_nodes) or None,
        "maintenance_node": service.maintenance_node,
        "cmd": service.noted and [str(service.noted.move or "stop"), service.noted.target, service.noted.timeout_s],
    }
    return wire | {key: value for key, value in optional.items() if value is not None}


def from_wire(wire: Mapping[str, Any]) -> ManagerStatus:
    """Raises ParseError for a status that is none: who cannot read it must not act on a guess."""
    try:
        disarm = wire.get("disarm")
        return ManagerStatus(
            master=wire.get("master_node") or None,
            nodes={node: NodeState(state) for node, state in wire.get("node_status", EMPTY).items()},
            services={sid: _service_from_wire(sid, s) for sid, s in wire.get("service_status", EMPTY).items()},
            maintenance=frozenset(n for n, asked in wire.get("node_request", EMPTY).items() if asked["maintenance"]),
            disarm=Disarm(mode=DisarmMode(disarm["mode"]), state=DisarmState(disarm["state"])) if disarm else None,
            jobs=int(wire.get("jobs", 0)),
            moved={sid: _moved_from_wire(moved) for sid, moved in wire.get("moved", EMPTY).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise ParseError(f"manager status: {type(err).__name__}: {err}") from err


def _moved_from_wire(wire: Mapping[str, Any]) -> Moved:
    source, target, why = (str(wire.get(key, "")) for key in ("source", "target", "why"))
    return Moved(age_s=int(wire["age_s"]), source=source, target=target, why=why)


def _service_from_wire(sid: str, wire: Mapping[str, Any]) -> Service:
    noted = wire.get("cmd")
    timeout = wire.get("timeout")
    return Service(
        state=ServiceState(wire["state"]),
        node=str(wire["node"]),
        job=str(wire.get("uid") or f"unknown-{sid}"),
        target=wire.get("target"),
        timeout_s=None if timeout is None else int(timeout),
        running=bool(wire.get("running")),
        failed_nodes=tuple(wire.get("failed_nodes", ())),
        maintenance_node=wire.get("maintenance_node"),
        noted=noted and Noted(move=None if noted[0] == "stop" else Move(noted[0]), target=noted[1], timeout_s=noted[2]),
    )


def publication_to_wire(publication: Publication) -> dict[str, Any]:
    """An agent's publication as JSON has it."""
    return {
        "state": str(publication.state),
        "mode": str(publication.mode),
        "results": {job: {"exit_code": code} for job, code in sorted(publication.results.items())},
        "watched": int(publication.watched),
    }


def publication_from_wire(wire: Mapping[str, Any]) -> Publication:
    """Raises ParseError for what is none."""
    try:
        return Publication(
            state=AgentState(wire["state"]),
            mode=Mode(wire["mode"]),
            results={str(job): int(result["exit_code"]) for job, result in wire.get("results", EMPTY).items()},
            watched=bool(wire.get("watched")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise ParseError(f"publication of an agent: {type(err).__name__}: {err}") from err
