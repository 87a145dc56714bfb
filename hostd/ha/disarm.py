"""Disarming: agents and manager let go of locks and watchdogs, so that nothing is fenced until HA is armed again.

Source: conformance area ``ha``, section 8.5.
"""

from __future__ import annotations

from dataclasses import replace

from hostd.ha.events import Kind
from hostd.ha.round import Round
from hostd.ha.states import MOVING, DisarmMode, DisarmState, Mode, ServiceState
from hostd.ha.status import Service

# What is under way there must end before the service can be left alone.
_BUSY = MOVING | {ServiceState.FENCE, ServiceState.RECOVERY}
_FREEZES = frozenset(
    {
        ServiceState.STARTED,
        ServiceState.STOPPED,
        ServiceState.REQUEST_STOP,
        ServiceState.REQUEST_START,
        ServiceState.REQUEST_START_BALANCE,
    }
)


def proceed(round: Round) -> list[str]:
    """Go on with disarming; the services that must be looked after until it can be, sorted."""
    if round.disarm is None:
        return []
    busy = [sid for sid, service in round.services.items() if service.state in _BUSY]
    for sid in busy:
        round.tell(Kind.DISARM_DEFERRED, sid=sid, state=str(round.services[sid].state))
    if busy:
        return busy
    for sid, service in list(round.services.items()):
        if round.disarm.mode is DisarmMode.IGNORE:
            round.put(sid, _bare(service, service.state, service.job))
        elif service.state in _FREEZES:
            round.tell(Kind.DISARM_FREEZE, sid=sid, was=str(service.state))
            round.put(sid, _bare(service, ServiceState.FREEZE, round.new_job()))
    if round.disarm.state is DisarmState.DISARMING and all(
        round.mode_of(node) is Mode.DISARM for node in round.online()
    ):
        round.tell(Kind.ALL_LRMS_DISARMED)
        round.disarm = replace(round.disarm, state=DisarmState.DISARMED)
    return []


def _bare(service: Service, state: ServiceState, job: str) -> Service:
    return Service(state=state, node=service.node, job=job, maintenance_node=service.maintenance_node)
