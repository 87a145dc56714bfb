"""Containers from backups: what becomes of the configuration, and that what is there stays until all is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import CommandFailed, Conflict, Denied, HostError, NotFound
from hostd.core.run import Result
from hostd.core.undo import Undo
from hostd.guests.lxc import archive, disks, identities, lifecycle, restoring, runtime_config, volumes
from hostd.guests.lxc.inside.job import Report
from hostd.guests.lxc.ownership import all_volumes
from hostd.guests.lxc.restore import Wanted, restore
from hostd.guests.lxc.restoring import Caller, Restored
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.fakes.containers import FakeEngine
from tests.unit.guests.lxc.test_ct_killed import Clock, DyingStore, Killed
from tests.unit.guests.lxc.test_ct_lifecycle import Programs, current

TEXT = """#kept note
arch: amd64
dev0: /dev/ttyS0
features: nesting=1,keyctl=1
hookscript: local:snippets/x
hostname: web
lock: backup
memory: 256
mp0: old:100/vm-100-disk-1.raw,mp=/data,backup=1,size=2560M
mp1: old:100/vm-100-disk-2.raw,mp=/scratch,size=1G
mp2: /srv/shared,mp=/srv
net0: name=eth0,bridge=vmbr0,hwaddr=02:00:00:00:00:01
ostype: debian
parent: before
rootfs: old:100/vm-100-disk-0.raw,size=4G,quota=0
unprivileged: 1
unused0: old:100/vm-100-disk-9.raw
lxc.cap.drop: sys_admin

