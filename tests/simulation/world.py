"""A run: a cluster, clients, faults, healing, and what must hold; all of it follows from the seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from hostd.cluster.fs.mutations import Batch, Delete, Mkdir, Mutation, Rename, Write
from hostd.cluster.fs.replicate import Entry, Position
from hostd.cluster.group.group import Group
from tests.simulation.disk import Crashed, Disk, DiskError, Name, RealDisk, all_nodes
from tests.simulation.network import Network
from tests.simulation.node import Clocks, Daemon

MUTATIONS = 50
FAULTS = (3, 7)
REAL_DATABASE = 50  # one run in so many has the production database on a real file
LEASE = "the-lease"


class Broken(Exception):
    """Something that must hold does not."""


class Fault(StrEnum):
    LOSS = "loss"
    PARTITION = "partition"
    CRASH = "crash"
    POWER = "power"
    POWER_ALL = "power-all"
    DISK_FULL = "disk-full"
    SYNC_ERROR = "sync-error"
    CLOCK_JUMP = "clock-jump"
    EXPECTED_ONE = "expected-1"
    A_B_TURNS = "turns"  # one half down, the other one writes, down, the first one up


@dataclass
class Planted:
    """What a test replaces to prove that the runs notice: production has no such switches."""

    group: type[Group] = Group
    disk: type[Disk] = Disk


@dataclass
class Result:
    seed: int
    nodes: int
    faults: list[Fault] = field(default_factory=list)
    proposed: int = 0
    acknowledged: int = 0
    unknown: int = 0
    snapshots: int = 0
    forked: bool = False
    broken: str = ""


class World:
    def __init__(self, seed: int, planted: Planted | None = None) -> None:
        self.rng = rng = random.Random(seed)
        self.planted = planted or Planted(disk=RealDisk if seed % REAL_DATABASE == 0 else Disk)
        count = rng.choices((1, 2, 3, 4, 5), (1, 5, 6, 2, 1))[0]
        self.numbers = list(range(1, count + 1))
        self.result = Result(seed, count)
        witness = count in (2, 4) and rng.random() < 0.7
        self.network = Network(rng, self.numbers, witness)
        self.disks = {n: self.planted.disk(f"origin{n}", rng) for n in self.numbers}
        self.clocks = {n: Clocks() for n in self.numbers}
        self.daemons: dict[int, Daemon] = {}
        self.now = 0.0
        self.acknowledged: dict[Name, tuple[Position, bool]] = {}  # and whether it is a lease's
        self._ids = 0

    def run(self) -> Result:
        rng = self.rng
        for number in self.numbers:
            self.network.boot(number)
            self.start(number)
        self.ticks(40)
        kinds = list(Fault)
        if rng.random() < 0.7:
            kinds.remove(Fault.EXPECTED_ONE)
        wanted = rng.randint(*FAULTS)
        while len(self.result.faults) < wanted:
            self.ticks(rng.randint(2, 15), busy=True)
            fault = rng.choice(kinds)
            if not self.strike(fault):
                self.mend()  # what it should strike is down already
                continue
            self.result.faults.append(fault)
            self.ticks(rng.randint(2, 20), busy=True)
            if rng.random() < 0.5:
                self.mend()
        self.heal()
        while self.result.proposed < MUTATIONS:
            self.ticks(5, busy=True)
        self.heal()
        self.check_end()
        return self.result

    def close(self) -> None:
        for disk in self.disks.values():
            disk.discard()

    # --- daemons and machines

    def start(self, number: int) -> None:
        self.disks[number].reopen()
        wire = self.network.open(number)
        self.daemons[number] = Daemon(
            number,
            self.disks[number],
            wire,
            tuple(self.numbers),
            self.clocks[number],
            self.rng,
            self.planted.group,
        )

        if number in self.network.expected_one:
            self.daemons[number].replicator.force(f"fork{self.now:.0f}")

    def end(self, number: int, *, power: bool) -> None:
        self.daemons.pop(number, None)
        if power:
            self.disks[number].power_lost()
            self.network.cut_power({number})
        else:
            self.network.close(number)

    # --- time

    def ticks(self, count: int, *, busy: bool = False) -> None:
        for _ in range(count):
            self.tick(busy=busy)

    def tick(self, *, busy: bool) -> None:
        rng = self.rng
        self.now += 1.0
        self.network.tick()
        for number in rng.sample(self.numbers, len(self.numbers)):
            daemon = self.daemons.get(number)
            if daemon is None or rng.random() < 0.15:
                continue
            try:
                if busy:
                    self.client(daemon)
                self.carry(daemon)
                daemon.run()
            except Crashed as crash:
                self.end(number, power=crash.power)
            except DiskError:
                self.end(number, power=False)
        self.check_leases()

    def carry(self, daemon: Daemon) -> None:
        """The side channel: what a node fetches arrives some time, if both ends are there."""
        fetch = daemon.fetch
        if fetch is None or self.rng.random() < 0.4:
            return
        source = self.daemons.get(fetch.node_id)
        if (
            source is None
            or source.wire.own.pid != fetch.pid
            or not self.network.connected(daemon.number, fetch.node_id)
        ):
            return
        transfer = source.serve(fetch)
        if transfer is not None:
            daemon.fetched = list(source.disk.image.history)
            daemon.fetch = None
            self.result.snapshots += not isinstance(transfer.content, tuple)
            daemon.replicator.arrived(fetch.session, transfer)

    # --- clients

    def client(self, daemon: Daemon) -> None:
        rng = self.rng
        if rng.random() < 0.2:
            self._ids += 1
            number = self._ids
            self.hear(daemon, number, lambda: daemon.want_lease(number, LEASE, self.now), lease=True)
        if daemon.gate.open and rng.random() < 0.5:
            self._ids += 1
            number = self._ids
            self.result.proposed += 1
            mutation = self.mutation(number)
            self.hear(
                daemon, number, lambda: daemon.submit(number, mutation, self.now, lambda entry: None), lease=False
            )

    def hear(self, daemon: Daemon, number: int, ask: Callable[[], None], *, lease: bool) -> None:
        """Have the change made, and check its answer."""
        ask()
        waiting = daemon.waiting.get(number)
        if waiting is None:
            return
        then = waiting.answer

        def answered(entry: Entry | None) -> None:
            then(entry)
            if entry is None:
                self.result.unknown += 1
            elif entry.outcome.effects:
                self.result.acknowledged += 1
                name = (daemon.name, number)
                self.check_copies(daemon, entry.position, name)
                self.acknowledged[name] = (entry.position, lease)

        waiting.answer = answered

    def mutation(self, number: int) -> Mutation:
        rng = self.rng
        path = f"f{rng.randint(0, 9)}"
        inode = 1 << 62 | number << 4
        match rng.randint(0, 9):
            case 0:
                return Delete(path=path)
            case 1:
                return Rename(source=path, target=f"f{rng.randint(0, 9)}")
            case 2:
                steps = (
                    Mkdir(path=f"d{number % 5}", inode=inode, exist_ok=True),
                    Write(path=path, data=b"x", inode=inode + 1),
                )
                return Batch(steps=steps)
            case 3:
                return Write(path=path, data=rng.randbytes(rng.randint(500, 2500)), inode=inode)
            case 4:
                return Write(path=path, data=b"first", inode=inode, if_version=0)
            case _:
                return Write(path=path, data=str(number).encode(), inode=inode)

    # --- faults

    def strike(self, fault: Fault) -> bool:
        """Whether there was anything to strike."""
        rng, number = self.rng, self.rng.choice(self.numbers)
        match fault:
            case Fault.LOSS:
                self.network.slow = rng.choice((0.3, 0.5, 0.7))
            case Fault.PARTITION:
                side = frozenset(n for n in self.numbers if rng.random() < 0.5)
                if not side & self.network.up or not self.network.up - side:
                    return False
                self.network.split([side, frozenset(self.numbers) - side])
            case Fault.CRASH | Fault.POWER:
                if (daemon := self.daemons.get(number)) is None:
                    return False
                point = rng.choice(("begin", "written", "synced", "published"))
                daemon.crash_at = (point, fault is Fault.POWER)
                if rng.random() < 0.3:
                    self.end(number, power=fault is Fault.POWER)
            case Fault.POWER_ALL:
                if not self.network.up:
                    return False
                for each in self.numbers:
                    self.end(each, power=True)
                back = [n for n in self.numbers if rng.random() < 0.7]
                self.boot(back)
            case Fault.DISK_FULL:
                self.disks[number].full = True
            case Fault.SYNC_ERROR:
                self.disks[number].broken_sync = True
            case Fault.CLOCK_JUMP:
                self.clocks[number].wall_offset += rng.uniform(-1e6, 1e6)
                if rng.random() < 0.5:
                    self.clocks[number].steady_offset += rng.uniform(0, 1000)
            case Fault.EXPECTED_ONE:
                if (daemon := self.daemons.get(number)) is None:
                    return False
                self.result.forked = True
                self.network.expect_one(number)
                daemon.replicator.force(f"fork{self.now:.0f}")
            case Fault.A_B_TURNS:
                half = set(rng.sample(self.numbers, (len(self.numbers) + 1) // 2))
                for each in half:
                    self.end(each, power=True)
                self.boot([n for n in self.numbers if n not in half])
                self.ticks(rng.randint(10, 40), busy=True)
                for each in set(self.numbers) - half:
                    self.end(each, power=True)
                self.boot(sorted(half))
                self.ticks(rng.randint(10, 40), busy=True)
        return True

    def boot(self, numbers: list[int]) -> None:
        for number in numbers:
            self.disks[number].full = False
            if number not in self.network.up:
                self.network.boot(number)
            if number not in self.daemons:
                self.start(number)

    def mend(self) -> None:
        """One kind of trouble ends."""
        match self.rng.randint(0, 2):
            case 0:
                self.network.split([frozenset(self.numbers)])
            case 1:
                self.boot([n for n in self.numbers if self.rng.random() < 0.7])
            case _:
                self.network.slow = 0.0

    def heal(self) -> None:
        """Everything is repaired; then all must agree within a bounded time."""
        self.network.slow = 0.0
        for disk in self.disks.values():
            disk.full = disk.broken_sync = False
        for daemon in self.daemons.values():
            daemon.crash_at = None
            daemon.replicator.force("")
        self.network.expected_one.clear()
        self.network.split([frozenset(self.numbers)])
        self.boot(self.numbers)
        for _ in range(400):
            self.tick(busy=False)
            if self.quiet():
                return
        state = {n: (d.gate, d.position, d.fetch) for n, d in self.daemons.items()}
        raise Broken(f"no agreement after everything was healed: {state}")

    def quiet(self) -> bool:
        """Whether nothing more is going to happen."""
        daemons = self.daemons.values()
        return (
            all(d.gate.open and not d.waiting and not d.wire.inbox and not d.wire.unsent for d in daemons)
            and len({d.position for d in daemons}) == 1
            and len(self.daemons) == len(self.numbers)
        )

    # --- what must hold

    def check_copies(self, daemon: Daemon, position: Position, name: Name) -> None:
        """Nothing is acknowledged without a durable majority (of all; with a witness, all of the working half)."""
        image = daemon.disk.image
        members = image.epochs[-1].nodes
        # In a run with a fork, a copy may be gone when the answer is heard: lost to the other side, and told so.
        lost = {n for n in self.numbers if self.result.forked and name in self.disks[n].lost}
        copies = [n for n in self.numbers if n in lost or any(name == at for _, at in self.disks[n].image.history)]
        if len(copies) < min(len(self.numbers) // 2 + 1, len(members)):
            raise Broken(f"{name} at {position} was acknowledged with copies on {copies} of {self.numbers}")

    def check_leases(self) -> None:
        holders = [d.name for d in self.daemons.values() if d.held and d.held.is_held(d.steady(self.now))]
        if len(holders) > 1 and not self.result.forked:
            raise Broken(f"the lease is held by {holders} at once")

    def check_end(self) -> None:
        images = [self.disks[n].image for n in self.numbers]
        first = images[0]
        for disk in self.disks.values():
            disk.reopen()
        for daemon in self.daemons.values():
            if all_nodes(daemon.tree) != all_nodes(daemon.disk.image.tree):
                raise Broken(f"memory and disk of {daemon.name} differ")
        for number, image in zip(self.numbers, images, strict=True):
            same = sorted(all_nodes(image.tree), key=lambda n: n.inode) == sorted(
                all_nodes(first.tree), key=lambda n: n.inode
            )
            if not same or image.chain != first.chain or image.history != first.history:
                raise Broken(f"nodes 1 and {number} differ after everything was healed")
        there = {name for _, name in first.history}
        told = set().union(*(disk.lost for disk in self.disks.values())) if self.result.forked else set()
        for name, (position, lease) in self.acknowledged.items():
            if name not in there and name not in told and not (lease and self.result.forked):
                raise Broken(f"{name}, acknowledged at {position}, is lost")


def simulate(seed: int, planted: Planted | None = None) -> Result:
    world = World(seed, planted)
    try:
        return world.run()
    except Broken as err:
        world.result.broken = str(err)
    except Exception as err:  # noqa: BLE001 - whatever it is, the seed that shows it is wanted
        world.result.broken = f"{type(err).__name__}: {err}"
    finally:
        world.close()
    return world.result
