"""Real containers: volumes that grow, limits and cards that change while they run, copies, files in and out, links that
must not lead out of them."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.core.errors import Conflict, HostError, NotFound
from hostd.core.run import run
from hostd.guests import config as files
from hostd.guests.changes import Change
from hostd.guests.lxc import (
    cloning,
    disks,
    interfaces,
    lifecycle,
    power,
    running,
    snapshot_operations,
    transfer,
    upkeep,
)
from hostd.guests.lxc.cloning import Wanted
from hostd.guests.lxc.create import NewContainer, create
from hostd.guests.lxc.transfer import Ownership
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.contract.test_containers import VMID, ForkedEngine, inside, loops_below, mounts_of_container
from tests.contract.test_containers import host as host
from tests.contract.test_containers import places as places
from tests.contract.test_containers import template as template
from tests.lib import linkgames, tinylinux

COPY = VMID + 1


def may_grow_mounted() -> bool:
    """Whether this process has CAP_SYS_RESOURCE, which the kernel asks for; build machines may lack it."""
    line = next(li for li in Path("/proc/self/status").read_text().splitlines() if li.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) >> 24 & 1)


def made(host: Host, template: str, folder: Path, **values: str) -> tuple[ListLog, ForkedEngine]:
    log, engine = ListLog(), ForkedEngine(host, folder)
    wanted = {"rootfs": "local:0.05", "memory": "96", "swap": "0", "unprivileged": "1", "hostname": "tiny", **values}
    create(host, log, VMID, NewContainer(template=template, values=wanted), engine=engine)
    return log, engine


def current(host: Host, vmid: int = VMID) -> dict[str, str]:
    return dict(files.load(host.store, lifecycle.where(host, vmid)).file.current)


def test_a_running_container_changes(host: Host, template: str, tmp_path: Path) -> None:
    log, engine = made(
        host, template, tmp_path, net0="name=eth0,ip=10.9.9.2/24", dev0="/dev/zero,mode=0640,gid=5",
        mp0=f"{tmp_path}/shared,mp=/shared", mp1="local:0.02,mp=/srv", mp2="local:0.02,mp=/srv/in/it",
    )  # fmt: skip
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/note").write_text("from the host")
    lifecycle.start(host, log, VMID, engine=engine)
    assert inside(host, "/bin/cat", "/shared/note") == "from the host"
    assert " /srv/in/it ext4 " in inside(host, "/bin/cat", "/proc/mounts")
    shown = inside(host, "/bin/ls", "-ln", "/dev/zero").split()
    assert (shown[0], shown[2], shown[3]) == ("crw-r-----", "0", "5")

    before = upkeep.usage(host, VMID, engine)[0].size_bytes
    if may_grow_mounted():
        disks.resize(host, log, VMID, "rootfs", "+60M", engine=engine)
        after = upkeep.usage(host, VMID, engine)[0].size_bytes
        assert after - before > 40 << 20, (before, after)

    groups = running.groups(VMID)
    assert groups is not None
    name = "memory.max" if groups.hierarchies.version == 2 else "memory.limit_in_bytes"
    assert int(groups.read("memory", name)) == 96 << 20
    lifecycle.change(host, log, VMID, Change(values={"memory": "128", "cpulimit": "0.5"}), engine=engine)
    assert int(groups.read("memory", name)) == 128 << 20
    period = ("cpu.max", "50000 100000") if groups.hierarchies.version == 2 else ("cpu.cfs_quota_us", "50000")
    assert groups.read("cpu", period[0]).strip() == period[1]
    lifecycle.change(host, log, VMID, Change(delete={"cpulimit": False}), engine=engine)
    assert groups.read("cpu", period[0]).split()[0] in ("max", "-1")

    card = {"net1": "name=eth1,ip=10.9.8.2/24,gw=10.9.8.1,ip6=2001:db8::2/64"}
    lifecycle.change(host, log, VMID, Change(values=card), engine=engine)
    found = {one.name: one for one in interfaces.of_process(run, engine.init_pid(VMID))}
    assert found["eth1"].first("inet") == "10.9.8.2/24"
    assert "2001:db8::2/64" in {f"{a.address}/{a.prefix}" for a in found["eth1"].addresses}
    assert found["eth1"].mac.upper() in current(host)["net1"].upper()
    lifecycle.change(host, log, VMID, Change(delete={"net1": False}), engine=engine)
    assert "eth1" not in {one.name for one in interfaces.of_process(run, engine.init_pid(VMID))}
    assert "[pve:pending]" not in host.store.read(lifecycle.where(host, VMID).path).data.decode()

    power.suspend(host, log, VMID, engine=engine)
    ticks = Path(f"/proc/{engine.init_pid(VMID)}/root/tmp/ticks").read_text()
    os.sync()
    assert Path(f"/proc/{engine.init_pid(VMID)}/root/tmp/ticks").read_text() == ticks
    power.resume(host, log, VMID, engine=engine)
    assert "uid=0" in inside(host, "/bin/id")
    assert not [line for line in log.lines if line.startswith("WARN")], log.lines
    lifecycle.stop(host, log, VMID, engine=engine)
    disks.resize(host, log, VMID, "rootfs", "+80M", engine=engine)
    lifecycle.start(host, log, VMID, engine=engine)
    assert upkeep.usage(host, VMID, engine)[0].size_bytes - before > 60 << 20
    lifecycle.stop(host, log, VMID, engine=engine)
    upkeep.check(host, log, VMID, "rootfs", force=True, engine=engine)
    assert not loops_below(tmp_path)
    lifecycle.destroy(host, log, VMID, engine=engine)
    assert (tmp_path / "shared/note").exists()


def test_files_go_in_and_out(host: Host, template: str, tmp_path: Path) -> None:
    log, engine = made(host, template, tmp_path)
    lifecycle.start(host, log, VMID, engine=engine)
    pid = engine.init_pid(VMID)
    source = tmp_path / "source"
    source.write_bytes(os.urandom(300_000))
    transfer.push(pid, str(source), "/root/copy", Ownership(mode=0o640, user=3, group=4), unprivileged=True)
    shown = inside(host, "/bin/ls", "-ln", "/root/copy").split()
    assert (shown[0], shown[2], shown[3], shown[4]) == ("-rw-r-----", "3", "4", "300000")
    transfer.pull(pid, "/root/copy", f"{tmp_path}/back", None, unprivileged=True)
    assert (tmp_path / "back").read_bytes() == source.read_bytes()

    # what a container can do to lead its host astray
    secret = tmp_path / "secret"
    secret.write_text("the host's own")
    secret.chmod(0o600)
    run(lifecycle.exec_argv(host, VMID, ["/bin/busybox", "ln", "-s", str(secret), "/root/link"]))
    run(lifecycle.exec_argv(host, VMID, ["/bin/busybox", "ln", "-s", f"/proc/1/root{secret}", "/root/further"]))
    run(lifecycle.exec_argv(host, VMID, ["/bin/busybox", "mkfifo", "/root/pipe"]))
    for path in ("/root/link", "/root/further", "/root/pipe", "/dev/null", "/root"):
        with pytest.raises(HostError):
            transfer.pull(pid, path, f"{tmp_path}/stolen", None, unprivileged=True)
        assert not (tmp_path / "stolen").exists()
    transfer.push(pid, str(source), "/root/link", Ownership(), unprivileged=True)
    assert secret.read_text() == "the host's own"
    with pytest.raises(HostError):
        transfer.push(pid, str(source), f"/proc/1/root{secret}", Ownership(), unprivileged=True)
    lifecycle.stop(host, log, VMID, engine=engine)
    lifecycle.destroy(host, log, VMID, engine=engine)


def test_swapped_links_while_files_are_copied(host: Host, template: str, tmp_path: Path) -> None:
    """Between any two looks at a path the container may make something else of it."""
    log, engine = made(host, template, tmp_path)
    lifecycle.start(host, log, VMID, engine=engine)
    outside = tmp_path / "outside"
    linkgames.prepare(outside)
    inside(host, "/bin/busybox", "--install", "-s", "/bin")
    script = linkgames.swapping(str(outside))
    swapping = subprocess.Popen(lifecycle.exec_argv(host, VMID, ["/bin/sh", "-c", script]), stderr=subprocess.DEVNULL)
    played = linkgames.play(engine.init_pid(VMID), outside, tmp_path, 100)
    lifecycle.stop(host, log, VMID, engine=engine)
    swapping.wait()
    assert (played.stolen, played.changed) == (0, "")
    assert played.pulled > 0, played
    assert played.pushed > 0, played
    lifecycle.destroy(host, log, VMID, engine=engine)


def test_mounting_by_hand_follows_no_link_out(host: Host, template: str, tmp_path: Path) -> None:
    log, engine = made(host, template, tmp_path, mp0="local:0.02,mp=/trap/data")
    place = run(["readlink", "-f", f"{tmp_path}/vz/images/{VMID}/vm-{VMID}-disk-0.raw"]).stdout.strip()
    outside = tmp_path / "outside"
    outside.mkdir()
    run(["mkdir", "-p", f"{tmp_path}/m"])
    run(["mount", "-o", "loop", place, f"{tmp_path}/m"])
    try:
        (tmp_path / "m/trap/data").rmdir()
        (tmp_path / "m/trap").rmdir()
        (tmp_path / "m/trap").symlink_to(outside)
    finally:
        run(["umount", f"{tmp_path}/m"])
    root = upkeep.mount(host, log, VMID, engine=engine)
    try:
        assert list(outside.iterdir()) == []
        targets = [line.split()[4] for line in mounts_of_container()]
        assert all(target.startswith(root) for target in targets)
        assert len(targets) == 2
    finally:
        upkeep.unmount(host, log, VMID)
    assert not mounts_of_container()
    # LXC would make the folder wherever the link leads
    with pytest.raises(HostError, match="a part of '/trap/data' is a link"):
        lifecycle.start(host, log, VMID, engine=engine)
    assert list(outside.iterdir()) == []
    lifecycle.destroy(host, log, VMID, engine=engine)


def test_a_device_node_on_a_volume_opens_nothing(host: Host, template: str, tmp_path: Path) -> None:
    """Where an unprivileged container got it from does not matter: from a privileged one, by the host's root."""
    log, engine = made(host, template, tmp_path, rootfs="local:0", mp0="local:0,mp=/data")
    for place in ("disk-0.subvol/root/zero", "disk-1.subvol/zero"):
        path = tmp_path / f"vz/images/{VMID}/subvol-{VMID}-{place}"
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
        os.chown(path, 100_000, 100_000)
    lifecycle.start(host, log, VMID, engine=engine)
    for path in ("/root/zero", "/data/zero"):
        done = run(lifecycle.exec_argv(host, VMID, ["/bin/sh", "-c", f"exec < {path}"]), check=False)
        assert done.code, path
        assert "ermission denied" in done.stderr
    assert inside(host, "/bin/sh", "-c", "exec < /dev/zero && echo opened") == "opened\n"
    lifecycle.stop(host, log, VMID, engine=engine)
    lifecycle.destroy(host, log, VMID, engine=engine)


