"""The cluster resource manager of one node: all but one wait, the master manages.

Source: conformance area ``ha``, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hostd.ha import manager
from hostd.ha.budget import MANAGER_IDLE_ROUNDS, MANAGER_LOCK, REPLY_S
from hostd.ha.env import ManagerEnvironment, StoreFailed
from hostd.ha.events import Kind
from hostd.ha.round import Memory
from hostd.ha.states import CrmState, NodeState, ServiceState
from hostd.ha.status import ManagerStatus


@dataclass(frozen=True, kw_only=True)
class Crm:
    """A CRM between two steps. ``memory`` is there while it is master; ``ended``: the process is to exit.

    ``disarmed``: this master has let go of its watchdog because HA is disarmed.
    """

    state: CrmState = CrmState.WAIT_FOR_QUORUM
    memory: Memory | None = None
    has_watchdog: bool = False
    idle_rounds: int = 0
    disarmed: bool = False
    shutdown: bool = False
    ended: bool = False


def start(env: ManagerEnvironment) -> Crm:
    """A new process."""
    env.tell(Kind.DAEMON_STATE, **{"from": "startup", "to": str(CrmState.WAIT_FOR_QUORUM)})
    return Crm()


def ask_to_end(crm: Crm, env: ManagerEnvironment) -> Crm:
    if not crm.shutdown:
        env.tell(Kind.SHUTDOWN_REQUEST)
    return replace(crm, shutdown=True)


def step(crm: Crm, env: ManagerEnvironment) -> Crm:
    """One iteration: first the daemon's own state, then the work of that state."""
    fresh = env.refresh()
    seen = _look(env)
    healthy = seen is not None and _is_healthy(env, seen.status, fresh)
    crm = _transition(crm, env, seen if healthy else None)
    match crm.state:
        case CrmState.WAIT_FOR_QUORUM | CrmState.SLAVE:
            return replace(crm, ended=crm.shutdown)
        case CrmState.MASTER:
            return _work(crm, env, fresh)
        case CrmState.LOST_MANAGER_LOCK:
            crm = _close_watchdog(crm, env)
            return replace(crm, ended=True) if crm.shutdown else _enter(crm, env, CrmState.WAIT_FOR_QUORUM)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What the store says before the daemon decides what it is."""

    status: ManagerStatus
    is_empty: bool


def _look(env: ManagerEnvironment) -> _Seen | None:
    try:
        return _Seen(status=env.read_status(), is_empty=not env.read_resources())
    except StoreFailed:
        env.tell(Kind.CFS_ERROR, op="read_manager_status")
        return None


def _is_healthy(env: ManagerEnvironment, status: ManagerStatus, fresh: bool) -> bool:
    """A node that is about to be fenced, or sees an old store, must not manage others."""
    lost = any(s.state is ServiceState.FENCE and s.node == env.node for s in status.services.values())
    return env.is_quorate() and fresh and not lost


def _can_be_active(env: ManagerEnvironment, seen: _Seen) -> bool:
    """Whether there is something to manage; leftovers only where nobody else manages them."""
    status = seen.status
    if not seen.is_empty:
        return True
    others = status.master is not None and status.master != env.node and env.members().get(status.master, False)
    stuck = any(s is NodeState.MAINTENANCE and n not in status.maintenance for n, s in status.nodes.items())
    return not others and (stuck or env.has_commands() or bool(status.services) or status.disarm is not None)


def _transition(crm: Crm, env: ManagerEnvironment, seen: _Seen | None) -> Crm:
    """``seen`` None: not healthy."""
    match crm.state:
        case CrmState.WAIT_FOR_QUORUM:
            if seen and _can_be_active(env, seen):
                master = _try_master(crm, env, seen.status)
                return master or _enter(crm, env, CrmState.SLAVE)
            return crm
        case CrmState.SLAVE:
            if not (seen and _can_be_active(env, seen)):
                return _enter(crm, env, CrmState.WAIT_FOR_QUORUM)
            return _try_master(crm, env, seen.status) or crm
        case CrmState.LOST_MANAGER_LOCK:
            return (_try_master(crm, env, seen.status) if seen else None) or crm
        case CrmState.MASTER:
            held = _take_lock(crm, env, watch=not crm.disarmed)
            if held is None:
                return _enter(replace(crm, memory=None), env, CrmState.LOST_MANAGER_LOCK)
            return _count_idle(held, env, seen)


def _take_lock(crm: Crm, env: ManagerEnvironment, *, watch: bool) -> Crm | None:
    """The manager's lock, and with it the watchdog; None when it is not got, or was answered too late to be sure."""
    asked_s = env.now_s()
    if not env.take_lock(MANAGER_LOCK) or env.now_s() - asked_s > REPLY_S:
        return None
    if not watch:
        return crm
    if crm.has_watchdog:
        env.feed_watchdog()
    else:
        env.open_watchdog()
    return replace(crm, has_watchdog=True)


def _try_master(crm: Crm, env: ManagerEnvironment, status: ManagerStatus) -> Crm | None:
    held = _take_lock(crm, env, watch=not status.is_disarmed)
    if held is None:
        return None
    if status.is_disarmed:
        env.tell(Kind.DISARMED_TAKEOVER)
    held = replace(held, disarmed=status.is_disarmed, idle_rounds=0)
    entered = _enter(held, env, CrmState.MASTER)
    return replace(entered, memory=manager.begin(status, env))


def _count_idle(crm: Crm, env: ManagerEnvironment, seen: _Seen | None) -> Crm:
    if seen is None or seen.status.disarm is not None or seen.status.services or not seen.is_empty:
        return replace(crm, idle_rounds=0)
    if crm.idle_rounds < MANAGER_IDLE_ROUNDS:
        return replace(crm, idle_rounds=crm.idle_rounds + 1)
    env.tell(Kind.GOING_IDLE, rounds=MANAGER_IDLE_ROUNDS)
    crm = _close_watchdog(crm, env)
    env.release_lock(MANAGER_LOCK)
    return _enter(replace(crm, idle_rounds=0, memory=None), env, CrmState.WAIT_FOR_QUORUM)


def _work(crm: Crm, env: ManagerEnvironment, fresh: bool) -> Crm:
    if crm.shutdown:
        crm = _close_watchdog(crm, env)
        env.tell(Kind.CRM_LOCK_RELEASED)
        env.release_lock(MANAGER_LOCK)
        return replace(crm, ended=True)
    if not fresh:
        env.tell(Kind.CFS_ROUND_DEFERRED)
        return crm
    if crm.memory is None:
        raise AssertionError("a master without memory")
    try:
        crm = replace(crm, memory=manager.step(crm.memory, env))
    except StoreFailed:
        env.tell(Kind.CFS_ERROR, op="round_aborted")
    return _follow_disarm(crm, env)


def _follow_disarm(crm: Crm, env: ManagerEnvironment) -> Crm:
    disarmed = crm.memory is not None and crm.memory.status.is_disarmed
    if disarmed and not crm.disarmed:
        env.tell(Kind.CRM_DISARMED)
        crm = _close_watchdog(crm, env)
    elif crm.disarmed and not disarmed:
        env.tell(Kind.CRM_REARMED)
    return replace(crm, disarmed=disarmed)


def _close_watchdog(crm: Crm, env: ManagerEnvironment) -> Crm:
    if crm.has_watchdog:
        env.close_watchdog()
    return replace(crm, has_watchdog=False)


def _enter(crm: Crm, env: ManagerEnvironment, state: CrmState) -> Crm:
    env.tell(Kind.DAEMON_STATE, **{"from": str(crm.state), "to": str(state)})
    return replace(crm, state=state)
