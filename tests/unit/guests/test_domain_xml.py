"""Golden domain definitions; every declared key is used by one, and what cannot be given is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hostd.core.errors import Conflict, HostError, Invalid, Unsupported
from hostd.core.formats.keyvalue import parse_guest
from hostd.guests.qemu.config import OPTIONS
from hostd.guests.qemu.devices.disk import Source
from hostd.guests.qemu.domain_xml import domain_name, domain_xml, to_text, vmid_of
from hostd.guests.qemu.facts import MachineFacts
from tests.conftest import GOLDEN

CASES = sorted((GOLDEN / "domain").glob("*.conf"))


def source(path: str, format: str = "raw") -> Source:
    return Source(path=path, format=format, block=path.startswith("/dev/"))


SOURCES = {
    "local:100/vm-100-disk-0.raw": source("/var/lib/vz/images/100/vm-100-disk-0.raw"),
    "local:100/vm-100-disk-1.qcow2": source("/var/lib/vz/images/100/vm-100-disk-1.qcow2", "qcow2"),
    "local:iso/debian.iso": source("/var/lib/vz/template/iso/debian.iso"),
    "local-lvm:vm-100-disk-0": source("/dev/pve/vm-100-disk-0"),
    "local-lvm:vm-100-disk-9": source("/dev/pve/vm-100-disk-9"),
    "local-zfs:vm-100-disk-0": source("/dev/zvol/rpool/data/vm-100-disk-0"),
}


def facts(kvm: bool = False) -> MachineFacts:
    return MachineFacts(
        vmid=100, kvm=kvm, sockets="/run/hostd/qemu/100", sources=SOURCES, bridge_mtus={"vmbr0": 1500, "vmbr1": 9000}
    )


def build(text: str, kvm: bool = False) -> str:
    return to_text(domain_xml(parse_guest(text).current, facts(kvm)))


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_golden(path: Path, golden: Callable[[str, str], None]) -> None:
    golden(f"domain/{path.stem}.xml", build(path.read_text(), kvm=path.stem.startswith("kvm-")))


# Keys that do not reach libvirt, and those that a definition cannot tell yet (see ``config.NOT_YET``).
NOT_IN_THE_DEFINITION = {
    "description", "cdrom", "unused", "autostart", "hookscript", "keyboard", "hotplug", "migrate_downtime",
    "migrate_speed", "vmstatestorage", "citype", "ciuser", "cipassword", "ciupgrade", "cicustom", "searchdomain",
    "nameserver", "sshkeys", "ipconfig",
}  # fmt: skip
TO_COME = {
    "startdate", "tdf", "freeze", "numa[n]", "affinity", "smp", "shares", "hugepages", "keephugepages", "allow-ksm",
    "arch", "amd-sev", "intel-tdx", "tpmstate0", "audio0", "rng0", "usb", "hostpci", "virtiofs", "parallel", "ivshmem",
    "watchdog", "spice_enhancements",
}  # fmt: skip


def test_every_key_has_a_case() -> None:
    used = {key.rstrip("0123456789") if OPTIONS.get(key) and OPTIONS.keys[key].indices else key for key in _used()}
    assert set(OPTIONS.options) - used - NOT_IN_THE_DEFINITION - TO_COME == set()


def _used() -> set[str]:
    return {key for path in CASES for key in parse_guest(path.read_text()).current}


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("hostpci0: 01:00.0\n", Unsupported, "hostpci0"),
        ("tpmstate0: local:1/x.raw\n", Unsupported, "tpmstate0"),
        ("numa: 1\n", Unsupported, "numa"),
        ("usb0: spice\n", Unsupported, "usb0"),
        ("arch: aarch64\n", Unsupported, "arch"),
        ("cores: many\n", Invalid, "cores"),
        ("machine: pc,viommu=intel\n", Unsupported, "viommu"),
        ("bios: ovmf\n", Conflict, "efidisk0"),
        ("bios: ovmf\nefidisk0: local-lvm:vm-100-disk-9,size=128K\n", Unsupported, "efitype=4m"),
        ("bios: ovmf\nefidisk0: local-lvm:vm-100-disk-9,efitype=4m,pre-enrolled-keys=1\n", Conflict, "q35"),
        ("ide0: local:iso/debian.iso\n", Conflict, "media=cdrom"),
        ("ide0: none\n", Conflict, "media=cdrom"),
        ("virtio0: local:iso/debian.iso,media=cdrom\n", Conflict, "bus ide, sata or scsi"),
        ("ide0: cdrom,media=cdrom\n", Conflict, "ISO image"),
        ("scsihw: lsi53c810\nscsi0: local:100/vm-100-disk-0.raw\n", Unsupported, "lsi53c810"),
        ("scsi0: local:100/vm-100-disk-7.raw\n", HostError, "vm-100-disk-7"),
        ("scsi0: /dev/sdg\n", Unsupported, "paths of the host"),
        ("net0: virtio,bridge=vmbr0\n", Conflict, "MAC address"),
        ("net0: virtio=BC:24:11:00:00:01\n", Unsupported, "bridge"),
        ("net0: virtio=BC:24:11:00:00:01,bridge=vmbr0,mtu=9000\n", Conflict, "MTU"),
        ("serial0: /dev/ttyS0\n", Unsupported, "serial0"),
        ("vga: serial1\n", Conflict, "serial1: socket"),
        ("vga: qxl\n", Unsupported, "qxl"),
        ("cpu: custom-x\n", Unsupported, "custom"),
        ("cpu: host,level=30\n", Unsupported, "level"),
        ("args: 'unclosed\n", Invalid, ""),
        ("smbios1: manufacturer=abc,base64=1\n", Invalid, ""),
    ],
)
def test_what_cannot_be_started(text: str, error: type[HostError], words: str) -> None:
    with pytest.raises(error) as caught:
        build(text)
    assert words in str(caught.value) + str(getattr(caught.value, "errors", ""))


def test_a_verdict_against_kvm_counts() -> None:
    assert '<domain type="qemu">' in build("kvm: 1\n", kvm=False)
    assert '<domain type="qemu">' in build("kvm: 0\n", kvm=True)
    assert '<domain type="kvm">' in build("", kvm=True)


def test_a_machine_without_uuid_keeps_the_same_one() -> None:
    assert build("") == build("")


def test_legacy_boot_letters() -> None:
    text = "boot: ndca\nbootdisk: virtio1\nide2: none,media=cdrom\nnet0: virtio=A2:C0:43:77:08:A0,bridge=vmbr0\n"
    text += "virtio0: local:100/vm-100-disk-0.raw\nvirtio1: local:100/vm-100-disk-1.qcow2\n"
    root = domain_xml(parse_guest(text).current, facts())
    order = {}
    for device in root.findall("devices/*"):
        boot, alias = device.find("boot"), device.find("alias")
        if boot is not None and alias is not None:
            order[alias.get("name")] = boot.get("order")
    assert order == {"ua-net0": "1", "ua-ide2": "2", "ua-virtio1": "3"}


def test_names() -> None:
    assert vmid_of(domain_name(100)) == 100
    assert vmid_of("100") is None
    assert vmid_of("vm-web") is None


def test_text_from_the_file_cannot_become_markup() -> None:
    root = domain_xml({"smbios1": "uuid=6cf17dc3-8341-4ecc-aebd-7503f2583fb3"}, facts())
    assert "<title>VM100</title>" in to_text(root)
    values: Mapping[str, str] = {"virtio0": "local:100/vm-100-disk-0.raw,serial=<evil/>"}
    assert "&lt;evil/&gt;" in to_text(domain_xml(values, facts()))
