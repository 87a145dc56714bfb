"""Guests as an agent reaches them: through tasks like anybody else's, so that locks, hooks and logs are the same."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from hostd.cluster import standing as cluster
from hostd.cluster.store import Mirror
from hostd.core.errors import HostError
from hostd.guests import bulk, roads
from hostd.guests.bulk import Member, Tasks
from hostd.guests.bulk_tasks import runs
from hostd.guests.config import GuestKind, GuestPath
from hostd.ha import stored
from hostd.ha.budget import agent_lock
from hostd.ha.events import Kind, Tell
from hostd.ha.host.locks import Locks
from hostd.ha.states import Move
from hostd.node.host import Host

log = logging.getLogger(__name__)
# Moves that this node began, one file a service; gone with a boot, as the guests are.
MOVES: Final = Path("/run/hostd/ha-moves")
_POLL_S: Final = 0.5
_MOVES: Final = {GuestKind.QEMU: ("qmigrate", "online"), GuestKind.LXC: ("vzmigrate", "restart")}


class HostGuests:
    """``is_running``: whether a guest's process is on this node.

    ``in_the_way``: why a guest cannot go to a node, "" if it can; asked before it is stopped for a move.
    """

    def __init__(
        self,
        host: Host,
        locks: Locks,
        tasks: Tasks,
        tell: Tell,
        *,
        in_the_way: Callable[[Mirror, GuestPath, str], str],
        is_running: Callable[[Member], bool] = runs,
        moves: Path = MOVES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._host, self._locks, self._tasks, self._tell = host, locks, tasks, tell
        self._in_the_way, self._runs, self._moves, self._sleep = in_the_way, is_running, moves, sleep

    def _where(self, sid: str) -> GuestPath | None:
        return stored.guests(self._host.mirror).get(sid)

    def home(self, sid: str) -> str | None:
        where = self._where(sid)
        return where.node if where else None

    def is_running(self, sid: str) -> bool:
        type, _, vmid = sid.partition(":")
        return self._runs(bulk.member(int(vmid), stored.TYPES[type], {}))

    def start(self, sid: str) -> bool:
        """Also True when somebody else started it meanwhile, as a task of an earlier process of the agent may have."""
        return self._task(sid, "start", {}) or self.is_running(sid)

    def stop(self, sid: str, timeout_s: int | None) -> bool:
        """0: at once. Otherwise the guest is asked to, and its plug pulled when the time is over."""
        if timeout_s == 0:
            return self._task(sid, "stop", {}) or not self.is_running(sid)
        patience_s = self._patience_s(sid) if timeout_s is None else timeout_s
        args = {"timeout_s": patience_s, "force_stop": True}
        return self._task(sid, "shutdown", args) or not self.is_running(sid)

    def _patience_s(self, sid: str) -> int:
        where = self._where(sid)
        file = self._host.mirror.get(where.path) if where else None
        if where is None or file is None:
            return bulk.SHUTDOWN_S
        lines = dict(line.partition(": ")[::2] for line in file.data.decode(errors="replace").splitlines())
        one = bulk.member(where.vmid, where.kind, {"startup": lines.get("startup", "")})
        return bulk.SHUTDOWN_S if one.down_s is None else one.down_s

    def has_arrived(self, sid: str, target: str) -> bool:
        try:
            begun = self._note(sid).read_text()
        except OSError:
            return False
        return begun == target and self.home(sid) == target

    def can_arrive(self, target: str) -> bool:
        standing = self._host.mirror.members()
        member = standing.member(target) if standing else None
        if member is None or not member.online:
            return True
        try:
            held = self._locks.holder(agent_lock(target))
            said = stored.publication(self._host.mirror, target)
        except HostError:
            return False
        return bool(held and held.node == target and not held.kept and said and said.watched)

    def move(self, sid: str, how: Move, target: str) -> bool:
        where = self._where(sid)
        if where is None:
            return False
        if reason := self._in_the_way(self._host.mirror, where, target):
            log.warning("%s: it is not stopped for a move that would fail: %s", sid, reason)
            return False
        self._begin_move(sid, target)
        self._tell(Kind.SERVICE_MOVE_START, sid=sid, how=str(how), target=target)
        # Containers do not move while they run, whoever asked for it.
        if (how is Move.RELOCATE or where.kind is GuestKind.LXC) and self.is_running(sid):
            self._tell(Kind.SERVICE_STOP, sid=sid, relocate=True)
            if not self.stop(sid, None):
                return False
            self._tell(Kind.SERVICE_STOPPED, sid=sid)
        road = roads.road(self._host.mirror, self._members(), self._host.node, target)
        type, live = _MOVES[where.kind]
        moved = self._run(sid, type, {**road, live: self.is_running(sid)}) or self.home(sid) == target
        if moved:
            self._tell(Kind.SERVICE_MOVE_END, sid=sid, how=str(how), target=target)
        return moved

    def _members(self) -> Sequence[cluster.Member]:
        standing = self._host.mirror.members()
        return standing.members if standing else ()

    def _note(self, sid: str) -> Path:
        return self._moves / sid.replace(":", "-")

    def _begin_move(self, sid: str, target: str) -> None:
        self._moves.mkdir(parents=True, exist_ok=True)
        new = self._note(sid).with_suffix(".new")
        new.write_text(target)
        os.replace(new, self._note(sid))

    def _task(self, sid: str, what: str, args: Mapping[str, object]) -> bool:
        """One of the guest's tasks, to its end; what goes wrong is in its log, and told here."""
        type = sid.partition(":")[0]
        return self._run(sid, f"{bulk.prefix(stored.TYPES[type])}{what}", args)

    def _run(self, sid: str, name: str, args: Mapping[str, object]) -> bool:
        vmid = sid.partition(":")[2]
        upid = self._tasks.spawn(name, int(vmid), {"vmid": int(vmid), **args})
        while (ended := self._tasks.status(upid)) is None:
            self._sleep(_POLL_S)
        if ended == "OK" or ended.startswith("WARNINGS"):
            return True
        log.warning("%s: task %s: %s", sid, name, ended)
        return False