[before]
rootfs: old:100/vm-100-disk-0.raw,size=4G
"""
BACKUP = "local:backup/vzdump-lxc-100-2026_01_02-03_04_05.tar.zst"
ROOT = Caller(may=lambda path, privilege: True, root=True)


def somebody(*may: tuple[str, str]) -> Caller:
    return Caller(may=lambda path, privilege: (path, privilege) in may, root=False)


def restored(caller: Caller = ROOT, *, unique: bool = False, **given: str) -> Restored:
    return restoring.restored(
        TEXT, 100, given, "new", caller, unique=unique, random=lambda count: bytes(range(count)), mac_prefix="02:AB:CD"
    )


def test_volumes_are_made_anew_and_the_moment_is_left_behind() -> None:
    found = restored()
    assert found.values["rootfs"] == "new:4,quota=0"
    assert found.values["mp0"] == "new:2.5,backup=1,mp=/data"
    assert found.values["mp1"] == "new:1,mp=/scratch"
    assert found.values["mp2"] == "/srv/shared,mp=/srv"
    assert found.values["net0"].endswith("hwaddr=02:00:00:00:00:01")
    assert not {"lock", "parent", "unused0"} & set(found.values)
    assert (found.comment, found.raw) == ("kept note", (("lxc.cap.drop", "sys_admin"),))
    assert found.notes == ("mp1 is made empty: the backup does not hold its files",)


def test_what_is_given_stands_before_the_backup() -> None:
    found = restored(rootfs="fast:9", hostname="other", description="new", unprivileged="0")
    assert (found.values["rootfs"], found.values["hostname"], found.values["unprivileged"]) == ("fast:9", "other", "0")
    assert found.comment == "new"


def test_another_container_has_other_addresses() -> None:
    assert restored(unique=True).values["net0"] == "bridge=vmbr0,hwaddr=02:AB:CD:00:01:02,name=eth0"


def test_what_reaches_into_the_host_is_for_who_may_give_it() -> None:
    bridge = ("/sdn/zones/localnetwork/vmbr0", "SDN.Use")
    found = restored(somebody(bridge))
    assert not {"dev0", "hookscript", "mp2"} & set(found.values)
    assert found.values["features"] == "nesting=1"
    assert found.raw == ()
    assert len(found.notes) == 6
    found = restored(somebody(bridge, ("/vms/100", "Host.Devices")))
    assert {"dev0", "mp2"} <= set(found.values)
    assert "hookscript" not in found.values
    with pytest.raises(Denied, match="vmbr0"):
        restored(somebody())


def test_storages_and_roots_that_cannot_be() -> None:
    restoring.require_storages({"a"}, somebody(("/storage/a", "Datastore.AllocateSpace")))
    with pytest.raises(Denied, match="/storage/b"):
        restoring.require_storages({"a", "b"}, somebody(("/storage/a", "Datastore.AllocateSpace")))
    with pytest.raises(Conflict, match="new volume"):
        restoring.refuse_root_elsewhere({"rootfs": "old:100/vm-100-disk-0.raw"})
    with pytest.raises(Conflict, match="no container's configuration"):
        restoring.restored("", 100, {}, "new", ROOT, unique=False, random=bytes, mac_prefix="02:AB:CD")


# --- the operation


class Tar(Programs):
    """Shows the configuration of the backup; ``text`` None: there is none. ``broken``: the rest cannot be unpacked."""

    text: str | None = "hostname: web\nrootfs: old:100/x.raw,size=1G\nunprivileged: 1\n"
    broken = False

    def __call__(self, argv: Sequence[Any], **kwargs: Any) -> Result:
        if "--to-stdout" in argv:
            if self.text is None:
                raise CommandFailed([str(word) for word in argv], 2, "tar: x: Not found in archive")
            os.write(kwargs["stdout"], self.text.encode())
        if self.broken and argv[0] == "setpriv":
            raise CommandFailed(["tar"], 2, "tar: Unexpected EOF in archive")
        return super().__call__(argv, **kwargs)


@pytest.fixture
def programs() -> Tar:
    return Tar({"setpriv": Report(ostype="debian", arch="amd64").to_json()})


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: Tar) -> Host:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(runtime_config, "folder", lambda vmid: f"{tmp_path}/lxc/{vmid}")
    monkeypatch.setattr(volumes.os, "chown", lambda *a: None)
    monkeypatch.setattr(identities, "is_reserved", lambda text: True)
    store = MemoryStore("pve1")
    store.write("storage.cfg", f"dir: local\n\tpath {tmp_path}/vz\n\tcontent rootdir,backup,vztmpl\n\n".encode())
    for place in ("dump", "template/cache"):
        (tmp_path / "vz" / place).mkdir(parents=True)
    (tmp_path / "vz/dump" / BACKUP.rpartition("/")[2]).write_bytes(b"\x28\xb5\x2f\xfd")
    (tmp_path / "vz/template/cache/t.tar.gz").write_bytes(b"\x1f\x8b")
    return Host(node="pve1", store=store, mirror=store.mirror(), run=programs)


def present(host: Host, tmp_path: Path) -> Path:
    """A container 100 that is there, with a volume."""
    volume = tmp_path / "vz/images/100/vm-100-disk-0.raw"
    volume.parent.mkdir(parents=True)
    volume.write_bytes(b"precious")
    host.store.write("nodes/pve1/lxc/100.conf", b"hostname: old\nrootfs: local:100/vm-100-disk-0.raw,size=1G\n")
    return volume


def wanted(**more: Any) -> Wanted:
    return Wanted(archive=BACKUP, user="root@pam", storage="local", **more)


def test_a_container_from_its_backup(host: Host, programs: Tar) -> None:
    engine, log = FakeEngine(), ListLog()
    restore(host, log, 100, wanted(start=True), engine=engine)
    file = current(host)
    assert file.current["rootfs"] == "local:100/vm-100-disk-0.raw,size=1G"
    assert (file.current["hostname"], file.current["unprivileged"]) == ("web", "1")
    assert "lock" not in file.current
    assert engine.up == {100}
    read = next(call for call in programs.calls if "--to-stdout" in call)
    assert read[0] == "lxc-usernsexec", "not as root of the host"


def test_one_that_is_there_is_replaced_when_the_new_one_is_whole(host: Host, tmp_path: Path, programs: Tar) -> None:
    old = present(host, tmp_path)
    with pytest.raises(Conflict, match="already"):
        restore(host, ListLog(), 100, wanted(), engine=FakeEngine())
    with pytest.raises(Conflict, match="is running"):
        restore(host, ListLog(), 100, wanted(force=True), engine=FakeEngine(up={100}))
    programs.broken = True
    with pytest.raises(HostError, match="Unexpected EOF"):
        restore(host, ListLog(), 100, wanted(force=True), engine=FakeEngine())
    assert old.read_bytes() == b"precious"
    assert current(host).current == {"hostname": "old", "rootfs": "local:100/vm-100-disk-0.raw,size=1G"}
    assert [path.name for path in old.parent.iterdir()] == [old.name], "the new volume is gone again"
    programs.broken = False
    restore(host, ListLog(), 100, wanted(force=True), engine=FakeEngine())
    assert current(host).current["rootfs"] == "local:100/vm-100-disk-1.raw,size=1G"
    assert not old.exists()


def test_a_protected_one_stays(host: Host, tmp_path: Path) -> None:
    present(host, tmp_path)
    host.store.write("nodes/pve1/lxc/100.conf", b"protection: 1\nrootfs: local:100/vm-100-disk-0.raw\n")
    with pytest.raises(Conflict, match="protected"):
        restore(host, ListLog(), 100, wanted(force=True), engine=FakeEngine())


def test_a_failure_leaves_nothing_of_a_new_one(host: Host, tmp_path: Path, programs: Tar) -> None:
    programs.broken = True
    with pytest.raises(HostError):
        restore(host, ListLog(), 100, wanted(), engine=FakeEngine())
    with pytest.raises(NotFound):
        current(host)
    assert not list((tmp_path / "vz").rglob("vm-100-*"))


def test_what_is_no_backup_of_a_container(host: Host, programs: Tar) -> None:
    with pytest.raises(Conflict, match="no backup"):
        restore(host, ListLog(), 100, Wanted(archive="local:vztmpl/t.tar.gz", user="root@pam", storage="local"))
    programs.text = None
    with pytest.raises(Conflict, match="no container's configuration"):
        restore(host, ListLog(), 100, wanted(), engine=FakeEngine())


def test_the_rights_are_the_callers(host: Host) -> None:
    host.store.write("user.cfg", b"user:joe@pve:1:\n")
    with pytest.raises(Denied, match="/storage/local"):
        restore(host, ListLog(), 100, Wanted(archive=BACKUP, user="joe@pve", storage="local"), engine=FakeEngine())


def test_a_backups_own_files_are_not_the_containers() -> None:
    argv = archive.extract_argv("/t", "--zstd", unprivileged=True, backup=True)
    assert "./etc/vzdump/pct.conf" in argv
    assert "--acls" in argv
    assert "./etc/vzdump/pct.conf" not in archive.extract_argv("/t", "--zstd", unprivileged=True)


# --- killed


class DyingTar(Tar):
    clock = Clock(0)

    def __call__(self, argv: Sequence[Any], **kwargs: Any) -> Result:
        done = super().__call__(argv, **kwargs)
        self.clock.tick()
        return done


@pytest.mark.parametrize("over", [False, True])
def test_whatever_it_was_doing_when_it_was_killed(
    host: Host, programs: Tar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: bool
) -> None:
    """No volume is lost; one that was there can be started afterwards, as it was or as the backup has it."""
    end = Undo.__exit__
    monkeypatch.setattr(
        Undo, "__exit__", lambda self, kind, error, trace: None if kind is Killed else end(self, kind, error, trace)
    )
    killed, steps = True, 0
    while killed:
        steps += 1
        shutil.rmtree(tmp_path / "vz/images", ignore_errors=True)
        store, run = DyingStore("pve1"), DyingTar(programs.answers)
        store.write("storage.cfg", host.store.read("storage.cfg").data)
        dying = Host(node="pve1", store=store, mirror=store.mirror(), run=run)
        if over:
            present(dying, tmp_path)
        DyingStore.clock = DyingTar.clock = Clock(steps)
        try:
            restore(dying, ListLog(), 100, wanted(force=over), engine=FakeEngine())
            killed = False
        except Killed:
            pass
        DyingStore.clock = DyingTar.clock = Clock(0)
        check_nothing_is_lost(dying, tmp_path, over=over)
    assert steps > 5


def check_nothing_is_lost(host: Host, folder: Path, *, over: bool) -> None:
    on_disk = {f"local:100/{path.name}" for path in (folder / "vz/images/100").glob("*")}
    try:
        locked = current(host).current.get("lock") == "create"
    except NotFound:
        assert not over
        assert not on_disk
        return
    if locked:  # incomplete: removing it is all that can be done
        assert not over
        lifecycle.destroy(host, ListLog(), 100, engine=FakeEngine())
        assert not list((folder / "vz").rglob("vm-100-*"))
        return
    engine = FakeEngine()
    disks.rescan(host, ListLog(), 100, engine=engine)
    lifecycle.start(host, ListLog(), 100, engine=engine)
    file = current(host)
    assert set(all_volumes(file, 100)) == on_disk
    assert file.current["hostname"] in ("old", "web")
    assert engine.up == {100}
