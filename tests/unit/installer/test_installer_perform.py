"""The edges: argument lists, parsers of tools, and what the actions do, with a run that only remembers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from hostd.core.errors import CommandFailed, Conflict, HostError, NotFound, ParseError, TimedOut
from hostd.core.run import Result, Secret
from installer.actions import (
    CheckInstalled,
    CloseTarget,
    CreateDataset,
    CreatePool,
    CreateThinPool,
    CreateVolume,
    EnterTarget,
    FirmwareEntry,
    MakeLink,
    Partition,
    PartitionDisk,
    PartitionKind,
    ReleaseDisks,
    RemoveFiles,
    RemovePackages,
    SetRootPassword,
    UnpackRoot,
    WipeDisk,
    WriteFile,
)
from installer.answers import Password
from installer.perform import boot, devices, disks, release, root, volumes
from installer.perform.context import Context
from installer.perform.namespaces import unmount_elsewhere


class Programs:
    """Stands for the machine's programs: answers by the first words, remembers what was run and what it was fed."""

    def __init__(self, answers: dict[str, str | int] | None = None) -> None:
        self.answers = answers or {}
        self.ran: list[list[str]] = []
        self.fed: list[bytes] = []

    def __call__(self, argv: Sequence[Any], *, on_line: Any = None, input: bytes | None = None, **more: Any) -> Result:
        words = [str(word) for word in argv]
        self.ran.append(words)
        self.fed.append(input or b"")
        line = " ".join(words)
        answer = next((a for start, a in self.answers.items() if line.startswith(start)), "")
        if isinstance(answer, int):
            if more.get("check", True):
                raise CommandFailed(words, answer, "no")
            return Result(argv=words, code=answer, stdout="", stderr="no")
        for text in answer.splitlines() if on_line else ():
            on_line(text)
        return Result(argv=words, code=0, stdout=answer, stderr="")

    def lines(self) -> list[str]:
        return [" ".join(words) for words in self.ran]


Make = Callable[..., Context]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def context(run: Programs, **more: Any) -> Context:
        (tmp_path / "target").mkdir(exist_ok=True)
        for name in ("sys/class/block", "proc/self"):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
        for name in ("proc/self/mountinfo", "proc/swaps"):
            (tmp_path / name).touch()
        said: list[str] = more.pop("said", [])
        fractions: list[float] = more.pop("fractions", [])
        return Context(
            run=run,
            target=tmp_path / "target",
            log=tmp_path / "log",
            say=said.append,
            fraction=fractions.append,
            sys=tmp_path / "sys",
            proc=tmp_path / "proc",
        )

    return context


def block(sys: Path, name: str, *, parent: str = "", number: int = 0, slaves: Sequence[str] = ()) -> None:
    """A block device in a pretended /sys."""
    real = sys / "devices" / parent / name
    real.mkdir(parents=True)
    (sys / "class/block").mkdir(parents=True, exist_ok=True)
    (sys / "class/block" / name).symlink_to(real)
    (real / "holders").mkdir()
    if number:
        (real / "partition").write_text(f"{number}\n")
    if slaves:
        (real / "slaves").mkdir()
    for slave in slaves:
        (real / "slaves" / slave).symlink_to(sys / "class/block" / slave)
        ((sys / "class/block" / slave).resolve() / "holders" / name).mkdir()


TABLE = PartitionDisk(
    disk="/dev/sda",
    partitions=(
        Partition(number=1, kind=PartitionKind.BIOS_BOOT, name="bios-boot", size_mib=1, uuid="u1"),
        Partition(number=2, kind=PartitionKind.LVM, name="lvm", size_mib=None, uuid="u2"),
    ),
)


def test_sgdisk() -> None:
    assert disks.sgdisk_argv(TABLE) == [
        "sgdisk", "--clear",
        "--new=1:0:+1M", "--typecode=1:EF02", "--change-name=1:bios-boot", "--partition-guid=1:u1",
        "--new=2:0:0", "--typecode=2:8E00", "--change-name=2:lvm", "--partition-guid=2:u2",
        "/dev/sda",
    ]  # fmt: skip