@pytest.mark.parametrize("rootfs", ["local:0.05", "local:0"])
def test_a_copy_is_somebody_else(host: Host, tmp_path: Path, rootfs: str) -> None:
    tinylinux.build_template(tmp_path)
    root = tmp_path / "template"
    (root / "etc/ssh").mkdir()
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(root / "etc/ssh/ssh_host_ed25519_key")])
    (root / "etc/debian_version").write_text("13.1\n")
    (root / "etc/os-release").write_text("ID=debian\n")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    public = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
    folder = tmp_path / "vz/template/cache"
    folder.mkdir(parents=True)
    run(["tar", "-C", str(root), "--owner=0", "--group=0", "-czf", f"{folder}/deb.tar.gz", "."])
    log, engine = made(host, "local:vztmpl/deb.tar.gz", tmp_path, rootfs=rootfs)
    first = read_file(host, VMID, "etc/ssh/ssh_host_ed25519_key.pub", engine)
    assert first.startswith("ssh-ed25519 ")
    assert first.split()[1] != public.split()[1]
    with pytest.raises(Conflict, match="shut it down first"):
        lifecycle.start(host, log, VMID, engine=engine)
        cloning.clone(host, log, VMID, Wanted(vmid=COPY), engine=engine)
    lifecycle.stop(host, log, VMID, engine=engine)
    cloning.clone(host, log, VMID, Wanted(vmid=COPY, hostname="copy"), engine=engine)
    try:
        second = read_file(host, COPY, "etc/ssh/ssh_host_ed25519_key.pub", engine)
        assert second.split()[1] != first.split()[1]
        assert read_file(host, COPY, "etc/hostname", engine) == "copy\n"
        assert read_file(host, VMID, "etc/hostname", engine) == "tiny\n"
        assert not loops_below(tmp_path)
    finally:
        lifecycle.destroy(host, log, COPY, engine=engine)
        lifecycle.remove_runtime_files(COPY)
    lifecycle.destroy(host, log, VMID, engine=engine)


