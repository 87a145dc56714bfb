"""Tells the kernel to forget what it has cached of the mount when a change was published.

A thread of its own does the telling: the kernel may hold a directory's lock for a request that this process is just
answering, and waiting for it inside the loop would be a deadlock. Nothing in the loop waits for the thread, except
the answer to a change made through the socket.
"""

from __future__ import annotations

import logging
import threading
from queue import SimpleQueue
from typing import Final

import trio

from hostd.cluster.fs.kernel import Kernel
from hostd.cluster.fs.replicate import Entry
from hostd.cluster.fs.tree import ROOT, Effect

log = logging.getLogger(__name__)

CACHE_S: Final = 5.0  # how long the kernel trusts names and attributes by itself

EntryName = tuple[int, bytes]  # parent inode and name
Job = tuple[int, bool] | EntryName | trio.Event | None


def entries_of(effect: Effect, *, from_mount: bool) -> list[EntryName]:
    """Names that must be looked up again. The kernel knows those that it changed itself."""
    if from_mount or effect.is_stamp:
        return []
    nodes = [effect.old, effect.new] if effect.old_path != effect.new_path else []
    return [(node.parent, node.name.encode()) for node in nodes if node is not None]


def inodes_of(effect: Effect) -> list[tuple[int, bool]]:
    """Inodes whose cached data (True) or attributes only (False) are wrong now."""
    if effect.new is None or effect.old is None:
        return []
    return [(effect.new.inode, effect.old.digest != effect.new.digest)]


class Known:
    """Which inodes the kernel may hold, by what it was told and what it says it has forgotten (fuse(4), FORGET).

    Of others nothing can be cached, neither they nor, for a directory, the names in it.
    """

    def __init__(self) -> None:
        self._times: dict[int, int] = {}

    def __contains__(self, inode: int) -> bool:
        return inode == ROOT or inode in self._times

    def told(self, inode: int) -> None:
        """An entry with this inode is in an answer."""
        self._times[inode] = self._times.get(inode, 0) + 1

    def forgotten(self, inode: int, times: int) -> None:
        """The kernel takes back so many entries."""
        if (left := self._times.get(inode, 0) - times) > 0:
            self._times[inode] = left
        else:
            self._times.pop(inode, None)


class Caches:
    """Listens to the engine once the mount is there. Make and use it inside the trio loop."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._put = self._done = 0  # jobs; the thread writes the second
        # Files whose data the mount commits just now: what comes by it the kernel has written into its own cache. It
        # forgets the attributes itself, and the data when it learns another time of change than it knows.
        self.written: set[int] = set()
        self._kernel: Kernel | None = None
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.Thread(target=self._work, name="store-caches", daemon=True)
        self._thread.start()

    def attach(self, kernel: Kernel) -> None:
        """The mount whose caches they are; before ``published`` is called for the first time."""
        self._kernel = kernel

    def published(self, entry: Entry, from_mount: bool) -> None:
        for effect in entry.outcome.effects:
            for name in entries_of(effect, from_mount=from_mount):
                if name[0] in self._known:
                    self._add(name)
            for inode in inodes_of(effect):
                if inode[0] in self._known and not (from_mount and inode[0] in self.written):
                    self._add(inode)

    def forget_name(self, parent: int, name: str) -> None:
        """Have one name looked up again."""
        self._add((parent, name.encode()))

    def _add(self, job: Job) -> None:
        self._put += 1
        self._jobs.put(job)

    async def settle(self) -> None:
        """Wait until the kernel has forgotten everything published so far.

        Gives up after the time in which cached names and attributes expire by themselves.
        """
        if self._done == self._put:
            return
        done = trio.Event()
        self._jobs.put(done)
        with trio.move_on_after(CACHE_S) as scope:
            await done.wait()
        if scope.cancelled_caught:
            log.warning("the kernel did not drop cached entries of the store within %g s", CACHE_S)

    def stop(self, timeout_s: float = 2) -> bool:
        """End the thread; False when it hangs in the kernel."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                if isinstance(job, trio.Event):
                    self._token.run_sync_soon(job.set)
                    continue
                if self._kernel is not None:
                    if isinstance(job[1], bytes):
                        self._kernel.forget_name(job[0], job[1])
                    else:
                        self._kernel.forget_inode(job[0], data=job[1])
            except FileNotFoundError:
                pass  # the kernel had not cached it
            except OSError as err:
                log.warning("cannot invalidate %r: %s", job, err)
            except trio.RunFinishedError:
                return
            self._done += 1
