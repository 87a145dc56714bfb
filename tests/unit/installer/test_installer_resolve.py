"""Which disks, which NIC, which name: choices the machine makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from conftest import DHCP, EXT4, GLOBAL, MINIMAL, STATIC

from hostd.core.errors import ParseError
from installer.answer_file import AnswerError
from installer.answers import parse_answers
from installer.locales import Locales, parse_country_table, parse_zone_table
from installer.machine import Machine, NetworkFacts, dump_machine, find_disk, load_machine
from installer.network_defaults import default_fqdn, network_defaults
from installer.resolve import Target, choose_network, matches, resolve

Machines = Callable[[str], Machine]


def refused(machine: Machine, text: str, locales: Locales) -> list[tuple[str, int]]:
    with pytest.raises(AnswerError) as caught:
        resolve(machine, parse_answers(text), locales)
    return [(p.key, p.line) for p in caught.value.problems]


def disks(text: str) -> str:
    return GLOBAL + DHCP + f'\n[disk-setup]\nfilesystem = "zfs"\nzfs.raid = "raid0"\n{text}\n'


def chosen(machine: Machine, text: str, locales: Locales) -> list[str]:
    return [disk.name for disk in resolve(machine, parse_answers(text), locales).disks]


def test_unknown_places(machine: Machines, locales: Locales) -> None:
    text = MINIMAL.replace('"at"', '"xx"').replace("Europe/Vienna", "Europe/Atlantis").replace('"de"', '"klingon"')
    found = refused(machine("vm-bios"), text, locales)
    assert found == [("global.keyboard", 2), ("global.country", 3), ("global.timezone", 6)]


def test_utc_is_always_known(machine: Machines, locales: Locales) -> None:
    resolve(machine("vm-bios"), parse_answers(MINIMAL.replace("Europe/Vienna", "UTC")), locales)


def test_disks_by_name_in_the_machines_order(machine: Machines, locales: Locales) -> None:
    server = machine("server-two-nvme")
    by_id = "nvme-SAMSUNG_MZQL2960HCJR-00A07_S64FNE0R100001"
    assert chosen(server, disks(f'disk-list = ["nvme2n1", "/dev/disk/by-id/{by_id}"]'), locales) == [
        "nvme0n1",
        "nvme2n1",
    ]


def test_disks_by_filter(machine: Machines, locales: Locales) -> None:
    server = machine("server-two-nvme")
    both = 'filter.ID_MODEL = "SAMSUNG MZQL2960*"\nfilter.ID_SERIAL_SHORT = "S64?NE0R200003"'
    assert chosen(server, disks(both), locales) == ["nvme0n1", "nvme1n1", "nvme2n1"]
    assert refused(server, disks(both + '\nfilter-match = "all"'), locales) == [("disk-setup.filter", 15)]
    assert chosen(server, disks('filter.ID_SERIAL_SHORT = "*[12]"'), locales) == ["nvme0n1", "nvme1n1"]


def test_the_live_disk_is_never_chosen(machine: Machines, locales: Locales) -> None:
    desktop = machine("desktop-usb-stick")
    assert chosen(desktop, disks('filter.DEVTYPE = "disk"'), locales) == ["sdb", "sdc"]
    assert refused(desktop, disks('disk-list = ["sda"]'), locales) == [("disk-setup.disk-list", 15)]
    assert refused(desktop, disks('filter.ID_BUS = "usb"'), locales) == [("disk-setup.filter", 15)]


def test_missing_disk_and_too_few(machine: Machines, locales: Locales) -> None:
    assert refused(machine("vm-bios"), MINIMAL.replace('"vda"', '"sdx"'), locales) == [("disk-setup.disk-list", 14)]
    mirror = disks('disk-list = ["vda"]').replace("raid0", "raid1")
    assert refused(machine("vm-bios"), mirror, locales) == [("disk-setup.disk-list", 15)]


def test_filters() -> None:
    udev = {"A": "one", "B": "two"}
    assert matches(udev, {"A": "o*", "B": "x"}, match_all=False)
    assert not matches(udev, {"A": "o*", "B": "x"}, match_all=True)
    assert not matches(udev, {"C": "*"}, match_all=True)
    assert not matches(udev, {"A": "ONE"}, match_all=False)


def test_management_interface(machine: Machines, locales: Locales) -> None:
    server = machine("server-two-nvme")
    text = (GLOBAL + STATIC + EXT4.replace("vda", "nvme0n1")).replace(
        'INTERFACE = "*"', 'ID_NET_NAME_MAC = "*3cecef0a1b21"'
    )
    network = resolve(server, parse_answers(text), locales).network
    assert (network.nic, network.nic_name, network.dhcp) == ("eno2", "eno2", False)
    pinned = text.replace("[disk-setup]", "[network.interface-name-pinning]\nenabled = true\n[disk-setup]")
    network = resolve(server, parse_answers(pinned), locales).network
    assert network.nic_name == "nic1"
    assert sorted(network.pins.values()) == ["nic0", "nic1", "nic2", "nic3"]


def test_a_pinned_name_must_not_come_twice(machine: Machines, locales: Locales) -> None:
    text = MINIMAL.replace("vda", "nvme0n1") + (
        '[network.interface-name-pinning]\nenabled = true\nmapping."3C:EC:EF:0A:1B:20" = "nic1"\n'
    )
    assert refused(machine("server-two-nvme"), text, locales) == [("network.interface-name-pinning.mapping", 17)]


def test_no_interface_at_all(machine: Machines) -> None:
    with pytest.raises(AnswerError, match="no network interface"):
        choose_network(NetworkFacts(), parse_answers(MINIMAL))


def fqdn_of(machine: Machine, locales: Locales, lines: str, **facts: str) -> str:
    text = MINIMAL.replace('fqdn = "node1.example.com"', lines)
    network = dataclasses.replace(machine.network, **facts)
    target: Target = resolve(dataclasses.replace(machine, network=network), parse_answers(text), locales)
    return str(target.fqdn)


def test_name_from_dhcp(machine: Machines, locales: Locales) -> None:
    vm, source = machine("vm-bios"), 'fqdn.source = "from-dhcp"'
    assert fqdn_of(vm, locales, source, dhcp_hostname="web", dns_domain="lan.example") == "web.lan.example"
    assert (
        fqdn_of(vm, locales, source, dhcp_hostname="web.full.example", dns_domain="lan.example") == "web.full.example"
    )
    assert fqdn_of(vm, locales, source + '\nfqdn.domain = "own.example"', dhcp_hostname="web") == "web.own.example"
    for facts in ({"dhcp_hostname": "web"}, {"dns_domain": "lan.example"}):
        with pytest.raises(AnswerError, match=r"global\.fqdn"):
            fqdn_of(vm, locales, source, **facts)


def test_unusable_dhcp_name_falls_back() -> None:
    assert str(default_fqdn(NetworkFacts(dhcp_hostname="a b"), host="pve")) == "pve.example.invalid"


def test_defaults_without_any_network(machine: Machines) -> None:
    facts = dataclasses.replace(machine("server-4kn-bios").network, gateway4=None)
    found = network_defaults(facts, host="pve")
    assert (found.ifname, str(found.address), str(found.gateway)) == ("eno1", "192.168.100.2/24", "192.168.100.1")


def test_recorded_machines_survive(machine: Machines) -> None:
    for name in ("vm-bios", "vm-efi", "server-two-nvme", "server-4kn-efi", "desktop-usb-stick"):
        assert load_machine(dump_machine(machine(name))) == machine(name)
    for bad in (
        "",
        "[]",
        '{"firmware": "bios"}',
        '{"firmware": "x", "memory_mib": 1}',
        '{"firmware": "efi", "memory_mib": 1, "z": 1}',
    ):
        with pytest.raises(ParseError):
            load_machine(bad)


def test_find_disk(machine: Machines) -> None:
    found = find_disk(machine("desktop-usb-stick").disks, "wwn-0x50014ee2b1234567")
    assert found is not None
    assert found.name == "sdc"
    assert found.partition(2) == "/dev/sdc2"
    assert machine("server-two-nvme").disks[0].partition(2) == "/dev/nvme0n1p2"


def test_tables_of_tzdata() -> None:
    assert parse_country_table("# x\nAT\tAustria\nDE\tGermany\n") == {"at", "de"}
    assert parse_zone_table("# x\nAT\t+4813+01620\tEurope/Vienna\nX\n") == {"Europe/Vienna"}
