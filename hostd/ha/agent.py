"""The local resource manager of one node: it runs services, only while it holds its lock.

Source: conformance area ``ha``, section 7.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from hostd.ha import agentjobs
from hostd.ha.agentjobs import Jobs
from hostd.ha.budget import AGENT_IDLE_ROUNDS, REPLY_S, UNMANAGED_S, agent_lock
from hostd.ha.env import AgentEnvironment, StoreFailed
from hostd.ha.events import Kind
from hostd.ha.states import MOVING, AgentState, Mode, NodeState, ServiceState, Shutdown, ShutdownPolicy
from hostd.ha.status import ManagerStatus, Publication, Service

_NOT_RUNNING = frozenset({ServiceState.STOPPED, ServiceState.REQUEST_START, ServiceState.REQUEST_START_BALANCE})
_MOVES = MOVING | {ServiceState.REQUEST_START_BALANCE}
_PASSIVE = frozenset({ServiceState.STOPPED, ServiceState.FREEZE, ServiceState.ERROR, ServiceState.REQUEST_START})


@dataclass(frozen=True, kw_only=True)
class Agent:
    """An agent between two steps. ``status``: its copy of the manager's. ``ended``: the process is to exit.

    ``unmanaged_s``: since when it waits for a manager where there is none.
    """

    state: AgentState = AgentState.WAIT_FOR_AGENT_LOCK
    mode: Mode = Mode.ACTIVE
    status: ManagerStatus = field(default_factory=ManagerStatus)
    jobs: Jobs = field(default_factory=Jobs)
    has_watchdog: bool = False
    idle_rounds: int = 0
    shutdown: Shutdown | None = None
    unmanaged_s: float | None = None
    ended: bool = False


def active_services(services: Mapping[str, Service], node: str) -> list[str]:
    """Services that run on a node, or come there, or may: while there is one, the node must be under its lock."""
    return [
        s for s, service in services.items() if service.state not in _PASSIVE and node in (service.node, service.target)
    ]


def start(env: AgentEnvironment) -> Agent:
    """A new process."""
    env.tell(Kind.DAEMON_STATE, **{"from": "startup", "to": str(AgentState.WAIT_FOR_AGENT_LOCK)})
    return Agent(has_watchdog=env.has_left_watchdog())


def ask_to_end(agent: Agent, env: AgentEnvironment, kind: Shutdown) -> Agent:
    """The node goes down, or (``RESTART``) only this process ends and another follows."""
    if agent.shutdown:
        return agent
    agent = replace(agent, shutdown=kind)
    if kind is Shutdown.RESTART:
        plan, told, mode = "freeze", str(kind), Mode.RESTART
    else:
        policy = _policy(env)
        env.tell(Kind.SHUTDOWN_REQUEST, policy=str(policy))
        if policy is not ShutdownPolicy.MIGRATE:
            here = sorted(sid for sid, service in agent.status.services.items() if service.node == env.node)
            agent = replace(agent, jobs=agentjobs.queue_stops(agent.jobs, here))
        plan, told, mode = _plan(agent.mode, policy, kind)
    env.tell(Kind.LRM_SHUTDOWN_PLAN, kind=told, plan=plan)
    agent = replace(agent, mode=mode)
    _publish(agent, env)
    return agent


def _policy(env: AgentEnvironment) -> ShutdownPolicy:
    try:
        return env.read_options().shutdown_policy
    except StoreFailed:
        # The node goes down whether the store answers or not.
        return ShutdownPolicy.CONDITIONAL


def _plan(mode: Mode, policy: ShutdownPolicy, kind: Shutdown) -> tuple[str, str, Mode]:
    """What happens to the services of a node that goes down: the plan, what it is told for, the agent's mode."""
    if mode is Mode.MAINTENANCE:
        plan = "already_maintenance" if policy is ShutdownPolicy.MIGRATE else "manual_maintenance"
        return plan, str(kind), mode
    if policy is ShutdownPolicy.MIGRATE:
        return "maintenance", str(kind), Mode.MAINTENANCE
    if policy is ShutdownPolicy.FREEZE or (policy is ShutdownPolicy.CONDITIONAL and kind is Shutdown.REBOOT):
        return "freeze", str(kind), Mode.RESTART
    return "stop", str(Shutdown.SHUTDOWN), Mode.SHUTDOWN


