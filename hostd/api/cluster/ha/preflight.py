"""``/cluster/ha/preflight``: what would keep high availability from working (own addition)."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hostd.api.cluster.ha.common import AUDIT, CONFIG_ID, SID, node_names, resource_id
from hostd.api.cluster.ha.status import published, quorate
from hostd.api.context import Context
from hostd.api.endpoint import array, endpoint, fields
from hostd.core.errors import HostError
from hostd.core.schema import param
from hostd.guests import config as guest_files
from hostd.guests.config import GuestKind
from hostd.ha import fencedevices, preflight, rules, stored
from hostd.ha.config import Resource
from hostd.ha.host import figures
from hostd.ha.host.devices import FOLDER
from hostd.ha.overview import OLD_S
from hostd.ha.preflight import Facts, Fencing, Finding, Guest, Node, Severity
from hostd.ha.round import compile_rules
from hostd.ha.status import ManagerStatus
from hostd.migration import containers, preconditions
from hostd.storage.config import StorageFile, file_in
from hostd.tasks import eventlog
from hostd.tasks.eventlog import Event

log = logging.getLogger(__name__)
_PRIORITIES: Final = {Severity.ERROR: 3, Severity.WARNING: 4, Severity.INFO: 6}


@dataclass(frozen=True, kw_only=True)
class PreflightParams:
    """About what."""

    sid: str = param(
        SID,
        default="",
        doc="Only what concerns this service, and all nodes; a guest that is none yet as if it were one.",
    )
    rule: str = param(CONFIG_ID, default="", doc="Only what concerns this rule and its services, and all nodes.")


@endpoint(
    "GET",
    "/cluster/ha/preflight",
    params=PreflightParams,
    returns=array(fields(severity="string", subject="string", code="string", text="string", advice="string")),
    allow=AUDIT,
    slow=True,
)
def index(ctx: Context, p: PreflightParams) -> object:
    """What would keep high availability from working, the gravest first, each with the next step (own addition).

    ``error``: what it is for will not happen; ``warning``: not in every case; ``info``: to know. Links and votes are
    told as the asked node feels them.
    """
    sids = [resource_id(ctx, p.sid)] if p.sid else []
    found = findings(ctx, sids=sids, rule=p.rule) if p.sid or p.rule else preflight.check(facts(ctx))
    return [each.to_wire() for each in found]


def findings(ctx: Context, *, sids: Collection[str] = (), rule: str = "") -> list[Finding]:
    """What concerns some services or a rule with its services, and the cluster.

    Guests that nobody looks after yet are judged as if they were.
    """
    known = facts(ctx, sids)
    of_rule = next((each.resources for each in known.rules if each.id == rule), frozenset[str]())
    return preflight.about(preflight.check(known), {*sids, *of_rule, f"rule:{rule}"})


def warn(ctx: Context, version: int, *, sids: Collection[str] = (), rule: str = "") -> None:
    """Put what is wrong into the cluster's log, after a change that made ``version`` of the tree.

    It never stands in the change's way.
    """
    try:
        ctx.mirror.wait_for(version)
        found = findings(ctx, sids=sids, rule=rule)
    except HostError as err:
        log.warning("high availability could not be checked: %s", err)
        return
    _to_log(ctx, found)


def warn_of_new(ctx: Context, sid: str) -> None:
    """The same for a guest of this node that is not made yet: what its configuration will say is not known."""
    try:
        known = facts(ctx)
    except HostError as err:
        log.warning("high availability could not be checked: %s", err)
        return
    resources = {**known.resources, sid: Resource(sid=sid, node=ctx.node)}
    _to_log(ctx, preflight.about(preflight.check(replace(known, resources=resources)), {sid}))


def _to_log(ctx: Context, found: Iterable[Finding]) -> None:
    for each in found:
        if each.severity is not Severity.INFO:
            log.warning("%s: %s", each.severity, each.line())
            eventlog.append(
                Event(
                    time=int(time.time()), node=ctx.node, pid=os.getpid(), pri=_PRIORITIES[each.severity], tag="ha",
                    user=ctx.user, msg=each.line(),
                )
            )  # fmt: skip


# --- what is known


def facts(ctx: Context, also: Collection[str] = ()) -> Facts:
    """All that this node knows by its copy of the tree, and how its daemons feel the cluster. Raises HostError.

    ``also``: guests that count as services even if they are none.
    """
    mirror = ctx.mirror
    status, nodes = stored.manager_status(mirror), node_names(ctx)
    groups, given, homes = stored.groups(mirror), stored.rules_of(mirror), stored.guests(mirror)
    asked = {sid: Resource(sid=sid, node=homes[sid].node) for sid in also if sid in homes}
    resources = asked | stored.resources(mirror)
    return Facts(
        asked=ctx.node,
        nodes=_nodes(ctx, status),
        quorate=quorate(ctx),
        health=ctx.store.health(),
        disarmed=status.disarm is not None,
        fencing=_fencing(ctx),
        rules=[*given, *rules.of_groups(groups, resources.values(), len(given))],
        compiled=compile_rules(given, groups, resources, nodes),
        resources=resources,
        guests=_guests(ctx, resources, nodes),
    )


def _nodes(ctx: Context, status: ManagerStatus) -> dict[str, Node]:
    standing, now_s = ctx.mirror.members(), time.time()
    found = {}
    for name in node_names(ctx):
        said = published(ctx, name)
        member = standing.member(name) if standing else None
        found[name] = Node(
            online=standing is None or bool(member and member.online),
            agent=said.publication is not None and now_s - said.written_s <= OLD_S,
            watchdog=said.watchdog,
            maintenance=name in status.maintenance,
            free_bytes=_free(ctx, name),
        )
    return found


def _free(ctx: Context, node: str) -> float | None:
    sample = ctx.samples.node(node)
    return float(sample["maxmem"]) - float(sample["mem"]) if {"maxmem", "mem"} <= sample.keys() else None


def _fencing(ctx: Context) -> Fencing:
    wanted = stored.wants_devices(ctx.mirror)
    devices = fencedevices.parse(stored.text(ctx.mirror, stored.DEVICES))
    agents = {part.agent for parts in devices.parts.values() for part in parts.values()}
    absent = {agent for agent in agents if not os.path.exists(f"{FOLDER}/{os.path.basename(agent)}")}
    return Fencing(devices=devices, wanted=wanted, absent=absent if wanted else ())


def _guests(ctx: Context, resources: Mapping[str, Resource], nodes: Sequence[str]) -> dict[str, Guest]:
    homes, storages = stored.guests(ctx.mirror), file_in(ctx.mirror)
    found = {}
    for sid in resources.keys() & homes.keys():
        guest = guest_files.show(ctx.mirror, homes[sid])
        others = [node for node in nodes if node != guest.where.node]
        memory = figures.limit(ctx.mirror, homes[sid]).memory_bytes
        found[sid] = replace(_guest(guest, storages, others), memory_bytes=memory)
    return found


def _guest(guest: guest_files.StoredGuest, storages: StorageFile, others: Sequence[str]) -> Guest:
    """Unused volumes of a machine do not keep it from starting."""
    if guest.where.kind is GuestKind.QEMU:
        machine = preconditions.report(guest.file, storages, others)
        local = tuple(str(volume.id) for volume in machine.local if not volume.unused)
        return Guest(local=local, missing=machine.unavailable, devices=machine.resources)
    container = containers.report(guest.where.vmid, guest.file, storages, others)
    local = tuple(str(volume) for volume in container.local)
    return Guest(local=local, missing=container.unavailable, devices=container.resources)
