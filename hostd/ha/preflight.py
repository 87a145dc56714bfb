"""Look before shooting: what would keep high availability from working, told before a node is lost. Pure.

Facts that somebody has gathered go in, findings come out, each with the next step. Nothing is refused because of them.
The checks are ours; the reference has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Final

from hostd.cluster.health import LOSS, LOSS_OVER, Health, Link
from hostd.ha import rulechecks
from hostd.ha.affinity import Compiled
from hostd.ha.config import Resource
from hostd.ha.fencedevices import Devices, commands
from hostd.ha.rules import NodeRule, Rule
from hostd.ha.states import Requested

# A link that went down so often since Corosync started: nodes that were restarted count too, so not at the first time.
FLAPS: Final = 5
# Locks are renewed by messages that go round all nodes; a slower link makes every write of the store slow.
SLOW_S: Final = 0.1
CLUSTER: Final = "cluster"


class Severity(StrEnum):
    """``error``: what high availability is for will not happen. ``warning``: not in every case. ``info``: to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


_ORDER: Final = tuple(Severity)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """``subject``: ``cluster``, ``node:NAME``, ``rule:ID``, or a service's id. ``code`` is for programs.

    ``text``: what was found and what follows from it; ``advice``: the next step.
    """

    severity: Severity
    subject: str
    code: str
    text: str
    advice: str

    def to_wire(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}

    def line(self) -> str:
        return f"{self.subject}: {self.text}; {self.advice}"


@dataclass(frozen=True, kw_only=True)
class Node:
    """``agent``: its agent has published lately. ``watchdog``: what resets it, "" for nothing.

    ``free_bytes``: memory that nothing uses now; None where that is not known.
    """

    online: bool
    agent: bool = True
    watchdog: str = ""
    maintenance: bool = False
    free_bytes: float | None = None


@dataclass(frozen=True, kw_only=True)
class Guest:
    """What a service's guest needs of its node. ``local``: volumes that only one node sees, by name.

    ``missing``: node → storages that it does not have. ``devices``: keys of devices and folders of one node.
    ``memory_bytes``: what it may use.
    """

    local: Sequence[str] = ()
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    devices: Sequence[str] = ()
    memory_bytes: float = 0


