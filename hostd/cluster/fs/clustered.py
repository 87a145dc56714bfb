"""A node of a cluster: the engine's Replicator that has its Corosync, from the daemon's start to Corosync's end.

Until Corosync is there the store is read-only and says so; then this joins the group, keeps it informed of what
Corosync and the administrator say (nodes, forced quorum), and carries states between nodes by the side channel. When
Corosync goes the daemon ends, and systemd starts it again: a group is entered with what is on disk, never with what
happens to be in memory.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import trio

from hostd.cluster import wire
from hostd.cluster.corosync.conf import ClusterConf, Node
from hostd.cluster.corosync.library import EngineError
from hostd.cluster.corosync.running import Running, Seen
from hostd.cluster.corosync.transport import CorosyncTransport
from hostd.cluster.fs import patience
from hostd.cluster.fs.checkup import Checkup
from hostd.cluster.fs.database import Database
from hostd.cluster.fs.engine import Engine
from hostd.cluster.fs.replicate import Event, Fetch, Gate, Lose, Position, Proposal
from hostd.cluster.fs.transfer import Transfer
from hostd.cluster.group import sidechannel
from hostd.cluster.group.replicator import GroupReplicator
from hostd.cluster.group.transport import Event as Heard
from hostd.cluster.group.transport import Lost, Quorum, View
from hostd.cluster.standing import Member, Standing
from hostd.core.errors import HostError, ParseError, Unavailable

log = logging.getLogger(__name__)

ANSWER_S = 60.0  # longer than Corosync needs to miss a node and the others to agree again
RETRY_S = 0.5
LOOK_S = 1.0
FLUSH_S = 0.002
ASK_AGAIN_S = 0.05


class CorosyncGone(Unavailable):
    """Corosync ended or threw this daemon out: the daemon must start again."""


def one_change(now: Collection[int], wanted: Collection[int]) -> tuple[int, ...]:
    """``now`` with one node more or less, towards ``wanted``; additions first."""
    if more := sorted(set(wanted) - set(now)):
        return tuple(sorted({*now, more[0]}))
    return tuple(sorted(set(now) - set(sorted(set(now) - set(wanted))[:1])))


def _member(node: Node, *, online: bool) -> Member:
    first, *others = [node.links[k] for k in sorted(node.links)] or [""]
    return Member(node.name, node.node_id, first, online, tuple(others))


class _Attentive:
    """A transport that notes what passes; ``before_quorum`` is called before the group hears that it has quorum."""

    def __init__(self, transport: CorosyncTransport, before_quorum: Callable[[], None]) -> None:
        self._transport, self._before_quorum = transport, before_quorum
        self.own, self.max_message_bytes = transport.own, transport.max_message_bytes
        self.send, self.fileno = transport.send, transport.fileno
        self.online: frozenset[int] = frozenset()
        self.quorate = False
        self.changes = 0
        self.lost = ""

    def poll(self) -> Sequence[Heard]:
        events = self._transport.poll()
        for event in events:
            match event:
                case View():
                    self.online = frozenset(member.node_id for member in event.members)
                    self.changes += 1
                case Quorum():
                    self.quorate = event.quorate
                    self.changes += 1
                    if event.quorate:
                        self._before_quorum()
                case Lost():
                    self.lost = event.reason
        return events


class Cluster:
    """Speaks the Replicator protocol for the whole life of the daemon; ``run`` does the rest."""

    can_refuse = False

    def __init__(self, corosync: Path, database: Database) -> None:
        """``corosync``: the directory of corosync.conf and authkey. Nothing is connected before ``run``."""
        self._conf, self._authkey = corosync / "corosync.conf", corosync / "authkey"
        self._database = database
        self._wake: Callable[[], None] = lambda: None
        self._events: list[Event] = [Gate(False, "Corosync is not running on this node")]
        self._group: GroupReplicator | None = None
        self._transport: _Attentive | None = None
        self._running: Running | None = None
        self._polled, self._stuffed = trio.Event(), trio.Event()
        self._fetches, self._to_fetch = trio.open_memory_channel[Fetch](64)
        self._nodes: tuple[Node, ...] = ()
        self._name, self._version = "", 0
        self._node_changes = 0
        self._configured: tuple[int, ...] = ()
        self._configured_in = -1  # epoch in which the set of nodes was changed last
        self._mark = ""
        self._listener: Callable[[], None] = lambda: None
        self._told = 0
        self._checkup = Checkup(self._authkey, self._others)
        self._read_conf()

    # --- what the engine is given

    def replicator(self, wake: Callable[[], None]) -> Cluster:
        """For Engine's ``replicator``."""
        self._wake = wake
        return self

    def fetch(self, fetch: Fetch) -> None:
        """For Engine's ``on_fetch``."""
        self._fetches.send_nowait(fetch)

    def propose(self, proposal: Proposal) -> None:
        if self._group is None:
            self._events.append(Lose((proposal.id,), "Corosync is not running on this node; nothing was changed"))
            self._wake()
        else:
            self._group.propose(proposal)

    def poll(self) -> Sequence[Event]:
        self._polled.set()
        events, self._events = self._events, []
        if self._group is not None:
            events += self._group.poll()
            if not self._group.flush():
                self._stuffed.set()
        self._tell()
        return events

    def durable(self, position: Position, *, replaced: bool = False) -> None:
        assert self._group is not None, "only a group has work for the disk"
        self._group.durable(position, replaced=replaced)

    # --- what others see

    def standing(self) -> Standing:
        """For ``.members``, and for those who watch."""
        transport = self._transport
        online = transport.online if transport else frozenset()
        members = [_member(node, online=node.node_id in online) for node in self._nodes]
        return Standing(
            version=self._standing_version,
            name=self._name,
            config=self._version,
            quorate=bool(transport and transport.quorate and not transport.lost),
            members=tuple(members),
        )

    @property
    def _standing_version(self) -> int:
        return 1 + self._node_changes + (self._transport.changes if self._transport else 0)

    def listen(self, listener: Callable[[], None]) -> None:
        """``listener`` is called after each change of the standing, in the loop's thread."""
        self._listener = listener

    def _tell(self) -> None:
        if (version := self._standing_version) != self._told:
            self._told = version
            self._listener()

    def health(self) -> wire.Message | None:
        """For the socket: how the cluster is; None while Corosync does not run."""
        return self._checkup.health.to_wire() if self._checkup.health else None

    # --- the daemon's life

    async def run(self, engine: Engine) -> None:
        """Until cancelled. Raises CorosyncGone when Corosync ends, HostError."""
        real, self._running = await self._connect()
        self._transport = transport = _Attentive(real, self._look_at_once)
        try:
            seen = self._running.look()
            self._configured = tuple(node.node_id for node in seen.nodes)
            self._group = GroupReplicator(transport, self._database.durable, self._configured, self._wake)
            self._apply(seen, engine)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hear, transport, engine)
                nursery.start_soon(self._flush)
                nursery.start_soon(self._watch, engine)
                nursery.start_soon(self._carry, nursery)
                nursery.start_soon(self._serve, engine, transport)
                nursery.start_soon(self._checkup.run, transport.own.node_id)
        except EngineError as err:
            raise CorosyncGone(f"Corosync has gone: {err}") from err
        finally:
            await patience.close(real.close, self._running.close)  # leaves the group: the others see it at once

    async def _connect(self) -> tuple[CorosyncTransport, Running]:
        told = ""
        while True:
            try:
                transport = await trio.to_thread.run_sync(CorosyncTransport, abandon_on_cancel=True)
                try:
                    return transport, Running(transport.own.node_id)
                except BaseException:
                    transport.close()
                    raise
            except EngineError as err:
                if str(err) != told:
                    told = str(err)
                    log.warning("cannot join the store's group: %s; trying again until it works", err)
            await trio.sleep(RETRY_S)

    async def _hear(self, transport: _Attentive, engine: Engine) -> None:
        """Have the engine poll while Corosync has something to say."""
        while not transport.lost:
            # With a limit, since a poll for another reason may close what is waited for.
            with trio.move_on_after(LOOK_S):
                await trio.lowlevel.wait_readable(transport.fileno())
            self._polled = trio.Event()
            await engine.take()
            if not self._polled.is_set():  # another task is taking; meanwhile the descriptor is readable all the time
                await self._polled.wait()
        raise CorosyncGone(f"the store must start again: {transport.lost}")

    async def _flush(self) -> None:
        while True:
            await self._stuffed.wait()
            self._stuffed = trio.Event()
            await trio.sleep(FLUSH_S)
            if self._group is not None and not self._group.flush():
                self._stuffed.set()

    # --- nodes and forced quorum

    async def _watch(self, engine: Engine) -> None:
        while True:
            await trio.sleep(LOOK_S)
            if self._running is not None:
                self._apply(await patience.ask(self._running.look), engine)

    def _look_at_once(self) -> None:
        """The group must know that its quorum is forced before it hears of the quorum."""
        if self._running is not None:
            try:
                self._force(self._running.look().forced)
            except EngineError as err:
                log.info("cannot ask votequorum: %s", err)  # Corosync is ending, which the transport will tell

    def _apply(self, seen: Seen, engine: Engine) -> None:
        self._force(seen.forced)
        if seen.nodes != self._nodes:
            self._nodes = seen.nodes
            self._node_changes += 1
            self._read_conf()
            self._tell()
        wanted = tuple(node.node_id for node in seen.nodes)
        # Two memberships that accept changes must share a node: one change of the set at a time, an epoch in between.
        if wanted != self._configured and engine.position.epoch > self._configured_in and self._group is not None:
            self._configured = one_change(self._configured, wanted)
            self._configured_in = engine.position.epoch
            log.info("nodes that hold the store: %s", ", ".join(map(str, self._configured)))
            self._group.configure(self._configured)

    def _force(self, forced: bool) -> None:
        if forced != bool(self._mark) and self._group is not None:
            self._mark = secrets.token_hex(8) if forced else ""
            log.warning(
                "fewer votes are expected than there are nodes: going on without the others is allowed"
                if forced
                else "all votes are expected again"
            )
            self._group.force(self._mark)

    def _read_conf(self) -> None:
        """Name and version of the cluster, and the nodes while Corosync does not tell them."""
        try:
            conf = ClusterConf.parse(self._conf.read_text())
        except (OSError, ValueError, HostError) as err:
            log.warning("cannot read %s: %s", self._conf, err)
            return
        self._name, self._version = conf.name, conf.version
        self._nodes = self._nodes or tuple(sorted(conf.nodes, key=lambda node: node.node_id))

    # --- the side channel

    async def _carry(self, nursery: trio.Nursery) -> None:
        async for fetch in self._to_fetch:
            nursery.start_soon(self._fetch, fetch)

    async def _fetch(self, fetch: Fetch) -> None:
        """Ask until it is here or nobody waits for it any more."""
        while self._group is not None and self._group.session == fetch.session:
            addresses = self._addresses(fetch.node_id)
            try:
                transfer = await sidechannel.ask(addresses, self._authkey, fetch)
            except (OSError, ParseError) as err:
                log.warning("cannot fetch the store's state from node %d: %s", fetch.node_id, err)
                await trio.sleep(RETRY_S)
                continue
            if transfer is not None:
                self._group.arrived(fetch.session, transfer)
                return
            await trio.sleep(ASK_AGAIN_S)

    def _addresses(self, node_id: int) -> list[str]:
        """All of a node's addresses, in the order of its links."""
        return [node.links[k] for node in self._nodes if node.node_id == node_id for k in sorted(node.links)]

    def _others(self) -> dict[int, list[str]]:
        """Addresses of the nodes that are here, this one excepted."""
        transport = self._transport
        numbers = transport.online - {transport.own.node_id} if transport else frozenset()
        return {number: self._addresses(number) for number in sorted(numbers)}

    async def _serve(self, engine: Engine, transport: _Attentive) -> None:
        def answer(fetch: Fetch) -> Transfer | None:
            group = self._group
            if group is None or (fetch.node_id, fetch.pid) != (transport.own.node_id, os.getpid()):
                return None
            return engine.transfer_for(fetch) if group.session == fetch.session and group.is_idle else None

        told = ""
        while True:
            addresses = self._addresses(transport.own.node_id)
            try:
                listeners = await sidechannel.listen(addresses)
                break
            except OSError as err:
                if str(err) != told:
                    told = str(err)
                    log.warning("cannot listen on %s port %d yet: %s", ", ".join(addresses), sidechannel.PORT, err)
            await trio.sleep(LOOK_S)
        await sidechannel.serve(listeners, self._authkey, answer)
