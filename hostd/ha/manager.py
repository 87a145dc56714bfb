"""One round of the master: look at nodes and agents, follow commands, decide for every service.

Source: conformance area ``ha``, section 8.
"""

from __future__ import annotations

from hostd.ha import balance, commands, disarm, fencing, groups, nodes, services
from hostd.ha.budget import GROUPS_FIRST_ROUND
from hostd.ha.env import ManagerEnvironment, StoreFailed
from hostd.ha.events import Kind
from hostd.ha.round import Memory, Round
from hostd.ha.states import Requested, Scheduler, ServiceState
from hostd.ha.status import ManagerStatus, Service


def begin(status: ManagerStatus, env: ManagerEnvironment) -> Memory:
    """What a new master starts with: the stored status, and no idea when nodes were last seen."""
    try:
        scheduler = env.read_options().scheduler
    except StoreFailed:
        # Only not told: every round reads it anew.
        scheduler = Scheduler.BASIC
    if scheduler is not Scheduler.BASIC:
        env.tell(Kind.SCHEDULER_MODE, mode=str(scheduler))
    now_s = env.now_s()
    moved_s = {sid: now_s - moved.age_s for sid, moved in status.moved.items()}
    return Memory(status=status, groups_wait=GROUPS_FIRST_ROUND, moved_s=moved_s)


def step(memory: Memory, env: ManagerEnvironment) -> Memory:
    """One round. What was decided is stored before this returns; agents act on nothing else.

    Raises StoreFailed when the store cannot be read or written; ``memory`` is then what to go on with.
    """
    round = Round(memory, env)
    nodes.observe(round)
    groups.convert(round)
    if round.disarm is None:
        _follow_configuration(round)
    round.measure()
    followed = commands.apply(round)
    deferred = disarm.proceed(round)
    if round.disarm is None:
        balance.rebalance(round)
        _settle(round, None)
    elif deferred:
        _settle(round, deferred)
    result = round.memory()
    env.write_status(result.status)
    if followed:
        _drop_commands(followed, env)
    return result


def _drop_commands(followed: int, env: ManagerEnvironment) -> None:
    try:
        env.drop_commands(followed)
    except StoreFailed:
        # They are followed once more in the next round: better than lost, as an arm-ha would be.
        env.tell(Kind.CFS_ERROR, op="round_aborted")


def _follow_configuration(round: Round) -> None:
    wanted = {
        sid: resource
        for sid, resource in round.resources.items()
        if resource.requested is not Requested.IGNORED and resource.node
    }
    for sid, resource in wanted.items():
        if sid not in round.services and resource.node:
            round.tell(Kind.SERVICE_ADDED, sid=sid, node=resource.node)
            started = resource.requested is Requested.STARTED
            state = ServiceState.REQUEST_START if started else ServiceState.REQUEST_STOP
            round.put(sid, Service(state=state, node=resource.node, job=round.new_job()))
    for sid in sorted(round.services.keys() - wanted.keys()):
        reason = "ignored" if sid in round.resources else "no_config"
        round.tell(Kind.SERVICE_REMOVED, sid=sid, reason=reason)
        del round.services[sid]
    round.services = dict(sorted(round.services.items()))


def _settle(round: Round, only: list[str] | None) -> None:
    """Until no service changes any more: a service that was fenced is recovered in the same round."""
    round.has_changed = True
    while round.has_changed:
        round.has_changed = False
        for sid in list(round.services) if only is None else only:
            services.advance(round, sid)
        fencing.pursue(round)
