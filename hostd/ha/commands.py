"""Commands that users queue for the manager.

Source: conformance area ``ha``, section 8.1.
"""

from __future__ import annotations

from dataclasses import replace

from hostd.ha.events import Kind
from hostd.ha.round import Round
from hostd.ha.states import DisarmMode, DisarmState, Move, NodeState
from hostd.ha.status import Disarm, Noted


def apply(round: Round) -> int:
    """Follow what is queued, oldest first; how many there were."""
    queued = list(round.env.read_commands())
    for command in queued:
        follow(round, command)
    return len(queued)


def follow(round: Round, command: str) -> None:
    """Accept one command or say why not. One that is not understood is rejected."""
    match command.split():
        case [("migrate" | "relocate") as how, sid, target]:
            _move(round, command, Move(how), sid, target)
        case ["stop", sid, seconds] if seconds.isdecimal():
            _stop(round, command, sid, int(seconds))
        case ["enable-node-maintenance", node]:
            if round.state_of(node) in (NodeState.ONLINE, NodeState.MAINTENANCE):
                round.maintenance.add(node)
            else:
                round.tell(Kind.CRM_COMMAND_REJECTED, cmd=command, reason="node_not_online")
        case ["disable-node-maintenance", node]:
            round.maintenance.discard(node)
        case ["disarm-ha", ("freeze" | "ignore") as mode]:
            _disarm(round, command, DisarmMode(mode))
        case ["arm-ha"]:
            _arm(round, command)
        case _:
            round.tell(Kind.CRM_COMMAND_REJECTED, cmd=command, reason="not_understood")


def _move(round: Round, command: str, how: Move, sid: str, target: str) -> None:
    if sid not in round.services:
        round.tell(Kind.CRM_COMMAND_REJECTED, cmd=command, reason="no_such_service")
        return
    if not round.is_online(target):
        round.tell(Kind.CRM_COMMAND_REJECTED, cmd=command, reason="node_not_online")
        return
    blockers = _in_the_way(round, sid, target)
    for other in blockers:
        fields = {"sid": other, "node": target, "with": sid}
        round.tell(Kind.CRM_COMMAND_REJECTED, cmd=command, reason="negative_affinity", **fields)
    if blockers:
        return
    round.tell(Kind.CRM_COMMAND, cmd=command)
    round.note(sid, Noted(move=how, target=target))
    for partner in round.affinity.positive.get(sid, ()):
        service = round.services.get(partner)
        if service and target not in (service.node, service.target):
            fields = {"sid": partner, "with": sid}
            round.tell(Kind.CRM_COMMAND_COUPLED, cmd=command, how=str(how), target=target, **fields)
            round.note(partner, Noted(move=how, target=target))


def _in_the_way(round: Round, sid: str, target: str) -> list[str]:
    """Negative partners that are on the target, also stopped ones, and do not leave it."""
    partners = ((other, round.services.get(other)) for other in round.affinity.negative.get(sid, ()))
    return [other for other, s in partners if s and s.node == target and s.target in (None, target)]


def _stop(round: Round, command: str, sid: str, timeout_s: int) -> None:
    if sid not in round.services:
        round.tell(Kind.CRM_COMMAND_REJECTED, cmd=command, reason="no_such_service")
        return
    round.tell(Kind.CRM_COMMAND, cmd=command)
    round.note(sid, Noted(timeout_s=timeout_s))


def _disarm(round: Round, command: str, mode: DisarmMode) -> None:
    if round.disarm:
        round.tell(Kind.CRM_COMMAND_IGNORED, cmd=command, state=str(round.disarm.state))
        return
    round.tell(Kind.CRM_COMMAND, cmd=command)
    round.disarm = Disarm(mode=mode, state=DisarmState.DISARMING)
    if mode is DisarmMode.IGNORE:
        for sid in round.services:
            round.tell(Kind.DISARM_SUSPEND, sid=sid)


def _arm(round: Round, command: str) -> None:
    if round.disarm is None:
        round.tell(Kind.CRM_COMMAND_IGNORED, cmd=command)
        return
    round.tell(Kind.CRM_COMMAND, cmd=command)
    if round.disarm.mode is DisarmMode.IGNORE:
        for sid, service in list(round.services.items()):
            resource = round.resources.get(sid)
            if resource and resource.node and resource.node != service.node:
                round.tell(Kind.SERVICE_NODE_UPDATED, sid=sid, **{"from": service.node, "to": resource.node})
                round.put(sid, replace(service, node=resource.node))
    round.disarm = None