def test_volumes() -> None:
    assert " ".join(volumes.lvcreate_argv(CreateVolume(group="pve", name="root", size_kib=4096))) == (
        "lvcreate --yes --wipesignatures y --size 4096k --name root pve"
    )
    thin = volumes.thin_pool_argv(CreateThinPool(group="pve", name="data", size_kib=8192, metadata_kib=4096))
    assert thin[1:7] == ["--yes", "--type", "thin-pool", "--size", "8192k", "--poolmetadatasize"]


def test_pool() -> None:
    one = CreatePool(name="rpool", devices=("/dev/a",), ashift=12, properties={"canmount": "off"})
    argv = volumes.zpool_create_argv(one, "/target")
    assert argv[-4:] == ["-O", "canmount=off", "rpool", "/dev/a"]
    two = CreatePool(name="rpool", devices=("/dev/a", "/dev/b"), ashift=12)
    assert volumes.zpool_create_argv(two, "/target")[-4:] == ["rpool", "mirror", "/dev/a", "/dev/b"]


def test_a_second_pool_of_that_name_stops_everything(make: Make) -> None:
    run = Programs({"zpool import": "  pool: rpool\n    id: 77\n state: ONLINE\n"})
    with pytest.raises(Conflict, match="77"):
        volumes.create_pool(make(run), CreatePool(name="rpool", devices=("/dev/null",), ashift=12))
    assert not any(line.startswith("zpool create") for line in run.lines())
    volumes.create_pool(make(Programs()), CreatePool(name="rpool", devices=("/dev/null",), ashift=12))


def test_dataset(make: Make) -> None:
    run = Programs()
    volumes.create_dataset(make(run), CreateDataset(name="rpool/ROOT", properties={"mountpoint": "none"}))
    assert run.lines() == ["zfs create -o mountpoint=none rpool/ROOT"]


@pytest.mark.parametrize("kind", ["vfat", "ext4", "xfs", "swap"])
def test_mkfs_overwrites_without_asking(kind: str) -> None:
    argv = disks.mkfs_argv(kind, "/dev/x", "L")
    assert argv[-1] == "/dev/x"
    assert "L" in argv


def test_mkfs_of_something_else() -> None:
    with pytest.raises(ValueError, match="ntfs"):
        disks.mkfs_argv("ntfs", "/dev/x", "L")


def test_wiping_goes_over_the_partitions_first(make: Make, tmp_path: Path) -> None:
    block(tmp_path / "sys", "sda")
    block(tmp_path / "sys", "sda2", parent="sda", number=2)
    block(tmp_path / "sys", "sda1", parent="sda", number=1)
    run = Programs({"sgdisk": 2})
    disks.wipe_disk(make(run), WipeDisk(disk="/dev/sda", title="x"))
    wiped = [line.split()[-1] for line in run.lines() if line.startswith("wipefs")]
    assert wiped == ["/dev/sda1", "/dev/sda2", "/dev/sda"]
    assert not any(line.startswith("zpool") for line in run.lines()), "without the module there is nothing to clear"
    (tmp_path / "sys/module/zfs").mkdir(parents=True)
    run = Programs({"zpool": 1})
    disks.wipe_disk(make(run), WipeDisk(disk="/dev/sda", title="x"))
    assert "zpool labelclear -f /dev/sda2" in run.lines()


def test_waiting_for_a_partition(tmp_path: Path) -> None:
    with pytest.raises(TimedOut):
        disks.wait_for(tmp_path / "never", 0.0)
    disks.wait_for(tmp_path, 0.0)


PVS = '{"report": [{"pv": [{"pv_name": "/dev/sda3", "vg_name": "pve", "vg_uuid": "U"}]}]}'


def test_parse_pvs() -> None:
    assert release.parse_pvs(PVS) == [("/dev/sda3", "pve", "U")]
    for bad in ("", "{}", '{"report": [{"pv": [{}]}]}'):
        with pytest.raises(ParseError):
            release.parse_pvs(bad)