def step(agent: Agent, env: AgentEnvironment) -> Agent:
    """One iteration: first the agent's own state, then the work of that state."""
    fresh = env.refresh()
    if not env.can_publish() and not (_publish(agent, env) and env.can_publish()):
        return replace(agent, ended=agent.shutdown is not None)
    agent = _read_status(agent, env)
    if agent.shutdown is None:
        agent = replace(agent, mode=_mode(agent, env.node))
    agent = _transition(agent, env)
    match agent.state:
        case AgentState.WAIT_FOR_AGENT_LOCK:
            agent = replace(agent, ended=agent.shutdown is not None)
        case AgentState.ACTIVE:
            agent = _work(agent, env, fresh)
        case AgentState.LOST_AGENT_LOCK:
            return _end_without_lock(agent, env)
        case AgentState.MAINTENANCE:
            agent = _leave(agent, env)
    _publish(agent, env)
    return agent


def _read_status(agent: Agent, env: AgentEnvironment) -> Agent:
    try:
        return replace(agent, status=env.read_status())
    except StoreFailed:
        env.tell(Kind.CFS_ERROR, op="read_manager_status")
        return agent


def _publish(agent: Agent, env: AgentEnvironment) -> bool:
    if not env.is_quorate():
        return False
    try:
        results, watched = agent.jobs.results, agent.has_watchdog
        env.publish(Publication(state=agent.state, mode=agent.mode, results=results, watched=watched))
    except StoreFailed:
        env.tell(Kind.CFS_ERROR, op="write_lrm_status")
        return False
    return True


def _mode(agent: Agent, node: str) -> Mode:
    if node in agent.status.maintenance:
        return Mode.MAINTENANCE
    if agent.status.disarm:
        return Mode.DISARM
    return Mode.ACTIVE if agent.mode in (Mode.MAINTENANCE, Mode.DISARM) else agent.mode


def _transition(agent: Agent, env: AgentEnvironment) -> Agent:
    status = agent.status
    doomed = _is_doomed(status, env.node)
    active = active_services(status.services, env.node)
    match agent.state:
        case AgentState.WAIT_FOR_AGENT_LOCK:
            if doomed:
                return _arm_if_uncovered(agent, env)
            if agent.mode is Mode.DISARM or not active:
                return _keep_left_watchdog(agent, env)
            if env.is_quorate():
                agent = _arm_if_uncovered(agent, env)
            held = _take_lock(agent, env)
            return _enter(held, env, AgentState.ACTIVE) if held else agent
        case AgentState.LOST_AGENT_LOCK:
            held = None if doomed else _take_lock(agent, env)
            return _enter(held, env, AgentState.ACTIVE) if held else agent
        case AgentState.ACTIVE:
            held = None if doomed else _take_lock(agent, env)
            return _of_active(held, env) if held else _enter(agent, env, AgentState.LOST_AGENT_LOCK)
        case AgentState.MAINTENANCE:
            return _of_maintenance(agent, env, bool(active))


def _is_doomed(status: ManagerStatus, node: str) -> bool:
    """The manager wants this node fenced: hold still, and let the watchdog do what it is there for."""
    lost = any(s.state is ServiceState.FENCE and s.node == node for s in status.services.values())
    return lost or status.nodes.get(node) is NodeState.FENCE


