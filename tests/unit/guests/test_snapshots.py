"""Snapshots: what becomes of the file, and in which order the world is changed; failures leave nothing behind."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hostd.core.errors import Conflict, HostError, NotFound
from hostd.core.formats.keyvalue import GuestFile, GuestSection, parse_guest
from hostd.guests import snapshots
from hostd.guests.qemu.config import state_volumes

BASE = "memory: 512\nname: web\nscsi0: fast:vm-100-disk-0,size=4G\nvirtio1: fast:vm-100-disk-1,size=1G\n"


class World:
    """Remembers the steps. ``broken``: steps that fail, as they are written into ``did``."""

    def __init__(self, *broken: str, running: bool = False) -> None:
        self.broken, self.running = broken, running
        self.did: list[str] = []
        self.file: GuestFile | None = None

    def _do(self, step: str) -> None:
        if step in self.broken:
            raise HostError(f"{step} is broken")
        self.did.append(step)

    def save(self, file: GuestFile) -> None:
        self.file = file
        self.did.append(f"save {file.current.get('lock', '')}".strip())

    def volumes(self, values: Mapping[str, str]) -> Mapping[str, str]:
        return state_volumes(values)

    def now_s(self) -> int:
        return 1000

    def require_feature(self, values: Mapping[str, str]) -> None:
        self._do("feature")

    def is_running(self) -> bool:
        return self.running

    def allocate_memory(self, name: str) -> Mapping[str, str]:
        self._do("allocate")
        return {"vmstate": f"fast:vm-100-state-{name}", "runningmachine": "pc-i440fx-10.0"}

    def freeze(self, *, memory: str) -> None:
        self._do(f"freeze {memory}".strip())

    def thaw(self) -> None:
        self._do("thaw")

    def take(self, volume: str, name: str) -> None:
        self._do(f"take {volume}@{name}")

    def remove(self, volume: str, name: str) -> None:
        self._do(f"remove {volume}@{name}")

    def free_memory(self, volume: str) -> None:
        self._do(f"free {volume}")

    def require_rollback(self, volume: str, name: str) -> None:
        self._do(f"may {volume}@{name}")

    def activate(self, section: GuestSection) -> None:
        self._do("activate")

    def stop(self) -> None:
        self._do("stop")
        self.running = False

    def roll_back(self, volume: str, name: str) -> None:
        self._do(f"back {volume}@{name}")

    def new_generation(self) -> str:
        return "new"


def taken(text: str = BASE, **kwargs: bool) -> tuple[World, GuestFile]:
    world = World(running=kwargs.get("memory", False))
    return world, snapshots.create(world, parse_guest(text), "first", comment="why", **kwargs)


def test_a_snapshot_is_the_configuration_of_its_moment() -> None:
    world, file = taken(BASE + "unused0: fast:vm-100-disk-7\n[PENDING]\nmemory: 1024\n")
    section = file.snapshots["first"]
    assert section.comment == "why"
    assert section.values == {
        "memory": "512", "name": "web", "scsi0": "fast:vm-100-disk-0,size=4G", "snaptime": "1000",
        "virtio1": "fast:vm-100-disk-1,size=1G",
    }  # fmt: skip
    assert file.current["parent"] == "first"
    assert file.pending == {"memory": "1024"}
    assert world.did == [
        "feature", "save snapshot", "activate", "take fast:vm-100-disk-0@first", "take fast:vm-100-disk-1@first",
        "thaw", "save",
    ]  # fmt: skip


def test_memory_is_saved_while_the_guest_is_held() -> None:
    world, file = taken(memory=True)
    assert file.snapshots["first"].values["vmstate"] == "fast:vm-100-state-first"
    assert file.snapshots["first"].values["runningmachine"] == "pc-i440fx-10.0"
    order = [step.split()[0] for step in world.did]
    assert order == ["feature", "allocate", "save", "activate", "freeze", "take", "take", "thaw", "save"]


@pytest.mark.parametrize(
    "broken",
    ["activate", "freeze fast:vm-100-state-first", "take fast:vm-100-disk-0@first", "take fast:vm-100-disk-1@first"],
)  # fmt: skip
def test_a_failed_snapshot_leaves_the_file_as_it_was(broken: str) -> None:
    world, before = World(broken, running=True), parse_guest(BASE)
    with pytest.raises(HostError, match="broken"):
        snapshots.create(world, before, "first", memory=True)
    assert world.file == before
    made = {step.removeprefix("take ") for step in world.did if step.startswith("take")}
    gone = {step.removeprefix("remove ") for step in world.did if step.startswith("remove")}
    assert made == gone
    assert "free fast:vm-100-state-first" in world.did
    assert broken == "activate" or "thaw" in world.did


def test_names_are_used_once() -> None:
    world, file = taken()
    with pytest.raises(Conflict, match="already used"):
        snapshots.create(world, file, "first")
    with pytest.raises(Conflict, match="already used"):
        snapshots.create(world, file, "current")


def test_a_locked_guest_is_left_alone() -> None:
    for act in (snapshots.create, snapshots.delete, snapshots.roll_back):
        file = parse_guest(BASE + "lock: backup\n\n[first]\nmemory: 1\nsnaptime: 1\n")
        world = World()
        with pytest.raises(Conflict):
            act(world, file, "first" if act is not snapshots.create else "second")
        assert world.file is None


def test_descendants_get_the_parent_of_what_is_removed() -> None:
    world, file = taken()
    file = snapshots.create(world, file, "second")
    file = snapshots.create(world, file, "third")
    file = snapshots.delete(world, file, "second")
    assert file.snapshots["third"].values["parent"] == "first"
    file = snapshots.delete(world, file, "third")
    assert file.current["parent"] == "first"
    file = snapshots.delete(world, file, "first")
    assert "parent" not in file.current
    assert not file.snapshots


def test_a_disk_that_only_the_snapshot_knew_is_kept_as_unused() -> None:
    world, file = taken()
    without = {k: v for k, v in file.current.items() if k != "virtio1"}
    file = snapshots.delete(world, GuestFile(current=without, snapshots=file.snapshots), "first")
    assert file.current["unused0"] == "fast:vm-100-disk-1"


def test_a_half_done_deletion_tells_what_is_left_and_may_be_repeated() -> None:
    _, file = taken()
    world = World("remove fast:vm-100-disk-1@first")
    with pytest.raises(HostError, match="broken"):
        snapshots.delete(world, file, "first")
    assert world.file is not None
    left = world.file.snapshots["first"].values
    assert (left["snapstate"], world.file.current["lock"]) == ("delete", "snapshot-delete")
    assert "scsi0" not in left
    assert left["unused0"] == "fast:vm-100-disk-0"
    again = World()
    assert snapshots.delete(again, world.file, "first").snapshots == {}
    assert "remove fast:vm-100-disk-1@first" in again.did
    forced = World("remove fast:vm-100-disk-1@first")
    assert snapshots.delete(forced, file, "first", force=True).snapshots == {}


def test_rollback() -> None:
    world, file = taken(BASE + "vmgenid: old\n")
    changed = {**file.current, "memory": "2048", "sata0": "fast:vm-100-disk-9,size=1G", "unused3": "fast:vm-100-disk-3"}
    file = GuestFile(comment="notes", current=changed, pending={"cores": "2"}, snapshots=file.snapshots)
    world = World(running=True)
    done = snapshots.roll_back(world, file, "first")
    assert done.file.comment == "notes"
    assert done.file.pending == {}
    assert done.file.current == {
        "memory": "512", "name": "web", "parent": "first", "scsi0": "fast:vm-100-disk-0,size=4G",
        "virtio1": "fast:vm-100-disk-1,size=1G", "vmgenid": "new", "unused0": "fast:vm-100-disk-9",
        "unused3": "fast:vm-100-disk-3",
    }  # fmt: skip
    assert [step.split()[0] for step in world.did] == ["may", "may", "activate", "stop", "save", "back", "back", "save"]


def test_rollback_to_saved_memory() -> None:
    _, file = taken(memory=True)
    done = snapshots.roll_back(World(), file, "first")
    assert done.memory == "fast:vm-100-state-first"
    assert done.running == {"runningmachine": "pc-i440fx-10.0"}
    assert not {"vmstate", "runningmachine", "snaptime"} & set(done.file.current)


def test_a_half_done_rollback_stays_locked_and_may_be_repeated() -> None:
    _, file = taken()
    world = World("back fast:vm-100-disk-1@first")
    with pytest.raises(HostError, match="broken"):
        snapshots.roll_back(world, file, "first")
    assert world.file is not None
    assert world.file.current["lock"] == "rollback"
    assert snapshots.roll_back(World(), world.file, "first").file.current.get("lock") is None


def test_what_is_not_there_or_not_complete() -> None:
    file = parse_guest(BASE + "\n[half]\nmemory: 1\nsnapstate: prepare\nsnaptime: 1\n")
    with pytest.raises(NotFound, match="does not exist"):
        snapshots.delete(World(), file, "other")
    with pytest.raises(Conflict, match="incomplete"):
        snapshots.roll_back(World(), file, "half")
    with pytest.raises(Conflict, match="not locked"):
        snapshots.commit(World(), file, "half")