def test_parse_pools() -> None:
    text = "rpool\n\tmirror-0\n\t/dev/sda3\n\t/dev/sdb3\ntank\n\t/dev/sdc\t-\n"
    assert release.parse_pools(text) == {"rpool": ["/dev/sda3", "/dev/sdb3"], "tank": ["/dev/sdc"]}


def machine(tmp_path: Path) -> Path:
    """sda with a volume group on sda3, sdb with another one."""
    sys = tmp_path / "sys"
    for disk in ("sda", "sdb"):
        block(sys, disk)
        block(sys, f"{disk}3", parent=disk, number=3)
    return sys


def test_disks_below(tmp_path: Path) -> None:
    sys = machine(tmp_path)
    block(sys, "dm-0", slaves=["sda3", "sdb3"])
    assert devices.disks_below("dm-0", sys) == {"sda", "sdb"}
    assert devices.disks_below("sdb3", sys) == {"sdb"}
    assert devices.disks_below("sda", sys) == {"sda"}
    assert devices.disks_below("gone", sys) == set()
    assert devices.on_disks("/dev/sda3", ["/dev/sda"], sys)
    assert not devices.on_disks("/dev/sda3", ["/dev/sdb"], sys)
    assert not devices.on_disks("tmpfs", ["/dev/sda"], sys)


def test_release_stops_only_what_is_on_the_disks(make: Make, tmp_path: Path) -> None:
    machine(tmp_path)
    run = Programs({"pvs": PVS.replace("}]}]}", '}, {"pv_name": "/dev/sdb3", "vg_name": "other", "vg_uuid": "V"}]}]}')})
    ctx = make(run)
    (ctx.proc / "self/mountinfo").write_text(
        "1 0 8:19 / /other rw - ext4 /dev/sdb3 rw\n"
        f"2 0 0:9 / {ctx.target} rw - zfs rpool rw\n"
        f"3 0 0:8 / {ctx.target}/proc rw - proc proc rw\n"
        "4 0 8:3 / /mnt/with\\040blank rw - ext4 /dev/sda3 rw\n"
    )
    (ctx.proc / "swaps").write_text("Filename Type\n/dev/sda3 partition 1 0 -2\n/dev/sdb3 partition 1 0 -3\n")
    release.release_disks(ctx, ReleaseDisks(disks=("/dev/sda",)))
    assert run.lines() == [
        "umount /mnt/with blank",
        f"umount {ctx.target}/proc",
        f"umount {ctx.target}",
        "swapoff /dev/sda3",
        " ".join(release.PVS),
        "vgchange --activate n --select vg_uuid=U",
    ]


def test_release_exports_pools_and_falls_back_to_lazy_unmounts(make: Make, tmp_path: Path) -> None:
    sys = machine(tmp_path)
    (sys / "module/zfs").mkdir(parents=True)
    report = '{"report": [{"pv": []}]}'
    run = Programs({"pvs": report, "zpool list": "a\n\t/dev/sda3\nb\n\t/dev/sdb3\n", "umount /x": 32})
    ctx = make(run)
    (ctx.proc / "self/mountinfo").write_text("4 0 8:3 / /x rw - ext4 /dev/sda3 rw\n")
    release.release_disks(ctx, ReleaseDisks(disks=("/dev/sda",)))
    assert "umount --lazy /x" in run.lines()
    assert [line for line in run.lines() if "export" in line] == ["zpool export -f a"]


def test_release_stops_arrays_and_sees_what_is_left(make: Make, tmp_path: Path) -> None:
    sys = machine(tmp_path)
    block(sys, "md127", slaves=["sda3"])
    state = (sys / "class/block/md127").resolve() / "md/array_state"
    state.parent.mkdir()
    state.write_text("active")
    with pytest.raises(Conflict, match="md127"):
        release.release_disks(make(Programs({"pvs": '{"report": []}'})), ReleaseDisks(disks=("/dev/sda",)))
    assert state.read_text() == "clear"