def test_a_copy_for_another_node_is_that_nodes(host: Host, template: str, tmp_path: Path) -> None:
    log, engine = made(host, template, tmp_path)
    host.store.mkdir("nodes/elsewhere/lxc", parents=True)
    cloning.clone(host, log, VMID, Wanted(vmid=COPY, hostname="copy", target="elsewhere"), engine=engine)
    given = host.store.read(f"nodes/elsewhere/lxc/{COPY}.conf").data.decode()
    assert "hostname: copy\n" in given
    assert f"rootfs: local:{COPY}/vm-{COPY}-disk-0.raw," in given
    with pytest.raises(NotFound):
        current(host, COPY)
    assert not os.path.exists(f"/var/lib/lxc/{COPY}"), "it starts there, and nothing of it is left here"
    assert not loops_below(tmp_path)
    lifecycle.destroy(host, log, VMID, engine=engine)


def read_file(host: Host, vmid: int, path: str, engine: ForkedEngine) -> str:
    """A file of a container that is off."""
    root = upkeep.mount(host, ListLog(), vmid, engine=engine)
    try:
        place = Path(root) / path
        assert stat.S_ISREG(place.lstat().st_mode)
        assert place.stat().st_uid == 100_000
        return place.read_text()
    finally:
        upkeep.unmount(host, ListLog(), vmid)


