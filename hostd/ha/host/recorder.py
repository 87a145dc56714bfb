"""Watches the cluster beside the manager, and writes the accounts of incidents while this node is master.

Every manager's process watches, the waiting ones too: when a master dies with its node, the next one has seen how that
went. What is seen stays in memory; only incidents go into the store, a file each, so that they survive the master. A
thread of its own does all of this: nothing here may hold up a decision.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from hostd.cluster.health import LOSS, LOSS_OVER, Health
from hostd.cluster.store import Mirror
from hostd.core.errors import Conflict, HostError, NotFound, ParseError
from hostd.ha import incidents, stored
from hostd.ha.events import Kind, Value
from hostd.ha.host.side import text_of, to_log
from hostd.ha.incidents import Book, Incident
from hostd.ha.observed import AgentSeen, LinkSeen, Look, Seen, Signal, changes, of_event
from hostd.ha.states import CrmState
from hostd.node.host import Host
from hostd.tasks.client import TaskClient

log = logging.getLogger(__name__)
TASK: Final = "haincident"
_ACTOR: Final = "ha-manager"
_LOOK_S: Final = 1.0
# An agent writes once a minute at the least.
_SILENT_S: Final = 90.0
# An open incident that changes is written again so often, an old one seldom; one that is due at once.
_WRITE_S: Final = 10.0
_YOUNG_S: Final = 600.0
_WRITE_OLD_S: Final = 120.0
# Events between two looks: a round that recovers thousands of services tells four of each.
_EVENTS: Final = 50_000
# Tasks for accounts that are begun at one look.
_AT_ONCE: Final = 3

Spawn = Callable[[str], object]


@dataclass
class _Heard:
    """An agent's file by its version, and when that came."""

    version: int
    since_s: float
    seen: AgentSeen


@dataclass
class _Written:
    incident: Incident
    at_s: float


@dataclass
class _Homes:
    """Where the manager has each service, by the version of its status."""

    version: int = -1
    nodes: Mapping[str, str] = field(default_factory=dict)


