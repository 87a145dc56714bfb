"""EFI system partitions: which kernels, which menu, which files; and a whole run against folders."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.cli import boot_sync as tool
from hostd.core.errors import NotFound, Unavailable
from hostd.core.run import Result
from hostd.node import boot_sync
from hostd.node.boot_sync import Kernel, Stamp

MIB = 2**20


def kernels(*versions: str, lacks: Iterable[str] = ()) -> list[Kernel]:
    return [Kernel(version=v, size=80 * MIB, lacks=tuple(lacks)) for v in versions]


def test_newest_first() -> None:
    found = boot_sync.newest_first(kernels("6.12.9+deb13-amd64", "6.12.10+deb13-amd64", "6.13~rc1", "6.9"))
    assert [k.version for k in found] == ["6.13~rc1", "6.12.10+deb13-amd64", "6.12.9+deb13-amd64", "6.9"]


def test_incomplete_kernels_are_left_out() -> None:
    found = boot_sync.choose([*kernels("6.2", lacks=["module zfs"]), *kernels("6.1")], 1000 * MIB)
    assert [k.version for k in found] == ["6.1"]
    assert boot_sync.choose(kernels("6.2", lacks=["x"]), 1000 * MIB) == []


def test_running_kernel_goes_before_other_old_ones() -> None:
    three = kernels("6.3", "6.2", "6.1")
    assert [k.version for k in boot_sync.choose(three, 200 * MIB, running="6.1")] == ["6.3", "6.1"]
    assert [k.version for k in boot_sync.choose(three, 10 * MIB)] == ["6.3"]
    assert len(boot_sync.choose(three, 300 * MIB)) == 3


def test_what_a_root_needs() -> None:
    zfs = ["usr/lib/modules/6.1/extra/zfs.ko.xz", "usr/sbin/zpool"]
    assert boot_sync.missing_for_root("root=ZFS=rpool/ROOT/pve-1 ro", zfs) == []
    assert boot_sync.missing_for_root("root=ZFS=rpool/ROOT/pve-1 ro", zfs[1:]) == ["module zfs"]
    assert boot_sync.missing_for_root("root=ZFS=x", ["lib/zfs.ko"]) == ["program zpool"]
    lvm = ["lib/modules/6.1/kernel/drivers/md/dm-mod.ko", "sbin/lvm"]
    assert boot_sync.missing_for_root("ro root=/dev/mapper/pve-root", lvm) == []
    assert boot_sync.missing_for_root("root=/dev/mapper/pve-root", lvm[1:]) == ["module dm-mod"]
    assert boot_sync.missing_for_root("root=/dev/mapper/pve-root", lvm[1:], ["kernel/drivers/md/dm-mod.ko"]) == []
    assert boot_sync.missing_for_root("root=UUID=1", []) == []


def test_menu() -> None:
    text = boot_sync.menu(kernels("6.2", "6.1"), "root=/dev/mapper/pve-root ro", host_archive=True)
    assert text.index("Linux 6.2") < text.index("Linux 6.1") < text.index("rescue shell, Linux 6.2")
    assert "    initrd /holdfast/6.2/initrd.img /holdfast/host.cpio\n" in text
    assert "serial" not in text
    assert "systemd.unit=rescue.target" in text
    serial = boot_sync.menu(kernels("6.2"), "console=ttyS0,115200 root=x", host_archive=False)
    assert "serial --unit=0" in serial
    assert "host.cpio" not in serial
    for forbidden in ("vga=", "gfxmode"):
        assert forbidden not in text


def test_compare() -> None:
    old, new = Stamp(size=1, mtime_s=100), Stamp(size=1, mtime_s=103)
    present = {"holdfast/6.1/vmlinuz": old, "holdfast/6.2/vmlinuz": old, "EFI/other/x": old, "holdfast/host.cpio": old}
    wanted = {"holdfast/6.2/vmlinuz": new, "EFI/BOOT/BOOTX64.EFI": old}
    changes = boot_sync.compare(present, wanted)
    assert changes.copy == ("EFI/BOOT/BOOTX64.EFI", "holdfast/6.2/vmlinuz")
    assert changes.delete == ("holdfast/6.1/vmlinuz",)
    assert boot_sync.compare({"a": Stamp(size=1, mtime_s=102)}, {"a": old}).copy == ()


stamps = st.builds(Stamp, size=st.integers(0, 3), mtime_s=st.integers(0, 9))
names = st.sampled_from(["holdfast/6.1/vmlinuz", "holdfast/6.2/initrd.img", "EFI/BOOT/BOOTX64.EFI"])


@given(st.dictionaries(names, stamps), st.dictionaries(names, stamps))
def test_a_second_comparison_finds_nothing(present: dict[str, Stamp], wanted: dict[str, Stamp]) -> None:
    changes = boot_sync.compare(present, wanted)
    after = {k: v for k, v in present.items() if k not in changes.delete} | {k: wanted[k] for k in changes.copy}
    assert boot_sync.compare(after, wanted) == boot_sync.Changes(copy=(), delete=())


def test_partitions_of_the_host() -> None:
    assert boot_sync.parse_esps("# x\nAB-1 # first\n\n  cd-2\n") == ["ab-1", "cd-2"]


def test_archive_can_be_unpacked(tmp_path: Path) -> None:
    files = {"etc/hostid": b"\x01\x02\x03\x04", "etc/modprobe.d/zfs.conf": b"options zfs zfs_arc_max=1\n"}
    archive = boot_sync.host_archive(files)
    assert len(archive) % 512 == 0
    listing = subprocess.run(["cpio", "-t", "--quiet"], input=archive, capture_output=True, check=True)
    assert listing.stdout.decode().split() == ["etc", "etc/modprobe.d", "etc/hostid", "etc/modprobe.d/zfs.conf"]
    subprocess.run(["cpio", "-i", "--quiet"], input=archive, cwd=tmp_path, check=True)
    assert (tmp_path / "etc/hostid").read_bytes() == files["etc/hostid"]
    assert boot_sync.host_archive({})[:6] == b"070701"


class Machine:
    """A host in a folder: mounting an ESP makes its folder appear, programs are remembered."""

    def __init__(self, root: Path) -> None:
        self.root, self.ran, self.said = root, list[list[str]](), list[str]()
        self.listing = "usr/sbin/lvm\nlib/modules/6.1/kernel/drivers/md/dm-mod.ko\n"
        for source in {*boot_sync.EFI_PROGRAMS.values(), f"/{tool.BIOS_PROGRAM}"}:
            self.write(source, source)
        self.write(boot_sync.CMDLINE_FILE, "root=/dev/mapper/pve-root ro\n")
        self.write("/etc/hostid", "abcd")

    def write(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def kernel(self, version: str) -> None:
        self.write(f"/boot/vmlinuz-{version}", f"kernel {version}")
        self.write(f"/boot/initrd.img-{version}", f"initrd {version}")

    def esp(self, uuid: str) -> Path:
        """What is on the partition; also makes its device."""
        self.write(f"/dev/disk/by-partuuid/{uuid}", "")
        folder = self.root / "esps" / uuid
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def run(self, argv: Sequence[Any], **_: Any) -> Result:
        words = [str(word) for word in argv]
        self.ran.append(words)
        if words[0] == "mount":
            Path(words[-1]).rmdir()
            Path(words[-1]).symlink_to(self.root / "esps" / Path(words[-1]).name)
        elif words[0] == "umount":
            Path(words[-1]).unlink()
            Path(words[-1]).mkdir()
        return Result(argv=words, code=0, stdout=self.listing if words[0] == "lsinitramfs" else "", stderr="")

    def sync(self, *, install: bool = False) -> int:
        self.ran.clear()
        return tool.sync(tool.Host(root=self.root, run=self.run, say=self.said.append), install=install)

    def count(self, program: str) -> int:
        return sum(words[0] == program for words in self.ran)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(tool, "disk_of", lambda partition: "/dev/disk1")
    machine = Machine(tmp_path)
    machine.kernel("6.1")
    machine.write(boot_sync.ESPS_FILE, "aa\nbb\n")
    return machine


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text(errors="replace") for p in folder.rglob("*") if p.is_file()}


def test_every_partition_gets_everything(host: Machine) -> None:
    first, second = host.esp("aa"), host.esp("bb")
    assert host.sync(install=True) == 2
    assert files(first) == files(second)
    assert files(first)["holdfast/6.1/vmlinuz"] == "kernel 6.1"
    assert files(first)["EFI/BOOT/grubx64.efi"].endswith("gcdx64.efi.signed")
    assert "/holdfast/6.1/initrd.img" in files(first)["boot/grub/grub.cfg"]
    assert host.count("grub-install") == 2


def test_a_second_run_changes_nothing(host: Machine) -> None:
    folder = host.esp("aa")
    host.sync(install=True)
    before = {p: p.stat().st_ino for p in folder.rglob("*")}
    host.sync()
    assert {p: p.stat().st_ino for p in folder.rglob("*")} == before
    assert (host.count("grub-install"), host.count("lsinitramfs")) == (0, 0)


def test_kernel_update_and_removal(host: Machine) -> None:
    folder = host.esp("aa")
    host.sync(install=True)
    host.kernel("6.2")
    host.sync()
    assert "set default=0" in files(folder)["boot/grub/grub.cfg"]
    assert files(folder)["boot/grub/grub.cfg"].index("6.2") < files(folder)["boot/grub/grub.cfg"].index("6.1")
    for name in ("vmlinuz", "initrd.img"):
        (host.root / f"boot/{name}-6.1").unlink()
    host.sync()
    assert not (folder / "holdfast/6.1").exists()
    assert "6.1" not in files(folder)["boot/grub/grub.cfg"]


def test_kernel_without_the_root_module_is_refused(host: Machine) -> None:
    folder = host.esp("aa")
    host.sync(install=True)
    host.listing = "usr/sbin/lvm\n"
    host.kernel("6.2")
    host.sync()
    assert "holdfast/6.2/vmlinuz" not in files(folder)
    assert any("6.2 is not used: its RAM disk lacks module dm-mod" in line for line in host.said)
    for name in ("vmlinuz", "initrd.img"):
        (host.root / f"boot/{name}-6.1").unlink()
    with pytest.raises(NotFound):
        host.sync()
    assert "holdfast/6.1/vmlinuz" in files(folder), "the last menu that works stays"


def test_missing_disk_of_a_mirror(host: Machine) -> None:
    folder = host.esp("bb")
    assert host.sync(install=True) == 1
    assert "holdfast/6.1/vmlinuz" in files(folder)
    assert any("aa is not there" in line for line in host.said)


def test_no_partition_at_all(host: Machine) -> None:
    with pytest.raises(Unavailable):
        host.sync()


def test_hosts_without_a_list_are_left_alone(host: Machine) -> None:
    (host.root / boot_sync.ESPS_FILE.lstrip("/")).unlink()
    assert host.sync() == 0
    assert host.ran == []


def test_half_a_kernel_does_not_count(host: Machine) -> None:
    folder = host.esp("aa")
    host.write("/boot/vmlinuz-6.3", "no RAM disk yet")
    host.sync()
    assert "6.3" not in files(folder)["boot/grub/grub.cfg"]


def test_changed_host_files_reach_the_archive(host: Machine) -> None:
    folder = host.esp("aa")
    host.sync()
    host.write("/etc/systemd/network/50-holdfast-nic0.link", "[Link]\nName=nic0\n")
    host.sync()
    assert "Name=nic0" in files(folder)["holdfast/host.cpio"]