@dataclass(frozen=True, kw_only=True)
class Fencing:
    """``wanted``: the cluster's option asks for devices. ``absent``: agents that are not installed on this node."""

    devices: Devices = Devices()
    wanted: bool = False
    absent: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that is judged. ``health``: the cluster as ``asked`` feels it, None where nobody can tell.

    ``rules`` with those of legacy groups; ``compiled``: what the sound ones mean. ``guests`` by service.
    """

    asked: str
    nodes: Mapping[str, Node]
    quorate: bool = True
    health: Health | None = None
    disarmed: bool = False
    fencing: Fencing = Fencing()
    rules: Sequence[Rule] = ()
    compiled: Compiled = Compiled()
    resources: Mapping[str, Resource] = field(default_factory=dict)
    guests: Mapping[str, Guest] = field(default_factory=dict)


def check(facts: Facts) -> list[Finding]:
    """All findings, the gravest first, then by subject. None while no service is to be looked after."""
    wanted = [sid for sid, each in facts.resources.items() if each.requested is not Requested.IGNORED]
    if not wanted:
        return []
    found = [
        *_standing(facts),
        *_votes(facts),
        *_links(facts),
        *_nodes(facts),
        *_devices(facts),
        *_rules(facts),
        *_room(facts),
    ]
    for sid in wanted:
        found += _service(facts, sid)
    return sorted(found, key=lambda each: (_ORDER.index(each.severity), each.subject, each.code))


def about(findings: Iterable[Finding], subjects: Collection[str]) -> list[Finding]:
    """Those about some services and rules, and about the cluster and its nodes."""
    wanted = {CLUSTER, *subjects}
    return [each for each in findings if each.subject in wanted or each.subject.startswith("node:")]


def _say(severity: Severity, subject: str, code: str, text: str, advice: str) -> Finding:
    return Finding(severity=severity, subject=subject, code=code, text=text, advice=advice)


# --- the cluster


def _standing(facts: Facts) -> Iterator[Finding]:
    if len(facts.nodes) < 2:
        yield _say(
            Severity.ERROR,
            CLUSTER,
            "one_node",
            "there is one node only, so that nothing can be started elsewhere",
            "join a second and a third node (pvecm token create, pvecm join)",
        )
        return
    if not facts.quorate:
        yield _say(
            Severity.ERROR,
            CLUSTER,
            "no_quorum",
            f"node '{facts.asked}' has no quorum, so that nothing is decided here",
            "bring nodes or links back (pvecm status)",
        )
    if facts.disarmed:
        yield _say(
            Severity.WARNING,
            CLUSTER,
            "disarmed",
            "high availability is disarmed: no lost node is fenced, no guest recovered",
            "ha-manager crm-command arm-ha",
        )


def _votes(facts: Facts) -> Iterator[Finding]:
    health, count = facts.health, len(facts.nodes)
    if count < 2:
        return
    if health is None:
        yield _say(
            Severity.INFO,
            CLUSTER,
            "no_health",
            f"node '{facts.asked}' cannot tell how votes and links are",
            "look at it again when hostd-clusterd and corosync run there, or ask another node",
        )
        return
    if (witness := health.witness) is None and count == 2:
        yield _say(
            Severity.ERROR,
            CLUSTER,
            "two_nodes",
            "of two nodes without a witness neither goes on when the other is lost",
            "add a witness (pvecm qdevice setup ADDRESS) or a third node",
        )
    elif witness is None and count % 2 == 0:
        yield _say(
            Severity.INFO,
            CLUSTER,
            "even_votes",
            f"{count} nodes without a witness: a cut in the middle stops both halves",
            "add a witness (pvecm qdevice setup ADDRESS)",
        )
    if witness is not None and not witness.casts:
        why = "it does not answer in time" if witness.registered else "corosync-qdevice does not run here"
        yield _say(
            Severity.WARNING,
            CLUSTER,
            "witness_silent",
            f"the witness has no vote for node '{facts.asked}': {why}",
            "look at pvecm status and at the witness's host",
        )
    if facts.quorate and health.margin == 0 and not (witness is None and count == 2):
        yield _say(
            Severity.WARNING,
            CLUSTER,
            "no_vote_to_spare",
            f"{health.votes} of {health.votes_expected} votes are here and {health.votes_needed} are needed: "
            "with one more lost nothing is recovered",
            "bring the absent nodes back first",
        )


def _links(facts: Facts) -> Iterator[Finding]:
    """Links between ``asked`` and the nodes that are there; to an absent node they are down anyway."""
    if facts.health is None:
        return
    by_node: dict[str, list[Link]] = {}
    for link in facts.health.links:
        if (node := facts.nodes.get(link.node)) and node.online:
            by_node.setdefault(link.node, []).append(link)
    for links in by_node.values():
        for link in links:
            yield from _link(facts.asked, link)
    if by_node and all(len(links) == 1 for links in by_node.values()):
        yield _say(
            Severity.INFO,
            CLUSTER,
            "one_link",
            "nodes hear each other over one link only: what breaks it looks like lost nodes, which are fenced",
            "give every node a second link over other cables and switches",
        )


def _link(asked: str, link: Link) -> Iterator[Finding]:
    name = f"link {link.link} between '{asked}' and '{link.node}'"
    advice = "check its cables and ports, and what else uses that network, before services depend on it"
    told: list[tuple[Severity, str, str]] = []
    if not link.connected:
        told.append((Severity.WARNING, "link_down", f"{name} is down"))
    if link.loss is not None and link.loss >= LOSS_OVER:
        severity = Severity.ERROR if link.loss >= LOSS else Severity.WARNING
        text = f"{name} loses {link.loss:.1%} of what is sent, so that healthy nodes may look lost"
        told.append((severity, "link_loses", text))
    if link.downs >= FLAPS:
        text = f"{name} went down {link.downs} times since corosync started on '{asked}'"
        told.append((Severity.WARNING, "link_flaps", f"{text} (restarts of '{link.node}' count too)"))
    if link.round_trip_s is not None and link.round_trip_s > SLOW_S:
        text = f"{name} takes {link.round_trip_s * 1e3:.0f} ms there and back, which every write of the store waits for"
        told.append((Severity.WARNING, "link_slow", text))
    for severity, code, text in told:
        yield _say(severity, f"node:{link.node}", code, text, advice)


def _nodes(facts: Facts) -> Iterator[Finding]:
    for name, node in sorted(facts.nodes.items()):
        subject = f"node:{name}"
        if not node.online:
            yield _say(
                Severity.INFO,
                subject,
                "node_away",
                f"node '{name}' is not there now",
                "services cannot be recovered there until it is back",
            )
        elif not node.agent:
            yield _say(
                Severity.ERROR,
                subject,
                "no_agent",
                f"the agent of node '{name}' says nothing: services can be neither started nor covered there",
                f"on '{name}': apt install hostd-ha, systemctl status hostd-ha-lrm",
            )
        elif not node.watchdog:
            yield _say(
                Severity.WARNING,
                subject,
                "no_watchdog",
                f"nothing resets node '{name}' when it hangs; only while its agent works are guests ended in time",
                f"on '{name}': modprobe the driver of its watchdog, or softdog; restart hostd-ha-crm and hostd-ha-lrm",
            )


def _devices(facts: Facts) -> Iterator[Finding]:
    fencing, devices = facts.fencing, facts.fencing.devices

    if not fencing.wanted:
        if devices.parts:
            yield _say(
                Severity.INFO,
                CLUSTER,
                "devices_unused",
                "fence.cfg names devices that are not used",
                "set the cluster's option 'fencing' to both (PUT /cluster/options)",
            )
        return
    for mistake in devices.mistakes:
        yield _say(
            Severity.ERROR,
            CLUSTER,
            "device_mistake",
            f"fence.cfg, line {mistake.line}: {mistake.code.replace('_', ' ')} ('{mistake.device}'); "
            "a file with a mistake fences nobody",
            "correct that line",
        )
    if devices.mistakes:
        return
    for name in sorted(facts.nodes):
        if not commands(devices, name, 0):
            yield _say(
                Severity.WARNING,
                f"node:{name}",
                "no_device",
                f"no fence device is connected to node '{name}': its lock must run out before services are recovered",
                f"add a line 'connect DEVICE node={name} …' to fence.cfg",
            )
    for agent in sorted(fencing.absent):
        yield _say(
            Severity.ERROR,
            f"node:{facts.asked}",
            "no_fence_agent",
            f"fence.cfg names '{agent}', which is not installed on '{facts.asked}'",
            "install the fence-agents package that has it, on every node",
        )


# --- rules and services


def _rules(facts: Facts) -> Iterator[Finding]:
    enabled = [rule for rule in facts.rules if not rule.disabled]
    for rule in enabled:
        subject = f"rule:{rule.id}"
        if isinstance(rule, NodeRule) and (unknown := sorted(rule.nodes.keys() - facts.nodes.keys())):
            yield _say(
                Severity.WARNING,
                subject,
                "no_such_node",
                f"rule '{rule.id}' names nodes that do not exist: {', '.join(unknown)}",
                "correct its nodes (ha-manager rules set)",
            )
        if strangers := sorted(rule.resources - facts.resources.keys()):
            yield _say(
                Severity.WARNING,
                subject,
                "no_such_service",
                f"rule '{rule.id}' names what nobody looks after: {', '.join(strangers)}",
                "add these services (ha-manager add), or take them out of the rule",
            )
    _, dropped = rulechecks.sound(facts.rules, sorted(facts.nodes))
    for each in dict.fromkeys((one.rule, one.code) for one in dropped):
        yield _say(
            Severity.ERROR,
            f"rule:{each[0]}",
            each[1],
            f"rule '{each[0]}' is not followed: {each[1].replace('_', ' ')}",
            "change or disable one of the rules that contradict each other",
        )


def _room(facts: Facts) -> Iterator[Finding]:
    """Whether the others have memory for what a node would leave behind."""
    for lost in sorted(facts.nodes):
        needed = sum(
            facts.guests[sid].memory_bytes
            for sid, resource in facts.resources.items()
            if resource.node == lost and resource.requested is Requested.STARTED and sid in facts.guests
        )
        others = [node for name, node in facts.nodes.items() if name != lost and node.online and not node.maintenance]
        free = [node.free_bytes for node in others if node.free_bytes is not None]
        if others and len(free) == len(others) and needed > sum(free):
            yield _say(
                Severity.WARNING,
                f"node:{lost}",
                "no_room",
                f"if node '{lost}' is lost, its services may use {_gib(needed)} of memory, and the others have "
                f"{_gib(sum(free))} free",
                "give the others more memory, or have fewer guests there",
            )


def _gib(count: float) -> str:
    return f"{count / (1 << 30):.1f} GiB"


def allowed(facts: Facts, sid: str) -> list[str]:
    """The existing nodes that rules leave to a service, also those that are away."""
    named = facts.compiled.nodes.get(sid)
    return sorted(node for node in facts.nodes if named is None or node in named)


def _service(facts: Facts, sid: str) -> Iterator[Finding]:
    resource, nodes = facts.resources[sid], allowed(facts, sid)

    if resource.node is None:
        yield _say(
            Severity.ERROR,
            sid,
            "no_guest",
            f"there is no guest of service '{sid}'",
            f"ha-manager remove {sid}",
        )
        return
    if len(facts.nodes) > 1 and len(nodes) < 2:
        only = f"node '{nodes[0]}'" if nodes else "no node that exists"
        yield _say(
            Severity.ERROR,
            sid,
            "nowhere_else",
            f"rules leave '{sid}' {only}, so that it cannot be recovered",
            "name more nodes in its rule, or make the rule not strict",
        )
        return
    others = [node for node in nodes if node != resource.node]
    if guest := facts.guests.get(sid):
        yield from _needs(sid, guest, others)
    ready = [node for node in others if facts.nodes[node].online and not facts.nodes[node].maintenance]
    if others and not ready:
        yield _say(
            Severity.WARNING,
            sid,
            "nowhere_now",
            f"none of the other nodes for '{sid}' can take it now: {', '.join(others)}",
            "bring one of them back, or out of maintenance",
        )


def _needs(sid: str, guest: Guest, others: Sequence[str]) -> Iterator[Finding]:
    """What a guest uses that the ``others`` of its nodes do not have."""
    names = ", ".join(guest.local)
    if guest.local and others:
        yield _say(
            Severity.ERROR,
            sid,
            "local_disks",
            f"'{sid}' may be recovered on {', '.join(others)}, where its local volumes are not: {names}",
            "move its disks to a shared storage, or name only nodes that have them in a strict rule",
        )
    for node in others:
        if missing := guest.missing.get(node):
            yield _say(
                Severity.ERROR,
                sid,
                "no_storage",
                f"'{sid}' may be recovered on node '{node}', which does not have storage {', '.join(missing)}",
                f"enable the storage there (pvesm set … --nodes), or keep '{sid}' off '{node}' by a strict rule",
            )
    if guest.devices and others:
        yield _say(
            Severity.WARNING,
            sid,
            "local_devices",
            f"'{sid}' uses devices or folders of its node: {', '.join(guest.devices)}",
            "see that every node for it has the same ones, or remove them",
        )
