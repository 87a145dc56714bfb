"""Both sides of a container's move speak to each other, and the source, the target or both are killed at each step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import HostError, NotFound, Unavailable
from hostd.core.run import Arg, Result
from hostd.core.run import Run as RealRun
from hostd.core.undo import Undo
from hostd.guests import handover
from hostd.guests.config import GuestKind, GuestPath, StoredGuest, from_file
from hostd.guests.lxc import lifecycle, runtime_config, volumes
from hostd.guests.lxc.ownership import all_volumes
from hostd.guests.qemu import sockets
from hostd.guests.volumes import catalog_of
from hostd.migration import containers, incoming, leftovers
from hostd.migration.incoming_containers import IncomingContainer
from hostd.migration.outgoing import Road
from hostd.migration.plan import Wish
from hostd.migration.wire import Stream
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import ListLog
from tests.fakes.containers import FakeEngine
from tests.fakes.machines import FakeMachines
from tests.fakes.run import FakeRun

CONF = b"rootfs: here:100/vm-100-disk-0.raw,size=4K\nmp0: here:100/subvol-100-disk-1.subvol,mp=/d,size=0T\n"
STEPS = 18


class Killed(BaseException):
    """As SIGKILL: nothing of the process runs any more, no way back is gone."""


class World:
    """Nodes alpha and beta with one store. ``left``: the source is killed after so many changes of the world.

    ``programs``: what starts programs on both; by default nothing does.
    """

    def __init__(self, work: Path, monkeypatch: pytest.MonkeyPatch, programs: RealRun | None = None) -> None:
        self.work, self._patch, self.left = work, monkeypatch, 0
        world = self

        class Store(MemoryStore):
            def write(self, path: str, data: bytes, **more: Any) -> Any:
                done = super().write(path, data, **more)
                world.tick()
                return done

            def rename(self, source: str, target: str, **more: Any) -> None:
                super().rename(source, target, **more)
                world.tick()

        class Run(FakeRun):
            def __call__(self, argv: Sequence[Arg], **more: Any) -> Result:
                if argv[:2] == ["qemu-img", "create"]:
                    Path(next(str(word) for word in argv if str(word).startswith("/"))).write_bytes(bytes(4096))
                result = super().__call__(argv, **more)
                if self is world.hosts["alpha"].run:
                    world.tick()
                return result

        self.store = Store("alpha")
        answers = {"qemu-img info": '{"virtual-size": 4096, "format": "raw"}', "ip": "[]"}
        self.hosts = {
            name: Host(node=name, store=self.store, mirror=self.store.mirror(), run=programs or Run(answers))
            for name in ("alpha", "beta")
        }
        self.engines = {"alpha": FakeEngine(up={100}), "beta": FakeEngine()}
        self.store.mkdir("nodes/beta/lxc", parents=True)
        text = "".join(
            f"dir: {name}\n\tpath {work}/{node}/vz\n\tcontent rootdir\n\tnodes {node}\n\n"
            for name, node in (("here", "alpha"), ("there", "beta"))
        )
        self.store.write("storage.cfg", text.encode())
        self.store.write("nodes/alpha/lxc/100.conf", CONF)
        folder = work / "alpha/vz/images/100"
        folder.mkdir(parents=True)
        (folder / "vm-100-disk-0.raw").write_bytes(bytes(4096))
        (folder / "subvol-100-disk-1.subvol").mkdir()
        self.become("alpha")

    def become(self, node: str) -> None:
        place = f"{self.work}/{node}"
        self._patch.setattr(locks, "DIRECTORY", f"{place}/locks")
        self._patch.setattr(leftovers, "FOLDER", f"{place}/notes")
        self._patch.setattr(sockets, "FOLDER", f"{place}/sockets")
        self._patch.setattr(handover, "FOLDER", f"{place}/m")
        self._patch.setattr(runtime_config, "folder", lambda vmid: f"{place}/lxc/{vmid}")

    @contextlib.contextmanager
    def at(self, node: str) -> Iterator[None]:
        self.become(node)
        try:
            yield
        finally:
            self.become("alpha")

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    # --- looking

    def owner(self) -> StoredGuest:
        found = []
        for node in self.hosts:
            place = GuestPath(node=node, kind=GuestKind.LXC, vmid=100)
            with contextlib.suppress(NotFound):
                found.append(from_file(place, self.store.read(place.path)))
        assert len(found) == 1
        return found[0]

    def on_disk(self, node: str) -> set[str]:
        return {path.name for path in (self.work / node / "vz/images/100").glob("*")}

    def check(self) -> None:
        """After whoever comes next: one container that can be started, all of its volumes, nothing else."""
        for node, host in self.hosts.items():
            with self.at(node):
                leftovers.clear_all(host, ListLog(), FakeMachines(), self.engines[node])
        home = self.owner().where.node
        away = "beta" if home == "alpha" else "alpha"
        with self.at(home), contextlib.suppress(HostError):  # it may run already
            lifecycle.start(self.hosts[home], ListLog(), 100, engine=self.engines[home])
        assert self.engines[home].up == {100}
        assert self.engines[away].up == set()
        guest = self.owner()
        assert "lock" not in guest.file.current
        assert not guest.file.special
        named = {VolumeId.parse(name) for name in all_volumes(guest.file, 100)}
        assert len(named) == 2
        assert all(catalog_of(self.hosts[home]).has(volume) for volume in named)
        assert self.on_disk(home) == {volume.name.rpartition("/")[2] for volume in named}
        assert self.on_disk(away) == set()


class Joined:
    """``outgoing.Target`` without a network: requests go to the other side in this process. ``dies``: after so many of
    them the target is gone, before it answers."""

    world: World
    dies = 0

    def __init__(self, host: Host, log: ListLog, node: str, vmid: int, *_: object, kind: GuestKind) -> None:
        self.node, self._asked, self._dead = node, 0, False
        with self.world.at("beta"):
            self._session = IncomingContainer(
                self.world.hosts[node], ListLog(), vmid, FakeMachines(), self.world.engines[node]
            )

    def __enter__(self) -> Joined:
        self.ask("begin", source="alpha")
        return self

    def __exit__(self, *_: object) -> None:
        if self._dead:
            return
        left, self.world.left = self.world.left, 0  # it is the other process
        with self.world.at("beta"):
            self._session.leave()
        self.world.left = left

    def ask(self, op: str, **more: object) -> dict[str, Any]:
        self._asked += 1
        if self._asked == self.dies:
            with self.world.at("beta"), contextlib.suppress(HostError):
                self._session.answer({"op": op, **more})
            self._dead = True
            self._session._stack.close()  # its locks end with it
        if self._dead:
            raise Unavailable("the connection to the other node broke")
        left, self.world.left = self.world.left, 0
        try:
            with self.world.at("beta"):
                return self._session.answer({"op": op, **more})
        finally:
            self.world.left = left
            self.world.tick()

    def place(self, stream: Stream) -> str:
        with self.world.at("beta"):
            return incoming.socket_of(stream, 100)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    end = Undo.__exit__

    def leave(self: Undo, kind: Any, error: Any, trace: Any) -> None:
        if kind is not Killed:
            end(self, kind, error, trace)

    monkeypatch.setattr(Undo, "__exit__", leave)
    monkeypatch.setattr(volumes.os, "chown", lambda *_: None)
    monkeypatch.setattr(incoming, "_TRY_S", 0.0)
    monkeypatch.setattr(containers, "Target", Joined)
    made = World(tmp_path, monkeypatch)
    monkeypatch.setattr(Joined, "world", made, raising=False)
    return made


def move(world: World) -> None:
    wish = Wish(target="beta", storages={"here": "there"})
    containers.move(
        world.hosts["alpha"], ListLog(), 100, wish, Road(addresses=[]), ["beta"],
        restart=True, engine=world.engines["alpha"], machines=FakeMachines(),
    )  # fmt: skip


def test_it_moves_and_runs_again(world: World) -> None:
    move(world)
    assert world.owner().where.node == "beta"
    assert world.engines["beta"].up == {100}
    world.check()


def test_a_target_that_cannot_take_it_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> dict[str, Any]:
        raise Unavailable("full")

    monkeypatch.setattr(IncomingContainer, "_taken", refuse)
    with pytest.raises(HostError, match="full"):
        move(world)
    assert world.owner().where.node == "alpha"
    assert world.engines["alpha"].up == {100}
    world.check()


@pytest.mark.parametrize("steps", range(1, STEPS))
def test_a_source_that_is_killed(world: World, steps: int) -> None:
    """At each step; the last ones are behind the end of the move."""
    world.left = steps
    with contextlib.suppress(Killed):
        move(world)
    if steps == 1:
        assert world.left == 0, "it was killed at its first step"
    world.left = 0
    world.check()


def test_every_step_was_among_them(world: World) -> None:
    world.left = STEPS
    move(world)
    assert 0 < world.left < 9, "otherwise say more of them, or fewer"


@pytest.mark.parametrize("requests", range(1, 10))
def test_a_target_that_is_killed(world: World, monkeypatch: pytest.MonkeyPatch, requests: int) -> None:
    """Before it is handed over the container runs on here; after that the target starts it when it looks after it."""
    monkeypatch.setattr(Joined, "dies", requests)
    with contextlib.suppress(HostError):
        move(world)
    if world.owner().where.node == "alpha":
        assert world.engines["alpha"].up == {100}
    world.check()
