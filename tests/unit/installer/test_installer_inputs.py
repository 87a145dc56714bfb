"""Host names, addresses, interface names, kernel parameters, sizes: the small rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.core.errors import Conflict, Invalid, ParseError
from installer.addresses import parse_address, parse_interface, parse_prefix
from installer.answers import Filesystem, LvmOptions, RaidLevel
from installer.disk_rules import check_boot_disks, check_raid_disks
from installer.hostname import parse_fqdn
from installer.kernel_cmdline import flag, parse_kernel_cmdline
from installer.lvm_sizes import EXTENT, GIB, lvm_sizes
from installer.machine import Disk, Firmware
from installer.nic_names import check_pin_map
from installer.zfs_memory import clamp_arc_mib, default_arc_mib
from installer.zpool import parse_zpool_import


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("a", "no domain"),
        ("a_b.c", "a_b"),
        ("a.b.", "''"),
        ("7.example.com", "digits"),
        ("a" * 64 + ".b", "63"),
    ],
)
def test_bad_host_names(text: str, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse_fqdn(text)


@given(st.lists(st.from_regex(r"[a-zA-Z][a-zA-Z0-9]{0,10}", fullmatch=True), min_size=2, max_size=5))
def test_host_names_come_back(labels: list[str]) -> None:
    text = ".".join(labels)
    assert str(parse_fqdn(text)) == text
    assert parse_fqdn(text).host == labels[0]


def test_long_host_name() -> None:
    with pytest.raises(ParseError, match="253"):
        parse_fqdn(".".join(["a" * 60] * 5))


@pytest.mark.parametrize(("text", "version", "length"), [("24", 4, 24), (" 64 ", 6, 64), ("255.255.254.0", 4, 23)])
def test_prefixes(text: str, version: int, length: int) -> None:
    assert parse_prefix(text, version) == length


@pytest.mark.parametrize(
    ("text", "version"),
    [("33", 4), ("129", 6), ("7", 4), ("-1", 4), ("255.0.255.0", 4), ("255.255.255.0", 6), ("²4", 4)],
)
def test_bad_prefixes(text: str, version: int) -> None:
    with pytest.raises(ParseError):
        parse_prefix(text, version)


def test_addresses() -> None:
    assert parse_address(" 2001:db8::1 ").version == 6
    assert str(parse_interface("192.0.2.10/255.255.255.0")) == "192.0.2.10/24"
    for bad in ("192.0.2.10", "x/24", "192.0.2.10/99"):
        with pytest.raises(ParseError):
            parse_interface(bad)
    with pytest.raises(ParseError, match="IPv6"):
        parse_address("192.0.2.1", 6)


def test_interface_names() -> None:
    check_pin_map({"AA:bb:cc:00:11:22": "lan0", "aa:bb:cc:00:11:23": "up_link"})
    for bad in ("x", "a" * 16, "0lan", "lan-0", "lan.1"):
        with pytest.raises(Invalid):
            check_pin_map({"aa:bb:cc:00:11:22": bad})
    with pytest.raises(Invalid) as caught:
        check_pin_map({"aa:bb:cc:00:11:22": "lan0", "aa:bb:cc:00:11:23": "lan0", "nonsense": "lan1"})
    assert set(caught.value.errors) == {"aa:bb:cc:00:11:23", "nonsense"}


def test_live_parameters_do_not_reach_the_installed_system() -> None:
    line = (
        "BOOT_IMAGE=/live/vmlinuz boot=live nopersistence noeject holdfast.auto holdfast.pause-at=unpack console=ttyS0"
    )
    parsed = parse_kernel_cmdline(f"{line} components live-media=x iommu=pt quiet")
    assert parsed.target == "console=ttyS0 iommu=pt"


def test_layout_options_of_other_products() -> None:
    assert parse_kernel_cmdline("hdsize=8 maxvz=1", "pve").sizes == {"hdsize": "8", "maxvz": "1"}
    assert parse_kernel_cmdline("hdsize=8 maxvz=1", "pbs").sizes == {"hdsize": "8"}


def test_flags() -> None:
    assert flag("a=1 b a=2", "a") == "2"
    assert flag("a=1 b", "b") == ""
    assert flag("a=1 b", "c") is None


@given(
    st.integers(8, 20000),
    st.integers(256, 2**21),
    st.builds(
        LvmOptions,
        swapsize_gib=st.none() | st.floats(0, 64),
        maxroot_gib=st.none() | st.floats(4, 200),
        maxvz_gib=st.none() | st.floats(0, 20000),
        minfree_gib=st.none() | st.floats(0, 200),
    ),
)
def test_volumes_fit_into_the_partition(disk_gib: int, memory_mib: int, options: LvmOptions) -> None:
    """Whole extents; with the spare copy of the metadata and LVM's own first MiB they never need more than there is."""
    disk = disk_gib * GIB
    part = disk - 1026 * 1024
    sizes = lvm_sizes(disk_kib=disk, partition_kib=part, memory_mib=memory_mib, options=options)
    for size in (sizes.root_kib, sizes.data_kib, sizes.metadata_kib):
        assert size % EXTENT == 0
    if sizes.root_kib <= 0:
        return  # refused by the plan
    swap = -(-sizes.swap_kib // EXTENT) * EXTENT
    assert swap + sizes.root_kib + sizes.data_kib + 2 * sizes.metadata_kib <= (part - 2048) // EXTENT * EXTENT
    assert (sizes.data_kib == 0) == (sizes.metadata_kib == 0)


@given(st.integers(1, 2**22), st.integers(1024, 2**22))
def test_cache_of_zfs_leaves_memory(wanted: int, total: int) -> None:
    assert 64 <= clamp_arc_mib(wanted, total) <= max(64, total - 1024)
    assert 64 <= default_arc_mib(total) <= 16384


def test_pools() -> None:
    text = "   pool: a\n     id: 1\n  state: DEGRADED\n status: x: y\n\n   pool: b\n     id: 2\n  state: ONLINE\n"
    assert [(p.name, p.id, p.state) for p in parse_zpool_import(text)] == [("a", "1", "DEGRADED"), ("b", "2", "ONLINE")]
    with pytest.raises(ParseError, match="'a'"):
        parse_zpool_import("pool: a\n")


def disks(*gib: float) -> list[Disk]:
    return [Disk(path=f"/dev/d{n}", size_bytes=int(size * GIB)) for n, size in enumerate(gib)]


def test_disks_of_a_mirror() -> None:
    check_raid_disks(Filesystem.ZFS, RaidLevel.RAID1, disks(100, 91))
    check_raid_disks(Filesystem.ZFS, RaidLevel.RAID10, disks(100, 100, 500, 500))
    check_raid_disks(Filesystem.BTRFS, RaidLevel.RAID1, disks(100, 50))
    check_raid_disks(Filesystem.ZFS, RaidLevel.RAID0, disks(100, 50))
    for level, sizes in (
        (RaidLevel.RAID1, (100, 80)),
        (RaidLevel.RAIDZ1, (100, 100, 80)),
        (RaidLevel.RAID10, (100, 500, 100, 500)),
        (RaidLevel.RAID10, (100, 100, 100, 100, 100)),
    ):
        with pytest.raises(Conflict):
            check_raid_disks(Filesystem.ZFS, level, disks(*sizes))
    with pytest.raises(Conflict, match="twice"):
        check_raid_disks(Filesystem.ZFS, RaidLevel.RAID1, disks(100) * 2)


def test_large_blocks_and_bios() -> None:
    large = [Disk(path="/dev/sda", size_bytes=1, block_size=4096)]
    check_boot_disks(Firmware.EFI, large)
    check_boot_disks(Firmware.BIOS, [Disk(path="/dev/sda", size_bytes=1, block_size=None)])
    with pytest.raises(Conflict, match="4Kn"):
        check_boot_disks(Firmware.BIOS, large)