def test_users_of_the_target(tmp_path: Path) -> None:
    proc, target = tmp_path / "proc", tmp_path / "target"
    for pid, name, link, place in (
        (11, "unsquashfs", "fd/3", f"{target}/etc/x"),
        (12, "bash", "cwd", str(target)),
        (13, "bash", "cwd", f"{target}-other"),
        (14, "(udev-worker)", "fd/4", f"{target}/x"),
        (os.getpid(), "python3", "cwd", str(target)),
    ):
        (proc / str(pid) / "fd").mkdir(parents=True)
        (proc / str(pid) / "comm").write_text(f"{name}\n")
        (proc / str(pid) / "stat").write_text(f"{pid} (a) b) S 0 0\n")
        (proc / str(pid) / link).symlink_to(place)
    (proc / "uptime").touch()
    assert devices.users_of(target, [], proc=proc, sys=tmp_path / "sys") == [11, 12]


def test_unpack_reports_progress(make: Make, tmp_path: Path) -> None:
    source = tmp_path / "x.squashfs"
    fractions: list[float] = []
    run = Programs({"unsquashfs": "Parallel unsquashfs\n10\n55\n100\ncreated 3 files\n"})
    with pytest.raises(NotFound):
        root.unpack_root(make(run), UnpackRoot(source=str(source)))
    source.touch()
    root.unpack_root(make(run, fractions=fractions), UnpackRoot(source=str(source)))
    assert fractions == [0.1, 0.55, 1.0]


def test_files(make: Make, tmp_path: Path) -> None:
    ctx = make(Programs())
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    ctx.path("/etc").mkdir()
    ctx.path("/etc/resolv.conf").symlink_to(outside)
    root.write_file(ctx, WriteFile(path="/etc/resolv.conf", data=b"new"))
    root.write_file(ctx, WriteFile(path="/root/.ssh/authorized_keys", data=b"key", mode=0o600))
    assert (outside.read_text(), ctx.path("/etc/resolv.conf").read_text()) == ("untouched", "new")
    assert ctx.path("/root/.ssh").stat().st_mode & 0o777 == 0o700
    assert ctx.path("/root/.ssh/authorized_keys").stat().st_mode & 0o777 == 0o600


def test_links_and_removal(make: Make) -> None:
    ctx = make(Programs())
    for name in ("/etc/ssh/ssh_host_rsa_key", "/etc/ssh/sshd_config", "/zone"):
        root.write_file(ctx, WriteFile(path=name, data=b"x"))
    root.make_link(ctx, MakeLink(path="/etc/localtime", to="/zone"))
    root.make_link(ctx, MakeLink(path="/etc/localtime", to="/zone"))
    with pytest.raises(NotFound):
        root.make_link(ctx, MakeLink(path="/etc/localtime", to="/nowhere"))
    root.remove_files(ctx, RemoveFiles(patterns=("/etc/ssh/ssh_host_*", "/not/there")))
    assert sorted(path.name for path in ctx.path("/etc/ssh").iterdir()) == ["sshd_config"]


def test_password_goes_to_stdin(make: Make) -> None:
    run = Programs()
    root.set_root_password(make(run), SetRootPassword(password=Password(secret=Secret("geheim"), hashed=False)))
    root.set_root_password(make(run), SetRootPassword(password=Password(secret=Secret("$y$x"), hashed=True)))
    assert run.fed == [b"root:geheim\n", b"root:$y$x\n"]
    assert [words[2:] for words in run.ran] == [["chpasswd"], ["chpasswd", "--encrypted"]]
    assert "geheim" not in str(run.ran)


def test_only_installed_packages_are_purged(make: Make) -> None:
    query = f"chroot {make(Programs()).target} dpkg-query"
    run = Programs({query: "live-boot installed\nother installed\nx config-files\n"})
    root.remove_packages(make(run), RemovePackages(names=("live-boot", "x", "missing")))
    assert next(line for line in run.lines() if "--purge" in line).endswith("dpkg --purge live-boot")
    assert "update-initramfs" in run.lines()[1]
    assert run.lines()[-1].startswith("umount ")
    empty = Programs()
    root.remove_packages(make(empty), RemovePackages(names=("live-boot",)))
    assert len(empty.ran) == 1


def test_entering_binds_nothing(make: Make) -> None:
    run = Programs()
    root.enter_target(make(run), EnterTarget())
    assert [words[2] for words in run.ran] == ["devtmpfs", "sysfs", "proc", "tmpfs"]