def _arm_if_uncovered(agent: Agent, env: AgentEnvironment) -> Agent:
    """Arm the watchdog for guests that this node left uncovered, before anything else. (Ours.)

    Where they are wanted elsewhere nobody feeds it: the manager would wait for ever, as it may not start them while
    they may run here. Where the lock is to be had again it is fed with the lock; the other way round, an answer that
    never comes would leave a lock that others may take one day, and guests that nothing resets.
    """
    if agent.has_watchdog or not env.left_guests():
        return agent
    env.open_watchdog()
    return replace(agent, has_watchdog=True)


def _keep_left_watchdog(agent: Agent, env: AgentEnvironment) -> Agent:
    """The one of the process before: fed while its guests are still left, needed by nobody afterwards. (Ours.)

    Nobody can take this node's lock meanwhile: it was given back with the mark that guests are left.
    """
    if not agent.has_watchdog or not env.is_quorate():
        return agent
    if agent.mode is not Mode.DISARM and env.left_guests():
        env.feed_watchdog()
        return agent
    return _close_watchdog(agent, env)


def _take_lock(agent: Agent, env: AgentEnvironment) -> Agent | None:
    """The agent's lock, and with it the watchdog; None when it is not got, or was answered too late to be sure."""
    asked_s = env.now_s()
    if not env.is_quorate() or not env.take_lock(agent_lock(env.node)) or env.now_s() - asked_s > REPLY_S:
        return None
    if agent.has_watchdog:
        env.feed_watchdog()
    else:
        env.open_watchdog()
    return replace(agent, has_watchdog=True)


def _of_active(agent: Agent, env: AgentEnvironment) -> Agent:
    if agent.mode is Mode.MAINTENANCE:
        return _enter(agent, env, AgentState.MAINTENANCE)
    if agent.mode is Mode.DISARM:
        return _disarm(agent, env, maintenance=False)
    if any(service.node == env.node for service in agent.status.services.values()):
        return replace(agent, idle_rounds=0)
    if agent.idle_rounds < AGENT_IDLE_ROUNDS:
        return replace(agent, idle_rounds=agent.idle_rounds + 1)
    env.tell(Kind.GOING_IDLE, rounds=AGENT_IDLE_ROUNDS)
    agent = _let_go(replace(agent, idle_rounds=0), env)
    return _enter(agent, env, AgentState.WAIT_FOR_AGENT_LOCK)


def _of_maintenance(agent: Agent, env: AgentEnvironment, active: bool) -> Agent:
    if agent.mode is Mode.DISARM and not active:
        return _disarm(agent, env, maintenance=True)
    if not active and agent.mode is Mode.MAINTENANCE:
        return agent
    held = _take_lock(agent, env)
    if held is None:
        return _enter(agent, env, AgentState.LOST_AGENT_LOCK)
    return held if active else _enter(held, env, AgentState.ACTIVE)


def _disarm(agent: Agent, env: AgentEnvironment, *, maintenance: bool) -> Agent:
    env.tell(Kind.LRM_DISARMED, maintenance=maintenance)
    return _enter(_let_go(agent, env), env, AgentState.WAIT_FOR_AGENT_LOCK)


def _work(agent: Agent, env: AgentEnvironment, fresh: bool) -> Agent:
    agent = replace(agent, jobs=agentjobs.take_in(agent.jobs, env))
    try:
        agent = replace(agent, status=env.read_status())
    except StoreFailed:
        env.tell(Kind.CFS_ERROR, op="read_manager_status")
        return agent
    if agent.shutdown is None:
        if not fresh:
            env.tell(Kind.CFS_ROUND_DEFERRED)
            return agent
        return replace(agent, jobs=_queue_and_run(agent, env))
    if agent.mode is Mode.RESTART:
        # What moves is not frozen: the manager waits for it to arrive, and this agent for the manager. (Ours.)
        agent = replace(agent, jobs=_queue_and_run(agent, env, _MOVES))
    else:
        agent = replace(agent, jobs=agentjobs.run(agent.jobs, env))
    if agent.jobs.running:
        return agent
    if agent.mode is Mode.RESTART:
        agent = _look_for_manager(agent, env)
        return replace(_let_go(agent, env), ended=True) if _may_be_replaced(agent, env) else agent
    if not agent.jobs.failed_stops:
        agent = _let_go(agent, env, all_stopped=True)
    # A service that could not be stopped runs on: the node must go down with its watchdog armed and its lock held.
    return replace(agent, ended=True)