@pytest.fixture
def states(host: Host, tmp_path: Path) -> Iterator[str]:
    """A storage whose volumes have states: btrfs on an image."""
    if "btrfs" not in Path("/proc/filesystems").read_text() or not shutil.which("mkfs.btrfs"):
        pytest.skip("no btrfs in this kernel, or btrfs-progs is not installed")
    image, point = tmp_path / "btrfs.img", tmp_path / "btrfs"
    with open(image, "wb") as file:
        file.truncate(1 << 30)
    run(["mkfs.btrfs", "-q", str(image)])
    point.mkdir()
    run(["mount", "-o", "loop", str(image), str(point)])
    cfg = host.store.read("storage.cfg").data
    host.store.write("storage.cfg", cfg + f"btrfs: states\n\tpath {point}/store\n\tcontent rootdir\n\n".encode())
    yield "states"
    run(["umount", str(point)], check=False)


def test_snapshots_of_a_running_container(host: Host, template: str, states: str, tmp_path: Path) -> None:
    log, engine = made(host, template, tmp_path, rootfs=f"{states}:0.2", mp0=f"{states}:0.1,mp=/data")
    lifecycle.start(host, log, VMID, engine=engine)
    run(lifecycle.exec_argv(host, VMID, ["/bin/touch", "/root/before", "/data/before"]))
    snapshot_operations.take(host, log, VMID, "one", comment="kept", engine=engine)
    run(lifecycle.exec_argv(host, VMID, ["/bin/touch", "/root/after", "/data/after"]))
    assert "after" in inside(host, "/bin/ls", "/data")
    with pytest.raises(Conflict, match="already used"):
        snapshot_operations.take(host, log, VMID, "one", engine=engine)

    # a running container is copied from states made for the copy, another one from the snapshot
    cloning.clone(host, log, VMID, Wanted(vmid=COPY, hostname="copy"), engine=engine)
    assert "uid=0" in inside(host, "/bin/id")  # it goes on
    try:
        root = upkeep.mount(host, log, COPY, engine=engine)
        assert (Path(root) / "data/after").exists()
        upkeep.unmount(host, log, COPY)
        lifecycle.destroy(host, log, COPY, engine=engine)
        cloning.clone(host, log, VMID, Wanted(vmid=COPY, snapshot="one", full=False), engine=engine)
        root = upkeep.mount(host, log, COPY, engine=engine)
        assert (Path(root) / "data/before").exists()
        assert not (Path(root) / "data/after").exists()
        upkeep.unmount(host, log, COPY)
    finally:
        lifecycle.destroy(host, log, COPY, engine=engine)
        lifecycle.remove_runtime_files(COPY)

    snapshot_operations.go_back(host, log, VMID, "one", engine=engine)
    assert not engine.running(VMID)
    lifecycle.start(host, log, VMID, engine=engine)
    assert "after" not in inside(host, "/bin/ls", "/root", "/data")
    assert "before" in inside(host, "/bin/ls", "/data")
    snapshot_operations.remove(host, log, VMID, "one", engine=engine)
    lifecycle.stop(host, log, VMID, engine=engine)

    disks.move(host, log, VMID, "mp0", "local", delete=True, engine=engine)
    assert current(host)["mp0"].startswith(f"local:{VMID}/vm-{VMID}-disk-0.raw,mp=/data")
    cloning.make_template(host, log, VMID, engine=engine)
    with pytest.raises(Conflict, match="Linked clone feature is not supported for 'mp0'"):
        cloning.clone(host, log, VMID, Wanted(vmid=COPY, full=False), engine=engine)
    lifecycle.destroy(host, log, VMID, engine=engine)
    assert not list((tmp_path / "btrfs/store/images").glob("*/*"))