def namespace(proc: Path, pid: str, name: str, mounted: str = "") -> None:
    (proc / pid / "ns").mkdir(parents=True, exist_ok=True)
    (proc / pid / "ns/mnt").symlink_to(f"mnt:[{name}]")
    (proc / pid / "mountinfo").write_text(f"1 0 0:9 / {mounted} rw - zfs rpool rw\n" if mounted else "")


def test_other_namespaces_let_go(make: Make, tmp_path: Path) -> None:
    said: list[str] = []
    run = Programs({"nsenter --mount --target=14": 1})
    ctx = make(run, said=said)
    namespace(ctx.proc, "self", "1")
    namespace(ctx.proc, "11", "1", str(ctx.target))
    namespace(ctx.proc, "12", "2", f"{ctx.target}/rpool/data")
    namespace(ctx.proc, "13", "2", str(ctx.target))
    namespace(ctx.proc, "14", "3", str(ctx.target))
    namespace(ctx.proc, "15", "4", "/elsewhere")
    (ctx.proc / "16").mkdir()
    unmount_elsewhere(ctx)
    assert [words[2] for words in run.ran] == ["--target=12", "--target=14"]
    assert "process 14" in said[0]


def test_boot_entries() -> None:
    guid = "1e2feb89-414c-443c-9027-c4d1c386bbc4"
    text = "BootCurrent: 0001\nBootOrder: 0001\nBoot0001* UEFI Disk\tPciRoot(0x0)\n"
    text += f"Boot000A* Holdfast\tHD(2,GPT,{guid.upper()},0x1)\n"
    found = boot.parse_boot_entries(text)
    assert [(e.number, e.label, e.partition) for e in found] == [("0001", "UEFI Disk", ""), ("000A", "Holdfast", guid)]


ENTRY = FirmwareEntry(disk="/dev/sda", number=2, label="Holdfast", loader=r"\EFI\holdfast\shimx64.efi")


def test_stale_boot_entries_are_replaced(make: Make) -> None:
    run = Programs({"efibootmgr": "Boot0002* Holdfast\tHD(2,GPT,1e2feb89-414c-443c-9027-c4d1c386bbc4,0x1)\n"})
    boot.add_firmware_entry(make(run), ENTRY)
    assert run.lines()[1] == "efibootmgr --quiet --bootnum 0002 --delete-bootnum"
    assert run.lines()[2].endswith(r"--part 2 --label Holdfast --loader \EFI\holdfast\shimx64.efi")


def test_firmware_that_takes_no_entry(make: Make) -> None:
    said: list[str] = []
    boot.add_firmware_entry(make(Programs({"efibootmgr": 2}), said=said), ENTRY)
    assert said[0].startswith("warning")


def test_check_of_an_esp(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        boot.missing_on_esp(tmp_path)
    for name in (*boot.LOADERS, "holdfast/6.1/vmlinuz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / boot.MENU).write_text(
        "linux /holdfast/6.1/vmlinuz ro\n initrd /holdfast/6.1/initrd.img /holdfast/host.cpio\n"
    )
    assert boot.missing_on_esp(tmp_path) == ["holdfast/6.1/initrd.img", "holdfast/host.cpio"]
    (tmp_path / boot.MENU).write_text("")
    assert boot.missing_on_esp(tmp_path) == ["a kernel in the menu"]


def test_incomplete_installation_is_named(make: Make) -> None:
    with pytest.raises(HostError, match="/etc/fstab"):
        boot.check_installed(make(Programs()), CheckInstalled(files=("/etc/fstab",), esps=()))


def test_closing(make: Make) -> None:
    run = Programs()
    ctx = make(run)
    ctx.log.write_text("log\n")
    ctx.path("/var/log").mkdir(parents=True)
    log = ctx.path(root.LOG)
    boot.close_target(ctx, CloseTarget(pool="rpool"))
    assert run.lines() == ["sync", f"umount --recursive {ctx.target}", "zpool export rpool"]
    assert log.read_text() == "log\n"