def _look_for_manager(agent: Agent, env: AgentEnvironment) -> Agent:
    if env.has_manager():
        return replace(agent, unmanaged_s=None)
    return replace(agent, unmanaged_s=env.now_s()) if agent.unmanaged_s is None else agent


def _may_be_replaced(agent: Agent, env: AgentEnvironment) -> bool:
    """Whether the services are frozen, or nobody is there who would do that.

    The latter is ours: a manager that is restarted at the same time may wait, by the order of the units, for this
    process to end. What is not frozen is as safe: the lock keeps the mark that guests are left, the watchdog runs on.
    """
    services = agent.status.services
    active = active_services(services, env.node)
    if not active:
        return True
    if agent.unmanaged_s is None or env.now_s() - agent.unmanaged_s < UNMANAGED_S:
        return False
    if agent.shutdown is not Shutdown.RESTART or not agent.has_watchdog:
        return False
    if any(services[sid].state in _MOVES for sid in active):
        return False
    env.tell(Kind.NOT_FROZEN, services=len(active))
    return True


def _queue_and_run(
    agent: Agent, env: AgentEnvironment, states: Collection[ServiceState] = frozenset(ServiceState)
) -> Jobs:
    try:
        resources = env.read_resources()
    except StoreFailed:
        env.tell(Kind.CFS_ERROR, op="round_aborted")
        return agent.jobs
    return agentjobs.run(agentjobs.queue(agent.jobs, agent.status, resources, env.node, states), env)


def _end_without_lock(agent: Agent, env: AgentEnvironment) -> Agent:
    """Services that run must not outlive the watchdog: only an agent without any may end in order."""
    if agent.shutdown is None:
        return agent
    if active := active_services(agent.status.services, env.node):
        env.tell(Kind.SHUTDOWN_BLOCKED, services=len(active))
        return agent
    return replace(_close_watchdog(agent, env), ended=True)


def _leave(agent: Agent, env: AgentEnvironment) -> Agent:
    """Maintenance: services leave one by one; without any the lock is not needed."""
    agent = replace(agent, jobs=agentjobs.take_in(agent.jobs, env))
    if active_services(agent.status.services, env.node) or agent.jobs.running:
        return replace(agent, jobs=_queue_and_run(agent, env))
    return replace(_let_go(agent, env), ended=agent.shutdown is not None)


def _let_go(agent: Agent, env: AgentEnvironment, *, all_stopped: bool = False) -> Agent:
    """Release the lock and disarm the watchdog; guests that were frozen or left alone may go on."""
    here = (service for service in agent.status.services.values() if service.node == env.node)
    leaves_guests = not all_stopped and any(service.state not in _NOT_RUNNING for service in here)
    if leaves_guests and agent.shutdown is Shutdown.RESTART and agent.has_watchdog:
        # Ours: an upgrade to what does not start must not leave guests behind that nobody looks after any more.
        env.release_lock(agent_lock(env.node), leaves_guests=True)
        env.leave_watchdog()
        return replace(agent, has_watchdog=False)
    agent = _close_watchdog(agent, env)
    env.release_lock(agent_lock(env.node), leaves_guests=leaves_guests)
    return agent


def _close_watchdog(agent: Agent, env: AgentEnvironment) -> Agent:
    if agent.has_watchdog:
        env.close_watchdog()
    return replace(agent, has_watchdog=False)


def _enter(agent: Agent, env: AgentEnvironment, state: AgentState) -> Agent:
    env.tell(Kind.DAEMON_STATE, **{"from": str(agent.state), "to": str(state)})
    return replace(agent, state=state)
