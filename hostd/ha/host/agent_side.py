"""The agent's environment on a host."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from hostd.core.errors import HostError
from hostd.ha import jobs, status, stored
from hostd.ha.budget import HANDOVER_S, MANAGER_LOCK, WATCHDOG_S, agent_lock
from hostd.ha.env import Job
from hostd.ha.host import selffence
from hostd.ha.host.side import Side, Surroundings, store_errors
from hostd.ha.jobs import Guests
from hostd.ha.states import Code
from hostd.ha.status import Publication

log = logging.getLogger(__name__)
_ACTOR: Final = "ha-agent"
# What has not changed is written again so often, as a sign of life.
AGAIN_S: Final = 60.0


class AgentSide(Side):
    """``wall_s``: the date, for those who read what is published. Jobs run in threads of their own.

    ``ended``: what guests the node has ended itself, as ``selffence.ended`` tells it.
    """

    def __init__(
        self,
        around: Surroundings,
        guests: Guests,
        wall_s: Callable[[], float] = time.time,
        ended: Callable[[], Mapping[str, object]] = selffence.ended,
    ) -> None:
        super().__init__(around)
        self._guests, self._wall_s, self._ended_guests = guests, wall_s, ended
        self._published: Publication | None = None
        self._published_s = 0.0
        self._begun = 0
        self._ended: list[tuple[int, Job, Code]] = []
        self._lock = threading.Lock()

    def publish(self, publication: Publication) -> None:
        now_s, path = self.now_s(), stored.publication_path(self.node)
        is_old = now_s - self._published_s >= AGAIN_S
        # Joining a cluster replaces the tree, and with it what was written before.
        if publication == self._published and not is_old and self.mirror.get(path) is not None:
            return
        first = self._published is None
        wire = status.publication_to_wire(publication)
        wire |= {"timestamp": int(self._wall_s()), "watchdog": self.around.watchdog.device}
        # For the account of an incident: whether the node was booted meanwhile, and what it ended itself.
        wire |= {"boot": self.around.locks.boot, "ended": dict(self._ended_guests())}
        with store_errors():
            if first and self.around.locks.forget_earlier_boot(agent_lock(self.node)):
                log.info("the lock of before this node was booted is given back: its guests ended then")
            data = json.dumps(wire, sort_keys=True, separators=(",", ":")).encode()
            self.store.write(path, data, actor=_ACTOR)
        self._published, self._published_s = publication, now_s

    def can_publish(self) -> bool:
        return self._published is not None

    def has_manager(self) -> bool:
        try:
            return self.around.locks.is_held(MANAGER_LOCK)
        except HostError:
            return True

    def left_guests(self) -> bool:
        try:
            held = self.around.locks.holder(agent_lock(self.node))
        except HostError:
            return False
        return held is not None and held.node == self.node and held.kept and held.boot == self.around.locks.boot

    def has_left_watchdog(self) -> bool:
        return self.around.watchdog.take_over()

    def leave_watchdog(self) -> None:
        """Long where the lock has the mark; where that is not certain others may take the guests before long."""
        self.around.watchdog.leave(HANDOVER_S if self.left_guests() else WATCHDOG_S)

    def begin(self, job: Job) -> None:
        self._begun += 1
        threading.Thread(target=self._do, args=(self._begun, job), name=f"job {job.sid}", daemon=True).start()

    def _do(self, place: int, job: Job) -> None:
        try:
            code = jobs.run(job, self.node, self._guests, self.tell)
        except HostError as err:
            log.warning("%s (%s): %s", job.sid, job.state, err)
            code = Code.ERROR
        except Exception:  # the manager must hear of the end of every job, or it waits for ever
            log.exception("%s (%s): a bug", job.sid, job.state)
            code = Code.ERROR
        with self._lock:
            self._ended.append((place, job, code))

    def finished(self) -> Sequence[tuple[Job, Code]]:
        with self._lock:
            ended, self._ended = self._ended, []
        return [(job, code) for _, job, code in sorted(ended, key=lambda each: each[0])]
