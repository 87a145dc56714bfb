"""Legacy groups become rules for good, once every node runs software that knows rules.

Source: conformance area ``ha``, section 8.7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from hostd.ha import rules
from hostd.ha.agent import active_services
from hostd.ha.budget import GROUPS_RETRY_ROUNDS, GROUPS_RETRY_S
from hostd.ha.config import Group
from hostd.ha.events import Kind
from hostd.ha.round import Round
from hostd.ha.states import AgentState, Mode
from hostd.ha.status import Publication

NEEDED: Final = "9.0.0~16"


def convert(round: Round) -> None:
    """Count rounds while there are groups, and try when it is time."""
    groups = round.env.read_groups()
    if not groups:
        return
    round.groups_wait -= 1
    if round.groups_wait > 0:
        return
    round.tell(Kind.GROUPS_MIGRATION, step="start")
    if not _is_ready(round):
        round.groups_wait = GROUPS_RETRY_ROUNDS
        round.tell(Kind.GROUPS_MIGRATION, step="failed")
        round.tell(Kind.GROUPS_MIGRATION_RETRY, rounds=GROUPS_RETRY_ROUNDS, seconds=GROUPS_RETRY_S)
        return
    _write(round, groups)


def _write(round: Round, groups: Mapping[str, Group]) -> None:
    given = round.env.read_rules()
    converted = rules.of_groups(groups, round.resources.values(), len(given))
    round.env.write_groups_as_rules([*given, *converted])
    round.tell(Kind.GROUPS_MIGRATION, step="rules_written")
    for sid, resource in round.resources.items():
        group = groups.get(resource.group or "")
        failback = resource.failback if group is None else not group.nofailback
        round.resources[sid] = replace(resource, group=None, failback=failback)
    round.env.write_resources_without_groups(list(round.resources.values()))
    round.tell(Kind.GROUPS_MIGRATION, step="resources_written")
    round.env.delete_groups()
    round.tell(Kind.GROUPS_MIGRATION, step="groups_deleted")
    round.tell(Kind.GROUPS_MIGRATION, step="done")


def _is_ready(round: Round) -> bool:
    versions = {node: capacity.version for node, capacity in round.env.capacities().items()}
    for node in sorted(round.nodes):
        round.tell(Kind.GROUPS_MIGRATION_NODE, node=node, state=str(round.state_of(node)))
        if not round.is_online(node):
            return _abort(round, node, "not_online")
        agent = round.publications.get(node, Publication())
        round.tell(Kind.GROUPS_MIGRATION_LRM, node=node, state=str(agent.state), mode=str(agent.mode))
        idle = agent.state is AgentState.WAIT_FOR_AGENT_LOCK and not active_services(round.services, node)
        if agent.mode is not Mode.ACTIVE or not (agent.state is AgentState.ACTIVE or idle):
            return _abort(round, node, "lrm_mode")
        version = versions.get(node, "")
        round.tell(Kind.GROUPS_MIGRATION_VERSION, node=node, version=version)
        if version_key(version) < version_key(NEEDED):
            return _abort(round, node, "version", needed=NEEDED)
    return True


def _abort(round: Round, node: str, reason: str, needed: str | None = None) -> bool:
    round.tell(Kind.GROUPS_MIGRATION_ABORT, node=node, reason=reason, needed=needed)
    return False


def version_key(version: str) -> tuple[list[int], float]:
    """An order for ``a.b.c``, ``a.b-c`` and ``a.b.c~r``, where ``~r`` is older than the same without."""
    base, tilde, revision = version.partition("~")
    numbers = [int(number) for number in re.findall(r"\d+", base)]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers, float(revision) if tilde and revision.isdecimal() else float("inf")
