"""A real backup of a container, restored: its owners, its configuration; what is there stays if it is broken."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.core.errors import CommandFailed, HostError
from hostd.core.run import run
from hostd.guests import config as files
from hostd.guests.lxc import archive, isolated, lifecycle, restore
from hostd.guests.lxc.identities import as_container_argv
from hostd.guests.lxc.restore import Wanted
from hostd.guests.lxc.volumes import mount_argv, source_of
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import ListLog
from tests.contract.test_containers import VMID, ForkedEngine, inside, loops_below, mounts_of_container
from tests.contract.test_containers import host as host
from tests.contract.test_containers import places as places
from tests.contract.test_containers import template as template
from tests.lib import tinylinux

CONFIG = (
    "#a note\nhostname: saved\nmemory: 96\nswap: 0\nostype: unmanaged\nunprivileged: 1\nlock: backup\n"
    "rootfs: elsewhere:1/vm-1-disk-0.raw,size=64M\nmp0: elsewhere:1/vm-1-disk-1.raw,mp=/data,backup=1,size=32M\n"
)


@pytest.fixture
def backup(host: Host, tmp_path: Path) -> Iterator[str]:
    """An archive as vzdump makes it, with a file of user 1000 and an access list."""
    tinylinux.build_template(tmp_path / "made")
    root = tmp_path / "made/template"
    (root / "etc/vzdump").mkdir()
    (root / "etc/vzdump/pct.conf").write_text(CONFIG)
    (root / "data").mkdir()
    (root / "data/mine").write_text("kept")
    os.chown(root / "data/mine", 1000, 1000)
    folder = tmp_path / "vz/dump"
    folder.mkdir(parents=True)
    name = f"vzdump-lxc-{VMID}-2026_01_02-03_04_05.tar.zst"
    argv = ["tar", "--create", "--zstd", f"--file={folder / name}", "--numeric-owner", "--directory", str(root)]
    subprocess.run([*argv, "./etc/vzdump", "."], check=True)
    text = f"dir: local\n\tpath {tmp_path}/vz\n\tcontent rootdir,vztmpl,backup\n\n"
    host.store.write("storage.cfg", text.encode())
    yield f"local:backup/{name}"
    assert not loops_below(tmp_path)
    assert not mounts_of_container()


def look(host: Host, key: str, path: str) -> list[str]:
    """Owner and words of ``ls`` of what lies in a volume of the container that is off."""
    value = files.load(host.store, lifecycle.where(host, VMID)).file.current[key]
    source = source_of(catalog_of(host), VolumeId.parse(value.partition(",")[0]))
    mount = " ".join(mount_argv(source, "/mnt/x", ["ro"]))
    script = f"mount -t tmpfs none /mnt && mkdir /mnt/x && {mount} && ls -ln /mnt/x{path}"
    found = run(isolated.isolated_argv(["sh", "-c", script]))
    return found.stdout.split()


def test_a_backup_becomes_a_container_again(host: Host, backup: str, tmp_path: Path) -> None:
    assert restore.read_config(run, f"{tmp_path}/vz/dump/{backup.rpartition('/')[2]}") == CONFIG
    engine, log = ForkedEngine(host, tmp_path), ListLog()
    wanted = Wanted(archive=backup, user="root@pam", storage="local")
    restore.restore(host, log, VMID, wanted, engine=engine)
    guest = files.load(host.store, lifecycle.where(host, VMID)).file
    assert guest.comment == "a note"
    assert guest.current["rootfs"] == f"local:{VMID}/vm-{VMID}-disk-0.raw,size=64M"
    assert guest.current["mp0"] == f"local:{VMID}/vm-{VMID}-disk-1.raw,backup=1,mp=/data,size=32M"
    assert "lock" not in guest.current
    mine = look(host, "mp0", "/mine")
    assert mine[2:4] == ["101000", "101000"], "its user 1000, as the host sees it"
    assert look(host, "rootfs", "/etc/vzdump") == ["total", "0"], "what the backup says of itself is not its"
    lifecycle.start(host, log, VMID, engine=engine)
    assert inside(host, "/bin/cat", "/data/mine") == "kept"
    lifecycle.stop(host, log, VMID, engine=engine)
    lifecycle.destroy(host, log, VMID, engine=engine)


def test_a_broken_backup_leaves_what_is_there(host: Host, backup: str, tmp_path: Path) -> None:
    engine, log = ForkedEngine(host, tmp_path), ListLog()
    wanted = Wanted(archive=backup, user="root@pam", storage="local", force=True)
    restore.restore(host, log, VMID, wanted, engine=engine)
    before = files.load(host.store, lifecycle.where(host, VMID)).file
    whole = tmp_path / "vz/dump" / backup.rpartition("/")[2]
    whole.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(HostError):
        restore.restore(host, log, VMID, wanted, engine=engine)
    assert files.load(host.store, lifecycle.where(host, VMID)).file == before
    assert sorted(path.name for path in (tmp_path / f"vz/images/{VMID}").iterdir()) == [
        f"vm-{VMID}-disk-0.raw",
        f"vm-{VMID}-disk-1.raw",
    ]
    lifecycle.destroy(host, log, VMID, engine=engine)


def test_a_configuration_without_end_is_not_read(host: Host, backup: str, tmp_path: Path) -> None:
    root = tmp_path / "made/template"
    (root / "etc/vzdump/pct.conf").write_bytes(b"#" * (archive.MEMBER_BYTES + 1))
    whole = tmp_path / "vz/dump" / backup.rpartition("/")[2]
    argv = ["tar", "--create", "--zstd", f"--file={whole}", "--directory", str(root), "./etc/vzdump"]
    subprocess.run(argv, check=True)
    with pytest.raises(HostError):
        restore.read_config(run, str(whole))


def test_what_is_killed_inside_has_not_ended_well(host: Host) -> None:
    with pytest.raises(CommandFailed):
        run([*as_container_argv(True), "sh", "-c", "kill -9 $$"])
    assert run([*as_container_argv(True), "sh", "-c", "exit 7"], check=False).code == 7
    assert run([*as_container_argv(True), "echo", "a b", "$c"]).stdout == "a b $c\n"
