"""What the manager does next with a service, state by state.

Source: conformance area ``ha``, section 8.2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from hostd.ha.config import Resource
from hostd.ha.env import STALE_LOCKS
from hostd.ha.events import Kind
from hostd.ha.round import Round
from hostd.ha.selection import choose
from hostd.ha.states import Code, Mode, Move, NodeState, Preference, Requested, ServiceState
from hostd.ha.status import Service

_RESTART_FREEZES = frozenset({ServiceState.STARTED, ServiceState.STOPPED, ServiceState.REQUEST_STOP})


def advance(round: Round, sid: str) -> None:
    """One step of a service; many end in another state, and then the round looks at all services again."""
    service, resource = round.services[sid], round.resources.get(sid)
    if resource is None:
        # Configured no more, while services are neither added nor removed: it only ends what it is in.
        resource = Resource(sid=sid, node=service.node, requested=Requested.IGNORED)
    match service.state:
        case ServiceState.REQUEST_STOP:
            _request_stop(round, sid, service)
        case ServiceState.STOPPED:
            _stopped(round, sid, service, resource)
        case ServiceState.REQUEST_START:
            _request_start(round, sid, service)
        case ServiceState.STARTED:
            _started(round, sid, service, resource)
        case ServiceState.MIGRATE | ServiceState.RELOCATE | ServiceState.REQUEST_START_BALANCE:
            _moving(round, sid, service, resource)
        case ServiceState.FREEZE:
            if round.mode_of(service.node) is Mode.ACTIVE:
                _go_on(round, sid, resource)
        case ServiceState.RECOVERY:
            recover(round, sid, service, resource)
        case ServiceState.ERROR:
            if resource.requested is Requested.DISABLED:
                round.change(sid, ServiceState.STOPPED, forget_failed=True)
        case ServiceState.FENCE:
            pass
        case _:
            assert_never(service.state)
    now = round.services[sid]
    if now.state in _RESTART_FREEZES and round.mode_of(now.node) is Mode.RESTART:
        round.change(sid, ServiceState.FREEZE)


def _result(round: Round, service: Service) -> int | None:
    """What the agent answered for the job that the service is in."""
    return round.results.get(service.job)


def _go_on(round: Round, sid: str, resource: Resource, node: str | None = None) -> None:
    started = resource.requested is Requested.STARTED
    round.change(sid, ServiceState.STARTED if started else ServiceState.REQUEST_STOP, node=node)


def _request_stop(round: Round, sid: str, service: Service) -> None:
    result = _result(round, service)
    if result is None:
        if round.is_gone(service.node):
            round.change(sid, ServiceState.FENCE)
    elif result == Code.OK:
        round.change(sid, ServiceState.STOPPED)
    else:
        round.tell(Kind.STOP_FAILED, sid=sid, code=result)
        round.change(sid, ServiceState.ERROR)


def _stopped(round: Round, sid: str, service: Service, resource: Resource) -> None:
    if noted := service.noted:
        if noted.move is None:
            round.tell(Kind.SERVICE_COMMAND_IGNORED, sid=sid, cmd="stop", reason="already_stopped")
        elif noted.target != service.node:
            round.change(sid, ServiceState(noted.move), node=service.node, target=noted.target)
            return
        round.note(sid, None)
    if resource.requested is Requested.DISABLED:
        return
    if round.is_gone(service.node) and round.state_of(service.node) is not NodeState.MAINTENANCE:
        round.change(sid, ServiceState.FENCE)
    elif resource.requested is Requested.STARTED:
        round.change(sid, ServiceState.REQUEST_START, node=service.node)


def _request_start(round: Round, sid: str, service: Service) -> None:
    if round.options.rebalance_on_start:
        best = choose(round, sid, Preference.BEST)
        if best is not None:
            changed = best != service.node
            round.tell(Kind.START_NODE_SELECTED, sid=sid, node=best, changed=changed)
            if changed:
                round.change(sid, ServiceState.REQUEST_START_BALANCE, node=service.node, target=best)
                return
    round.change(sid, ServiceState.STARTED, node=service.node)


def _moving(round: Round, sid: str, service: Service, resource: Resource) -> None:
    result = _result(round, service)
    match result:
        case None:
            if round.is_gone(service.node):
                _lost_on_the_way(round, sid, service, resource)
        case Code.OK:
            _go_on(round, sid, resource, service.target)
        case Code.WRONG_NODE:
            round.tell(Kind.MOVE_FAILED, sid=sid, code=result)
            round.change(sid, ServiceState.ERROR)
        case Code.IGNORED:
            round.tell(Kind.START_BALANCE_IGNORED, sid=sid)
            _go_on(round, sid, resource, service.node)
        case _:
            round.tell(Kind.MOVE_FAILED, sid=sid, code=result)
            _go_on(round, sid, resource, service.node)


def _lost_on_the_way(round: Round, sid: str, service: Service, resource: Resource) -> None:
    """The source died before it told how the move ended. Where the configuration lies says it.

    A move hands the configuration over when the guest has arrived, as its last act. To recover the guest elsewhere
    then would run it twice: the target is well, and nobody fences it. (Ours: the recorded cases do not come here.)
    """
    if resource.node is not None and resource.node == service.target:
        _go_on(round, sid, resource, service.target)
    else:
        round.change(sid, ServiceState.FENCE)


def recover(round: Round, sid: str, service: Service, resource: Resource) -> None:
    """Give a service of a fenced node a new home. Only states behind a confirmed fence lead here.

    Where the configuration lies elsewhere, a move still got through on the node that was lost: the guest is there.
    Then that node is to be looked at, and fenced too if it is gone. (Ours: the recorded cases do not come here.)
    """
    if resource.node not in (None, service.node):
        if round.is_online(resource.node or ""):
            _go_on(round, sid, resource, resource.node)
        else:
            round.change(sid, ServiceState.FENCE, node=resource.node)
        return
    target = choose(round, sid, Preference.BEST)
    if target is None:
        round.tell(Kind.SERVICE_RECOVER_FAILED, sid=sid, **{"from": service.node})
        if resource.requested is Requested.DISABLED:
            round.change(sid, ServiceState.STOPPED)
        return
    round.tell(Kind.SERVICE_RECOVER, sid=sid, **{"from": service.node, "to": target})
    if lock := round.env.clear_lock(sid, STALE_LOCKS):
        round.tell(Kind.SERVICE_LOCK_CLEARED, sid=sid, lock=lock)
    round.env.set_node(sid, target)
    round.resources[sid] = replace(resource, node=target)
    _go_on(round, sid, resource, target)


def _started(round: Round, sid: str, service: Service, resource: Resource) -> None:
    if not round.is_online(service.node):
        if round.is_gone(service.node):
            round.change(sid, ServiceState.FENCE)
        if round.state_of(service.node) is not NodeState.MAINTENANCE:
            return
        round.put(sid, replace(round.services[sid], maintenance_node=service.node))
    if resource.requested is not Requested.STARTED:
        round.change(sid, ServiceState.REQUEST_STOP)
        return
    if _follows_command(round, sid):
        return
    result = _result(round, round.services[sid])
    preference = Preference.STAY
    if result is not None:
        preference = _judge_start(round, sid, resource, Code(result))
        if round.services[sid].state is ServiceState.ERROR:
            return
    _settle(round, sid, preference, renew=result is not None)


def _follows_command(round: Round, sid: str) -> bool:
    service = round.services[sid]
    if (noted := service.noted) is None:
        return False
    round.note(sid, None)
    if noted.move is None:
        round.tell(Kind.STOP_REQUESTED, sid=sid, timeout=noted.timeout_s)
        round.change(sid, ServiceState.REQUEST_STOP, timeout_s=noted.timeout_s)
        round.env.set_requested(sid, Requested.STOPPED)
        round.resources[sid] = replace(round.resources[sid], requested=Requested.STOPPED)
        return True
    if noted.target == service.node or noted.target is None or not round.is_online(noted.target):
        return False
    _move(round, sid, noted.move, noted.target)
    return True


def _judge_start(round: Round, sid: str, resource: Resource, result: Code) -> Preference:
    """Draw conclusions from the agent's answer about a start."""
    service = round.services[sid]
    if result is Code.OK:
        if service.failed_nodes:
            round.tell(Kind.RELOCATE_SUCCEEDED, sid=sid, node=service.node, failed_nodes=service.failed_nodes)
        round.put(sid, replace(service, failed_nodes=(), running=True))
    elif result in (Code.ERROR, Code.WRONG_NODE):
        failed = (*service.failed_nodes, service.node)
        round.put(sid, replace(service, failed_nodes=failed, running=False))
        if len(failed) > resource.max_relocate:
            round.tell(Kind.RELOCATE_EXHAUSTED, sid=sid, failed_nodes=failed)
            round.change(sid, ServiceState.ERROR)
        else:
            round.tell(Kind.START_FAILED_RELOCATE, sid=sid, node=service.node)
            return Preference.TRY_NEXT
    return Preference.STAY


