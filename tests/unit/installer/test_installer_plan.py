"""Whole plans for recorded machines, compared with golden files; and everything that is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import DHCP, EXAMPLES, EXT4, GLOBAL, MINIMAL, STATIC

from hostd.core.formats.sectionconfig import parse as parse_sections
from hostd.node import boot_sync
from installer.actions import (
    CreateVolume,
    Partition,
    PartitionDisk,
    PartitionKind,
    Plan,
    RemovePackages,
    WipeDisk,
    WriteFile,
)
from installer.answer_file import AnswerError
from installer.answers import parse_answers
from installer.locales import Locales
from installer.machine import Firmware, Machine, NetworkFacts, Nic, Route
from installer.plan import boot, layout_zfs, system
from installer.plan.ids import Ids
from installer.plan.make import STAGES, make_plan

Machines = Callable[[str], Machine]
ZFS = '\n[disk-setup]\nfilesystem = "zfs"\nzfs.raid = "raid1"\ndisk-list = ["nvme0n1", "nvme1n1"]\n'
STATIC6 = STATIC.replace("192.0.2.10/24", "2001:db8::10/64").replace("192.0.2.1", "2001:db8::1")
SINGLE = '\n[disk-setup]\nfilesystem = "zfs"\nzfs.raid = "raid0"\nzfs.hdsize = 200\ndisk-list = ["sdb"]\n'
CASES = {
    "lvm-bios-dhcp": ("vm-bios", (EXAMPLES / "answers/lvm-dhcp.toml").read_text()),
    "xfs-efi-ipv6": (
        "vm-efi",
        GLOBAL + STATIC6.replace("192.0.2.53", "2001:db8::53") + EXT4.replace("ext4", "xfs") + "lvm.hdsize = 20.5\n",
    ),
    "lvm-small-no-pool": ("vm-bios", MINIMAL + "lvm.hdsize = 10\nlvm.swapsize = 0\n"),
    "zfs-mirror-pinned": ("server-two-nvme", (EXAMPLES / "answers/zfs-mirror-static.toml").read_text()),
    "zfs-single-4kn": ("server-4kn-efi", GLOBAL + DHCP + SINGLE),
}


def planned(machine: Machine, text: str, locales: Locales) -> Plan:
    return make_plan(machine, parse_answers(text), locales, seed=1)


def refused(machine: Machine, text: str, locales: Locales) -> list[str]:
    with pytest.raises(AnswerError) as caught:
        planned(machine, text, locales)
    return [str(problem) for problem in caught.value.problems]


def full_text(plan: Plan) -> str:
    """The plan and the contents of the files it writes."""
    parts = [plan.describe()]
    for action in plan.actions():
        if isinstance(action, WriteFile):
            data = action.data.hex() if action.path == "/etc/hostid" else action.data.decode()
            parts.append(f"--- {action.path} {action.mode:04o}\n{data}")
    return "\n".join(parts)


@pytest.mark.parametrize("case", CASES)
def test_golden_plans(case: str, machine: Machines, locales: Locales, golden: Callable[[str, str], None]) -> None:
    name, text = CASES[case]
    everywhere = dataclasses.replace(locales, zones=locales.zones | {"UTC"})
    golden(f"installer/{case}.txt", full_text(planned(machine(name), text, everywhere)))


def test_no_golden_plan_shows_a_password(machine: Machines, locales: Locales) -> None:
    for name, text in CASES.values():
        answers = parse_answers(text)
        shown = full_text(make_plan(machine(name), answers, locales, seed=1))
        assert answers.password.secret.reveal() not in shown


def test_plans_depend_on_the_seed_alone(machine: Machines, locales: Locales) -> None:
    answers = parse_answers(MINIMAL)
    plans = [make_plan(machine("vm-bios"), answers, locales, seed=seed).describe() for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]


def test_stages(machine: Machines, locales: Locales) -> None:
    plan = planned(machine("vm-bios"), MINIMAL, locales)
    assert tuple(stage.name for stage in plan.stages) == STAGES
    assert sum(stage.weight for stage in plan.stages) == 100


def test_only_named_disks_are_touched(machine: Machines, locales: Locales) -> None:
    plan = planned(machine("server-two-nvme"), GLOBAL + DHCP + ZFS, locales)
    touched = {action.disk for action in plan.actions() if isinstance(action, WipeDisk | PartitionDisk)}
    assert touched == {"/dev/nvme0n1", "/dev/nvme1n1"}
    assert "nvme2n1" not in plan.describe()


def test_nothing_is_written_before_the_wipe(machine: Machines, locales: Locales) -> None:
    actions = planned(machine("vm-bios"), MINIMAL, locales).actions()
    first_table = next(i for i, a in enumerate(actions) if isinstance(a, PartitionDisk))
    assert any(isinstance(a, WipeDisk) for a in actions[:first_table])


def test_names_agree_with_the_tool_that_reads_them() -> None:
    assert (boot.CMDLINE_FILE, boot.ESPS_FILE) == (boot_sync.CMDLINE_FILE, boot_sync.ESPS_FILE)


def test_the_seed_can_be_read_back(machine: Machines, locales: Locales) -> None:
    for name, text in CASES.values():
        actions = planned(machine(name), text, locales).actions()
        files = {a.path: a.data.decode() for a in actions if isinstance(a, WriteFile) and "/seed/" in a.path}
        ids = [section.id for section in parse_sections(files["/var/lib/hostd/seed/storage.cfg"], strict=True)]
        assert ids[0] == "local"
        assert ids[1:] in ([], ["local-lvm"], ["local-zfs"])


def test_live_packages_are_removed(machine: Machines, locales: Locales) -> None:
    removed = [a for a in planned(machine("vm-bios"), MINIMAL, locales).actions() if isinstance(a, RemovePackages)]
    assert "live-boot" in removed[0].names


def test_esp_order_in_the_firmware_menu(machine: Machines, locales: Locales) -> None:
    text = planned(machine("server-two-nvme"), GLOBAL + DHCP + ZFS, locales).describe()
    assert text.index("Holdfast (disk 2)") < text.index("Holdfast (disk 1)")
    bios = dataclasses.replace(machine("server-two-nvme"), firmware=Firmware.BIOS)
    assert "firmware" not in planned(bios, GLOBAL + DHCP + ZFS, locales).describe()


def test_volume_sizes_are_whole_extents(machine: Machines, locales: Locales) -> None:
    volumes = [a for a in planned(machine("vm-bios"), MINIMAL, locales).actions() if isinstance(a, CreateVolume)]
    assert [v.name for v in volumes] == ["swap", "root"]
    assert all(v.size_kib % 4096 == 0 for v in volumes)


def test_ipv6_only_network(machine: Machines, locales: Locales) -> None:
    vm = machine("vm-bios")
    network = NetworkFacts(nics=vm.network.nics, gateway6=Route(dev="enp0s2", gateway="fe80::1"))
    plan = planned(dataclasses.replace(vm, network=network), MINIMAL, locales)
    assert "iface vmbr0 inet6 dhcp" in full_text(plan)


def test_kernel_names_are_not_pinned(machine: Machines, locales: Locales) -> None:
    vm = machine("vm-bios")
    network = NetworkFacts(nics=(Nic(name="eth0", mac="52:54:00:00:00:01", index=2, number=0),))
    text = full_text(planned(dataclasses.replace(vm, network=network), MINIMAL, locales))
    assert "Name=nic0" in text
    assert "bridge-ports nic0" in text


def test_pool_members_by_readable_names(machine: Machines) -> None:
    disk = machine("desktop-usb-stick").disks[1]
    part = Partition(number=3, kind=PartitionKind.ZFS, name="zfs", size_mib=None, uuid="u")
    assert layout_zfs.member(disk, part) == "/dev/disk/by-id/ata-Samsung_SSD_870_EVO_500GB_S62ANJ0R123456-part3"
    assert layout_zfs.member(dataclasses.replace(disk, by_id=("wwn-1",)), part) == "/dev/disk/by-id/wwn-1-part3"
    assert layout_zfs.member(dataclasses.replace(disk, by_id=()), part) == "/dev/disk/by-partuuid/u"


def test_sizes_from_the_boot_menu(machine: Machines, locales: Locales) -> None:
    vm = machine("vm-bios")
    asked = dataclasses.replace(vm, cmdline=f"{vm.cmdline} hdsize=20 swapsize=0 maxvz=1.5")
    text = planned(asked, MINIMAL + "lvm.swapsize = 1\n", locales).describe()
    assert "swap, 1.00 GiB" in text, "the answer file goes first"
    assert "3 lvm 19453 MiB" in text
    assert "thin pool" not in text
    zfs = dataclasses.replace(machine("server-two-nvme"), cmdline="hdsize=100")
    assert "zfs 101373 MiB" in planned(zfs, GLOBAL + DHCP + ZFS, locales).describe()


def test_ids() -> None:
    ids = Ids(7)
    assert ids.uuid() == Ids(7).uuid() != ids.uuid()
    assert len(ids.host_id()) == 4


@pytest.mark.parametrize(
    ("setup", "said"),
    [
        ('filesystem = "btrfs"\nbtrfs.raid = "raid1"\ndisk-list = ["nvme0n1", "nvme1n1"]', "btrfs as root"),
        ('filesystem = "zfs"\nzfs.raid = "raid0"\ndisk-list = ["nvme0n1", "nvme1n1"]', "not raid0 over 2 disks"),
        ('filesystem = "zfs"\nzfs.raid = "raidz-1"\nfilter.DEVTYPE = "disk"', "not raidz-1"),
        ('filesystem = "zfs"\nzfs.raid = "raid1"\ndisk-list = ["nvme0n1", "nvme2n1"]', "differ too much"),
        (
            'filesystem = "zfs"\nzfs.raid = "raid0"\nzfs.hdsize = 2000\ndisk-list = ["nvme0n1"]',
            "more than",
        ),
        ('filesystem = "ext4"\nlvm.hdsize = 7\ndisk-list = ["nvme0n1"]', "too small"),
        ('filesystem = "ext4"\nlvm.hdsize = 9\nlvm.swapsize = 6\ndisk-list = ["nvme0n1"]', "left for the root"),
        ('filesystem = "ext4"\ndisk-list = ["nvme1n1"]', "already holds a volume group 'pve'"),
    ],
)
def test_refused_layouts(setup: str, said: str, machine: Machines, locales: Locales) -> None:
    found = refused(machine("server-two-nvme"), f"{GLOBAL}{DHCP}\n[disk-setup]\n{setup}\n", locales)
    assert any(said in problem for problem in found), found
    assert all(problem.startswith("line 1") for problem in found), "every reason names a line of [disk-setup]"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[first-boot]\nsource = "from-iso"\n', "first boot"),
        ('[post-installation-webhook]\nurl = "https://example.com/x"\n', "does not call addresses"),
    ],
)
def test_refused_extras(more: str, said: str, machine: Machines, locales: Locales) -> None:
    assert [said in problem for problem in refused(machine("vm-bios"), MINIMAL + more, locales)] == [True]


def test_a_cluster_waits_for_the_first_boot(machine: Machines, locales: Locales) -> None:
    plan = planned(machine("vm-bios"), MINIMAL + '[cluster]\njoin = "secret-token"\n', locales)
    (written,) = (
        action
        for stage in plan.stages
        for action in stage.actions
        if isinstance(action, WriteFile) and action.path == system.FIRST_CLUSTER
    )
    assert json.loads(written.data) == {"join": "secret-token"}
    assert written.mode == 0o600
    assert "secret-token" not in plan.describe()
    assert system.FIRST_CLUSTER not in planned(machine("vm-bios"), MINIMAL, locales).describe()


def test_subscription_is_refused(machine: Machines, locales: Locales) -> None:
    text = MINIMAL.replace("[network]", 'subscription-key = "k"\n[network]')
    assert refused(machine("vm-bios"), text, locales)[0].startswith("line 9, global.subscription-key")


def test_secure_boot_and_zfs(machine: Machines, locales: Locales) -> None:
    desktop = machine("desktop-usb-stick")
    zfs = '\n[disk-setup]\nfilesystem = "zfs"\nzfs.raid = "raid0"\ndisk-list = ["sdb"]\n'
    assert "Secure Boot" in refused(desktop, GLOBAL + DHCP + zfs, locales)[0]
    planned(desktop, MINIMAL.replace("vda", "sdc"), locales)


def test_4kn(machine: Machines, locales: Locales) -> None:
    text = MINIMAL.replace("vda", "sda")
    assert "4Kn" in refused(machine("server-4kn-bios"), text, locales)[0]
    small = '\n[disk-setup]\nfilesystem = "zfs"\nzfs.raid = "raid0"\nzfs.ashift = 9\ndisk-list = ["sda"]\n'
    assert "ashift" in refused(machine("server-4kn-efi"), GLOBAL + DHCP + small, locales)[0]


def test_own_name_on_a_chosen_disk_is_no_conflict(machine: Machines, locales: Locales) -> None:
    planned(machine("server-two-nvme"), MINIMAL.replace("vda", "nvme0n1"), locales)
    planned(machine("server-two-nvme"), GLOBAL + DHCP + ZFS, locales)


def test_examples_are_complete() -> None:
    assert {path.name for path in (EXAMPLES / "machines").iterdir()} >= {"vm-bios.json", "desktop-usb-stick.json"}
    for path in Path(EXAMPLES / "answers").iterdir():
        parse_answers(path.read_text())
