"""QEMU's command line."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from imagebuild.vm import Disk, Firmware, Forward, MediumBus, Spec, mac_address, qemu_argv

FOLDER = Path("/cache/run")


def options(argv: list[str], name: str) -> list[str]:
    return [value for option, value in itertools.pairwise(argv) if option == name]


def test_emulated_machine_has_the_settings_that_make_it_fast() -> None:
    argv = qemu_argv(Spec(folder=FOLDER))
    assert options(argv, "-machine") == ["q35"]
    assert options(argv, "-accel") == ["tcg,thread=multi,tb-size=512"]
    assert options(argv, "-cpu") == ["Nehalem"]
    assert options(argv, "-vga") == ["none"]
    assert "-nodefaults" in argv


def test_kvm_takes_the_hosts_processor() -> None:
    argv = qemu_argv(Spec(folder=FOLDER, kvm=True))
    assert options(argv, "-cpu") == ["host"]
    assert options(argv, "-machine") == ["q35,accel=kvm"]
    assert options(argv, "-accel") == []


def test_ports_are_forwarded_from_loopback_only() -> None:
    argv = qemu_argv(Spec(folder=FOLDER, forwards=[Forward(host=8006, guest=8006), Forward(host=8022, guest=22)]))
    assert options(argv, "-netdev") == ["user,id=net0,hostfwd=tcp:127.0.0.1:8006-:8006,hostfwd=tcp:127.0.0.1:8022-:22"]


def test_a_machine_at_a_switch_is_on_that_network_only() -> None:
    forwards = [Forward(host=8006, guest=8006)]
    argv = qemu_argv(Spec(folder=FOLDER, lan=4711, forwards=forwards))
    (network,) = options(argv, "-netdev")
    assert network.startswith("dgram,id=net0,")
    assert network.endswith("remote.port=4711")
    assert "hostfwd" not in network


def test_a_disk_may_be_a_server_of_blocks() -> None:
    disk = Disk(path=Path("/run/a.sock"), serial="A", format="nbd")
    (drive,) = options(qemu_argv(Spec(folder=FOLDER, disks=[disk], durable=True)), "-drive")
    assert "format=raw,file=nbd+unix:///?socket=/run/a.sock,cache=none" in drive


def test_disks_start_before_the_medium() -> None:
    disks = [Disk(path=Path("/a.qcow2"), serial="A"), Disk(path=Path("/b.qcow2"), serial="B")]
    argv = qemu_argv(Spec(folder=FOLDER, disks=disks, medium=Path("/x.iso")))
    order = [value for value in options(argv, "-device") if "bootindex" in value]
    assert [value.split(",")[1] for value in order] == ["drive=disk0", "drive=disk1", "drive=medium"]
    assert [value.rsplit("=", 1)[1] for value in order] == ["1", "2", "3"]


@pytest.mark.parametrize(("bus", "device"), [(MediumBus.CDROM, "scsi-cd"), (MediumBus.USB, "usb-storage")])
def test_the_medium_is_read_only_on_either_bus(bus: MediumBus, device: str) -> None:
    argv = qemu_argv(Spec(folder=FOLDER, medium=Path("/x.iso"), medium_bus=bus))
    assert any(value.startswith(f"{device},drive=medium") for value in options(argv, "-device"))
    assert any("file=/x.iso" in value and "readonly=on" in value for value in options(argv, "-drive"))


def test_flushes_are_honoured_only_where_asked() -> None:
    disk = [Disk(path=Path("/a.qcow2"), serial="A")]
    assert "cache=unsafe" in options(qemu_argv(Spec(folder=FOLDER, disks=disk)), "-drive")[0]
    assert "cache=none" in options(qemu_argv(Spec(folder=FOLDER, disks=disk, durable=True)), "-drive")[0]


def test_uefi_gets_its_own_variables() -> None:
    drives = options(qemu_argv(Spec(folder=FOLDER, firmware=Firmware.UEFI)), "-drive")
    assert any("readonly=on" in drive and "OVMF_CODE" in drive for drive in drives)
    assert any(f"file={FOLDER}/efivars.fd" in drive for drive in drives)


def test_a_machine_keeps_its_address() -> None:
    assert mac_address(FOLDER) == mac_address(FOLDER) != mac_address(Path("/cache/other"))
    assert mac_address(FOLDER).startswith("52:54:00:")


def test_the_network_interface_keeps_its_place_when_a_disk_or_the_medium_goes() -> None:
    disk = Disk(path=Path("/a.qcow2"), serial="A")
    machines = [Spec(folder=FOLDER), Spec(folder=FOLDER, disks=[disk], medium=Path("/x.iso"))]
    places = {value for spec in machines for value in options(qemu_argv(spec), "-device") if "virtio-net" in value}
    assert len(places) == 1
    assert "addr=0x10" in places.pop()