def _settle(round: Round, sid: str, preference: Preference, *, renew: bool) -> None:
    """Move a started service where it should be, or let it be; ``renew``: the agent has answered, ask it again."""
    target = choose(round, sid, preference)
    service = round.services[sid]
    if target is not None and target != service.node:
        if target == service.maintenance_node:
            round.tell(Kind.MAINTENANCE_RETURN, sid=sid, node=target)
            round.put(sid, replace(service, maintenance_node=None))
        _move(round, sid, move_of(sid), target)
        return
    if target is None and preference is Preference.TRY_NEXT:
        round.tell(Kind.ALL_NODES_TRIED, sid=sid, tried_nodes=service.failed_nodes)
    if service.maintenance_node == service.node and round.is_online(service.node):
        round.tell(Kind.MAINTENANCE_STALE_CLEARED, sid=sid, node=service.node)
        service = replace(service, maintenance_node=None)
    if renew:
        service = replace(service, job=round.new_job())
    round.put(sid, service)


def move_of(sid: str) -> Move:
    """Virtual machines move while they run; everything else is stopped and started."""
    return Move.MIGRATE if sid.startswith("vm:") else Move.RELOCATE


def _move(round: Round, sid: str, how: Move, target: str) -> None:
    round.tell(Kind.SERVICE_MOVE, sid=sid, how=str(how), target=target)
    round.change(sid, ServiceState(how), node=round.services[sid].node, target=target)
