"""Balancing of machines on a host: one node of all decides, and each begins the moves of its own machines.

It works beside the manager, under a lock of its own and without a watchdog: a node whose machines are only balanced is
never reset. Whoever loses the lock decides no more; the worst that two of them could do is one move too many.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from hostd.cluster.store import Mirror
from hostd.core.errors import Conflict, HostError
from hostd.guests import roads
from hostd.guests.bulk import Tasks
from hostd.ha import spread, stored
from hostd.ha.host import figures
from hostd.ha.host.locks import Locks
from hostd.ha.spread import Machine, Move, Situation, State
from hostd.node.host import Host

log = logging.getLogger(__name__)
LOCK: Final = "ha_balance_lock"
_LOOK_S: Final = 10.0
# Between two decisions; the lock is renewed with each.
DECIDE_S: Final = 30.0
_ACTOR: Final = "ha-balance"
_MOVE: Final = "qmigrate"
_TRIES: Final = 5

Machines = Callable[[Mirror, Collection[str]], Sequence[Machine]]


class Balancer:
    """``machines``: those that may be moved now. ``clock_s`` never jumps, ``wall_s`` is the date."""

    def __init__(
        self,
        host: Host,
        locks: Locks,
        tasks: Tasks,
        machines: Machines,
        wall_s: Callable[[], float] = time.time,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host, self._locks, self._tasks, self._machines = host, locks, tasks, machines
        self._wall_s, self._clock_s = wall_s, clock_s
        self._unbalanced = 0
        self._decided_s = -DECIDE_S

    def follow(self) -> None:
        threading.Thread(target=self._follow, name="balancer", daemon=True).start()

    def _follow(self) -> None:
        tick = threading.Event()
        while not tick.wait(_LOOK_S):
            try:
                self.look()
            except Conflict:
                continue  # another node was faster: the next look sees what it wrote
            except HostError as err:
                log.warning("machines are not balanced now: %s", err)
            except Exception:  # it must look again, whatever went wrong
                log.exception("machines are not balanced now")

    def look(self) -> None:
        """Go on with this node's moves, and decide if it is time to. Raises HostError."""
        self._go_on()
        if not stored.balance_wish(self._host.mirror).enabled:
            self._unbalanced = 0
            if self._locks.is_own(LOCK):
                self._locks.release(LOCK)
            return
        if self._clock_s() - self._decided_s >= DECIDE_S:
            self._decided_s = self._clock_s()
            if self._locks.take(LOCK):
                self._decide()

    # --- decisions

    def _decide(self) -> None:
        mirror, now_s = self._host.mirror, self._wall_s()
        wanted, moves = stored.options(mirror).auto_rebalance, stored.moves(mirror)
        verdict = spread.decide(situation(mirror, self._host.node, self._machines, moves), wanted, now_s)
        self._unbalanced = self._unbalanced + 1 if verdict.proposal else 0
        if verdict.proposal and self._unbalanced >= wanted.hold_rounds:
            self._unbalanced = 0
            log.info("balancing: %s moves: %s", verdict.proposal.move.leader, verdict.proposal.why)
        else:
            verdict = replace(verdict, proposal=None)
        self._change(lambda before: spread.added(spread.given_up(before, now_s), verdict, now_s))

    # --- moves of this node's machines

    def _go_on(self) -> None:
        for move in stored.moves(self._host.mirror):
            if move.source == self._host.node and move.is_under_way:
                self._go_on_with(move)

    def _go_on_with(self, move: Move) -> None:
        if move.state is State.DECIDED:
            where = stored.guests(self._host.mirror).get(move.sid)
            if where is None or where.node != self._host.node:
                self._mark(move, State.FAILED, "it is not on that node any more")
                return
            # Noted before it begins: a process that dies in between must not begin it twice.
            begun = self._mark(move, State.RUNNING, "")
            self._mark(begun, State.RUNNING, self._begin(move))
        elif not move.told:
            self._mark(move, State.FAILED, "the daemon that was to move it was ended")
        elif (ended := self._tasks.status(move.told)) is not None:
            worked = ended == "OK" or ended.startswith("WARNINGS")
            self._mark(move, State.OK if worked else State.FAILED, move.told if worked else f"{ended} ({move.told})")

    def _begin(self, move: Move) -> str:
        standing = self._host.mirror.members()
        road = roads.road(
            self._host.mirror, standing.members if standing else (), self._host.node, move.target
        )  # fmt: skip
        vmid = int(move.sid.partition(":")[2])
        return self._tasks.spawn(_MOVE, vmid, {"vmid": vmid, **road, "online": True})

    def _mark(self, move: Move, state: State, told: str) -> Move:
        """Tell where a move is; as it is told now."""
        self._change(lambda moves: spread.marked(moves, move, state, told))
        return replace(move, state=state, told=told)

    def _change(self, change: Callable[[list[Move]], list[Move]]) -> None:
        """Change what is told of moves, on top of what others have told. Conflict when they write all the time."""
        for _ in range(_TRIES - 1):
            try:
                self._try(change)
            except Conflict:
                continue
            return
        self._try(change)

    def _try(self, change: Callable[[list[Move]], list[Move]]) -> None:
        mirror, store = self._host.mirror, self._host.store
        moves, version = stored.read_moves(store)
        after = change(moves)
        if after == moves:
            return
        if not version:
            store.mkdir(stored.FOLDER, parents=True, actor=_ACTOR)
        data = json.dumps(spread.to_wire(after), sort_keys=True, separators=(",", ":")).encode()
        mirror.wait_for(store.write(stored.MOVES, data, if_version=version, actor=_ACTOR).version)


def situation(mirror: Mirror, node: str, machines: Machines, moves: Sequence[Move]) -> Situation:
    """As ``node``'s copy of the tree has it: nodes that are there and not in maintenance, what guests use."""
    standing = mirror.members()
    there = {member.name for member in standing.members if member.online} if standing else {node}
    nodes = there - stored.manager_status(mirror).maintenance
    return Situation(
        capacities=figures.capacities(mirror, nodes),
        measured=figures.measured(mirror, nodes),
        machines=machines(mirror, nodes),
        moves=moves,
    )
