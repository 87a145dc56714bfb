"""One round of the manager in the making: what it knows, what it has decided so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hostd.ha import affinity, rulechecks, rules
from hostd.ha.affinity import Compiled
from hostd.ha.budget import OFFLINE_S, RETURN_S
from hostd.ha.config import Group, Options, Resource
from hostd.ha.env import ManagerEnvironment
from hostd.ha.events import Kind, Value
from hostd.ha.states import Mode, NodeState, Requested, Scheduler, ServiceState
from hostd.ha.status import Disarm, ManagerStatus, Moved, Noted, Publication, Service
from hostd.ha.usage import Figures, Usage


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a master keeps from round to round; only ``status`` survives it.

    ``seen_s``: when each node was last seen, by this master's clock. ``unbalanced``: rounds above the threshold in a
    row. ``groups_wait``: rounds until groups are converted. ``moved_s``: when balancing moved each of ``status.moved``.
    ``back_s``: since when each node that is to be fenced is a member again.
    """

    status: ManagerStatus
    seen_s: Mapping[str, float] = field(default_factory=dict)
    unbalanced: int = 0
    groups_wait: int = 0
    moved_s: Mapping[str, float] = field(default_factory=dict)
    back_s: Mapping[str, float] = field(default_factory=dict)


class Round:
    """The working copy of ``Memory`` with what was read for this round; ``memory()`` is what to keep."""

    def __init__(self, memory: Memory, env: ManagerEnvironment) -> None:
        status = memory.status
        self.env = env
        self.now_s = env.now_s()
        self.members = env.members()
        self.nodes: dict[str, NodeState] = dict(status.nodes)
        self.publications: dict[str, Publication] = {}
        for node in sorted(self.nodes):
            self.publications[node] = env.read_publication(node) or Publication()
        self.results = {job: code for each in self.publications.values() for job, code in each.results.items()}
        self.services: dict[str, Service] = dict(sorted(status.services.items()))
        self.resources: dict[str, Resource] = dict(env.read_resources())
        self.options: Options = env.read_options()
        self.maintenance: set[str] = set(status.maintenance)
        self.disarm: Disarm | None = status.disarm
        self.seen_s: dict[str, float] = dict(memory.seen_s)
        self.unbalanced = memory.unbalanced
        self.groups_wait = memory.groups_wait
        self.moved_s: dict[str, float] = dict(memory.moved_s)
        self._moved: dict[str, Moved] = dict(status.moved)
        self._back_s = {node: at_s for node, at_s in memory.back_s.items() if self._returns(node)}
        self.affinity = Compiled()
        self.usage = Usage((), Figures())
        self.has_changed = False
        self._jobs = status.jobs

    def memory(self) -> Memory:
        moved_s = {sid: at_s for sid, at_s in self.moved_s.items() if self.rests(sid)}
        status = ManagerStatus(
            master=self.env.node,
            nodes=dict(self.nodes),
            services=dict(self.services),
            maintenance=frozenset(self.maintenance),
            disarm=self.disarm,
            jobs=self._jobs,
            moved={sid: replace(self._moved[sid], age_s=int(self.now_s - at_s)) for sid, at_s in moved_s.items()},
        )
        return Memory(
            status=status,
            seen_s=self.seen_s,
            unbalanced=self.unbalanced,
            groups_wait=self.groups_wait,
            moved_s=moved_s,
            back_s={node: at_s for node, at_s in self._back_s.items() if self._returns(node)},
        )

    def tell(self, kind: Kind, /, **fields: Value) -> None:
        self.env.tell(kind, **fields)

    # --- nodes

    def set_node_state(self, node: str, state: NodeState) -> None:
        self.tell(Kind.NODE_STATE, node=node, **{"from": str(self.state_of(node)), "to": str(state)})
        self.nodes[node] = state

    def state_of(self, node: str) -> NodeState:
        """A node never heard of is remembered as unknown from the first question about it."""
        return self.nodes.setdefault(node, NodeState.UNKNOWN)

    def is_online(self, node: str) -> bool:
        return self.state_of(node) is NodeState.ONLINE

    def online(self) -> list[str]:
        return sorted(node for node, state in self.nodes.items() if state is NodeState.ONLINE)

    def _returns(self, node: str) -> bool:
        return bool(self.members.get(node)) and self.nodes.get(node) is NodeState.FENCE

    def has_just_returned(self, node: str) -> bool:
        """Whether a node that is to be fenced became a member again a moment ago, as far as this master saw it."""
        if not self._returns(node):
            return False
        # A clock that went back counts from now on.
        self._back_s[node] = min(self._back_s.get(node, self.now_s), self.now_s)
        return self.now_s - self._back_s[node] < RETURN_S

    def is_gone(self, node: str) -> bool:
        """Not seen for so long that it counts as dead. A node that this master never saw counts from now on."""
        if self.state_of(node) is NodeState.ONLINE:
            return False
        # A clock that went back would keep a dead node alive: what lies in the future counts from now on.
        self.seen_s[node] = min(self.seen_s.get(node, self.now_s), self.now_s)
        return self.now_s - self.seen_s[node] >= OFFLINE_S

    def mode_of(self, node: str) -> Mode | None:
        """What the node's agent published; None for a node new in this round."""
        publication = self.publications.get(node)
        return publication.mode if publication else None

    # --- services

    def new_job(self) -> str:
        """An id never given before: the count survives in the status, the time guards against a status that is lost."""
        self._jobs += 1
        return f"{self._jobs}-{self.now_s:.0f}"

    def change(
        self,
        sid: str,
        state: ServiceState,
        *,
        node: str | None = None,
        target: str | None = None,
        timeout_s: int | None = None,
        forget_failed: bool = False,
    ) -> None:
        """Give a service a new state and job id. Only its node, its failed and its maintenance node stay known."""
        before = self.services[sid]
        self.has_changed = True
        self.tell(
            Kind.SERVICE_STATE,
            sid=sid,
            **{"from": str(before.state), "to": str(state)},
            node=node,
            target=target,
            timeout=timeout_s,
        )
        self.put(
            sid,
            Service(
                state=state,
                node=node or before.node,
                job=self.new_job(),
                target=target,
                timeout_s=timeout_s,
                failed_nodes=() if forget_failed else before.failed_nodes,
                maintenance_node=before.maintenance_node,
            ),
        )

    def put(self, sid: str, service: Service) -> None:
        """Keep what changed about a service, its place on the nodes included."""
        self.services[sid] = service
        self.usage.place(sid, service)

    def note(self, sid: str, noted: Noted | None) -> None:
        self.put(sid, replace(self.services[sid], noted=noted))

    # --- moves that balancing made

    def rests(self, sid: str) -> bool:
        """Whether balancing leaves a service alone, as it has moved it lately."""
        at_s = self.moved_s.get(sid)
        return at_s is not None and self.now_s - at_s < self.options.auto_rebalance.rest_s

    def remember_moves(self, sids: Iterable[str], source: str, target: str, why: str) -> None:
        for sid in sids:
            self.moved_s[sid] = self.now_s
            self._moved[sid] = Moved(age_s=0, source=source, target=target, why=why)

    # --- figures and rules, read in the middle of the round

    def measure(self) -> None:
        """Read the figures, the rules and the groups, and count who is where."""
        env = self.env
        weighs = self.options.scheduler is not Scheduler.BASIC
        figures = Figures(
            scheduler=self.options.scheduler,
            capacities=env.capacities() if weighs else {},
            limits=env.limits() if weighs else {},
            measured=env.measured() if self.options.scheduler is Scheduler.DYNAMIC else (),
        )
        self.usage = Usage(self.online(), figures)
        for sid, service in self.services.items():
            self.usage.place(sid, service)
        for sid, resource in self.resources.items():
            if sid not in self.services and resource.requested is Requested.STARTED:
                self.usage.place_unknown(sid, resource.node)
        groups = env.read_groups()
        for sid, resource in self.resources.items():
            if group := groups.get(resource.group or ""):
                self.resources[sid] = replace(resource, failback=not group.nofailback)
        self.affinity = compile_rules(env.read_rules(), groups, self.resources, sorted(self.members))


def compile_rules(
    given: Sequence[rules.Rule],
    groups: Mapping[str, Group],
    resources: Mapping[str, Resource],
    nodes: list[str],
) -> Compiled:
    """Rules of the file and of legacy groups, without those that conflict, made ready."""
    all_rules = [*given, *rules.of_groups(groups, resources.values(), len(given))]
    sound, _ = rulechecks.sound(all_rules, nodes)
    return affinity.compiled(affinity.complete(sound), nodes)