class Recorder:
    """``spawn`` begins the task that tells the account of an incident, by its id. ``clock_s`` never jumps."""

    def __init__(
        self,
        host: Host,
        spawn: Spawn,
        wall_s: Callable[[], float] = time.time,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host, self._spawn, self._wall_s, self._clock_s = host, spawn, wall_s, clock_s
        self._events: deque[Seen] = deque(maxlen=_EVENTS)
        self._look: Look | None = None
        self._agents: dict[str, _Heard] = {}
        self._homes = _Homes()
        self._book = Book()
        self._is_master = False
        self._written: dict[str, _Written] = {}

    # --- told by the manager's own threads

    def tell(self, kind: Kind, /, **fields: Value) -> None:
        """An event of the manager: into the journal as ever, and kept."""
        to_log(kind, **fields)
        told = {key: text_of(value) for key, value in fields.items() if value is not None}
        seen = of_event(kind, told, at_s=self._wall_s(), by=self._host.node, home=self._home)
        if seen is not None:
            self._events.append(seen)

    def device(self, node: str, text: str) -> None:
        """What a fence device did about a node."""
        self._events.append(
            Seen(at_s=self._wall_s(), by=self._host.node, what=Signal.DEVICE, node=node, details={"text": text})
        )

    def _home(self, sid: str) -> str:
        """The node that a service was on when the round began, which its change of state does not tell."""
        file = self._host.mirror.get(stored.STATUS)
        if file is not None and file.version != self._homes.version:
            try:
                services = stored.raw_status(self._host.mirror).get("service_status", {})
                nodes = {str(id): str(each["node"]) for id, each in services.items()}
            except (ParseError, KeyError, TypeError, AttributeError):
                nodes = {}
            self._homes = _Homes(version=file.version, nodes=nodes)
        return self._homes.nodes.get(sid, "")

    # --- in a thread of its own

    def follow(self) -> None:
        threading.Thread(target=self._follow, name="recorder", daemon=True).start()

    def _follow(self) -> None:
        tick = threading.Event()
        while not tick.wait(_LOOK_S):
            try:
                self.look()
            except Exception:  # what cannot be recorded must not end the recording
                log.exception("incidents could not be recorded")

    def look(self) -> None:
        """See what changed, and write what is due; every second."""
        now_s, look = self._wall_s(), self._seen_now()
        signals = changes(self._look, look, at_s=now_s, by=self._host.node) if self._look else []
        self._look = look
        events = [self._events.popleft() for _ in range(len(self._events))]
        for seen in [*signals, *events]:
            if seen.what == Kind.DAEMON_STATE:
                self._follow_state(seen.details.get("to", ""))
            self._book = incidents.take(self._book, seen)
        if not self._is_master:
            self._book, self._written = replace(self._book, incidents={}), {}
            return
        self._book = incidents.tick(self._book, now_s)
        self._save()

    def _follow_state(self, state: str) -> None:
        was_master, self._is_master = self._is_master, state == CrmState.MASTER
        if self._is_master and not was_master:
            found = stored.incidents(self._host.mirror)
            self._book = incidents.merged(replace(self._book, incidents={}), found)
            self._written = {each.id: _Written(each, self._clock_s()) for each in found}

    def _seen_now(self) -> Look:
        mirror = self._host.mirror
        standing = mirror.members()
        names = [member.name for member in standing.members] if standing else [self._host.node]
        health, before = self._health() if standing else None, self._look
        if health is None:
            votes, links = (before.votes, before.links) if before else (None, None)
        else:
            votes, links = (health.votes, health.votes_needed), _links(health, before)
        return Look(
            quorate=standing is None or standing.quorate,
            members={member.name: member.online for member in standing.members} if standing else {},
            votes=votes,
            links=links,
            agents={name: seen for name in names if (seen := self._agent(mirror, name))},
        )

    def _health(self) -> Health | None:
        try:
            return self._host.store.health()
        except (HostError, TypeError, KeyError):  # the last two: told by a daemon of another version
            return None

    def _agent(self, mirror: Mirror, node: str) -> AgentSeen | None:
        file = mirror.get(stored.publication_path(node))
        if file is None:
            return None
        heard, now_s = self._agents.get(node), self._clock_s()
        if heard is None or heard.version != file.version:
            try:
                seen = stored.agent_seen(mirror, node)
            except ParseError:
                return heard.seen if heard else None
            heard = self._agents[node] = _Heard(file.version, now_s, seen)
        return replace(heard.seen, silent=now_s - heard.since_s > _SILENT_S)

    # --- the store and the tasks

    def _save(self) -> None:
        begun = 0
        for incident in list(self._book.incidents.values()):
            written = self._written.get(incident.id)
            is_new = written is None or written.incident != incident
            rest_s = _WRITE_S if self._wall_s() - incident.begun_s < _YOUNG_S else _WRITE_OLD_S
            waits = written is not None and self._clock_s() - written.at_s < rest_s
            try:
                if is_new and (incident.due or not waits):
                    self._write(incident)
                if incident.due and begun < _AT_ONCE:
                    begun += 1
                    self._spawn(incident.id)
                    self._book = incidents.told(self._book, incident.id)
            except (HostError, OSError) as err:
                # It is still due: the next look tries again.
                log.warning("incident '%s' is not written yet: %s", incident.id, err)
                return

    def _write(self, incident: Incident) -> None:
        store, mirror = self._host.store, self._host.mirror
        data = json.dumps(incidents.to_wire(incident), sort_keys=True, separators=(",", ":")).encode()
        if not mirror.glob(f"{stored.INCIDENTS}/"):
            store.mkdir(stored.INCIDENTS, parents=True, actor=_ACTOR)
        version = store.write(stored.incident_path(incident.id), data, actor=_ACTOR).version
        self._written[incident.id] = _Written(incident, self._clock_s())
        mirror.wait_for(version)
        paths = sorted(file.path for file in mirror.glob(f"{stored.INCIDENTS}/"))
        kept = {stored.incident_path(id) for id in self._book.incidents}
        for path in [path for path in paths if path not in kept][: max(0, len(paths) - incidents.KEPT)]:
            try:
                store.delete(path, actor=_ACTOR)
            except (NotFound, Conflict):
                continue


def _links(health: Health, before: Look | None) -> dict[tuple[str, int], LinkSeen]:
    """A link loses too much from one share on, and does not any more below a smaller one."""
    found = {}
    for link in health.links:
        place = (link.node, link.link)
        last = before.links.get(place) if before and before.links else None
        limit = LOSS_OVER if last and last.loses else LOSS
        loses = link.loss >= limit if link.loss is not None else bool(last and last.loses)
        found[place] = LinkSeen(connected=link.connected, downs=link.downs, loses=loses)
    return found


def spawner(tasks: TaskClient, user: str) -> Spawn:
    """Begins the tasks of accounts in a user's name."""
    return lambda id: tasks.spawn(TASK, id=id, user=user, args={"incident": id})
