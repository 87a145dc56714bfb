"""Golden domain definitions; every declared key is used by one, and what cannot be given is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hostd.core.errors import Conflict, HostError, Invalid, Unsupported
from hostd.core.formats.keyvalue import parse_guest
from hostd.guests.qemu.config import OPTIONS
from hostd.guests.qemu.devices import slots
from hostd.guests.qemu.devices.cpu import parse_models
from hostd.guests.qemu.devices.disk import Source
from hostd.guests.qemu.devices.hostdevices import HostDevices, PciMapping
from hostd.guests.qemu.domain_xml import domain_name, domain_xml, to_text, vmid_of
from hostd.guests.qemu.facts import MachineFacts
from hostd.guests.qemu.refusals import refuse
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


MODELS = "cpu-model: tuned\n    reported-model EPYC\n    flags +avx;+kvm_steal_time;-kvm_pv_unhalt\n    hidden 1\n"
DEVICES = HostDevices(
    pci=["0000:01:00.0", "0000:01:00.1", "0000:02:00.0", "0000:03:00.0"],
    pci_mappings={"gpu": PciMapping(paths=["0000:02:00.0", "0000:03:00.0"], mediated=True)},
    usb_mappings={"stick": "0951:1666"},
    usb_ports={"1-1": 2, "1-1.2": 7},
)


def facts(kvm: bool = False, *, spice: bool = False, qemu: tuple[int, int] | None = (10, 0)) -> MachineFacts:
    return MachineFacts(
        vmid=100,
        kvm=kvm,
        sockets="/run/hostd/qemu/100",
        sources=SOURCES,
        bridge_mtus={"vmbr0": 1500, "vmbr1": 9000},
        cpu_vendor="AuthenticAMD",
        qemu=qemu,
        cpu_models=parse_models(MODELS),
        devices=DEVICES,
        spice=spice,
    )


def build(text: str, kvm: bool = False, spice: bool = False) -> str:
    """Files that begin with ``kvm-`` are for a node with KVM, those with ``spice`` in the name for viewers by SPICE."""
    return to_text(domain_xml(parse_guest(text).current, facts(kvm, spice=spice)))


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_golden(path: Path, golden: Callable[[str, str], None]) -> None:
    golden(
        f"domain/{path.stem}.xml", build(path.read_text(), kvm=path.stem.startswith("kvm-"), spice="spice" in path.stem)
    )


# Keys that do not reach libvirt, and those that a definition cannot tell yet (see ``config.NOT_YET``).
NOT_IN_THE_DEFINITION = {
    "description", "cdrom", "unused", "autostart", "hookscript", "keyboard", "hotplug", "migrate_downtime",
    "migrate_speed", "vmstatestorage", "citype", "ciuser", "cipassword", "ciupgrade", "cicustom", "searchdomain",
    "nameserver", "sshkeys", "ipconfig", "freeze",
}  # fmt: skip
TO_COME = {
    "numa[n]", "affinity", "shares", "hugepages", "keephugepages", "allow-ksm",
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
        ("cores: many\n", Invalid, "cores"),
        ("machine: pc,viommu=intel\n", Conflict, "needs machine q35"),
        ("machine: pc-q35-10.1\n", Conflict, "newer QEMU than 10.0"),
        ("machine: pc-q35-9.2+pve99\n", Conflict, "revision 99"),
        ("bios: ovmf\nefidisk0: local-lvm:vm-100-disk-9,efitype=4m,pre-enrolled-keys=1\n", Conflict, "q35"),
        ("ide0: local:iso/debian.iso\n", Conflict, "media=cdrom"),
        ("ide0: none\n", Conflict, "media=cdrom"),
        ("startdate: 2026-02-30\n", Invalid, "no such date"),
        (f"ide0: local:100/vm-100-disk-0.raw,model={'x' * 41}\n", Invalid, "at most 40"),
        ("virtio0: local:iso/debian.iso,media=cdrom\n", Conflict, "bus ide, sata or scsi"),
        ("ide0: cdrom,media=cdrom\n", Conflict, "ISO image"),
        ("scsihw: lsi53c810\nscsi0: local:100/vm-100-disk-0.raw\n", Unsupported, "lsi53c810"),
        ("scsi0: local:100/vm-100-disk-7.raw\n", HostError, "vm-100-disk-7"),
        ("net0: virtio,bridge=vmbr0\n", Conflict, "MAC address"),
        ("net0: virtio=BC:24:11:00:00:01\n", Unsupported, "bridge"),
        ("net0: virtio=BC:24:11:00:00:01,bridge=vmbr0,mtu=9000\n", Conflict, "MTU"),
        ("vga: serial1\n", Conflict, "serial1: socket"),
        ("vga: virtio-gl\n", Unsupported, "virtio-gl"),
        ("cpu: custom-x\n", Conflict, "custom model 'x'"),
        ("args: 'unclosed\n", Invalid, ""),
        ("smbios1: manufacturer=abc,base64=1\n", Invalid, ""),
        ("tpmstate0: local:100/vm-100-disk-1.qcow2\n", Invalid, "raw"),
        ("watchdog: i6300esb,action=debug\n", Unsupported, "debug"),
        ("agent: 1,type=isa\n", Unsupported, "isa"),
        ("numa: 1\nmemory: 513\nsockets: 2\n", Conflict, "513"),
        ("numa: 1\nmemory: 512\nnuma0: cpus=0,memory=256\n", Conflict, "256 MiB together"),
        ("numa: 1\nmemory: 512\ncores: 2\nnuma0: cpus=0,memory=512\n", Conflict, "1 processors together"),
        ("numa: 1\nnuma0: cpus=0\n", Conflict, "no memory"),
        ("hugepages: 1024\nmemory: 512\n", Conflict, "multiple of 1024"),
        ("usb5: host=1-1\n", Conflict, "usb0 to usb4"),
        ("usb0: mapping=none\n", Conflict, "mapping 'none'"),
        ("usb0: usb3=1\n", Conflict, "neither a device nor"),
        ("hostpci0: 07:00\n", Conflict, "no PCI device"),
        ("hostpci0: 01:00.0,pcie=1\n", Conflict, "q35"),
        ("hostpci0: mapping=nic\n", Conflict, "mapping 'nic'"),
        ("hostpci0: pcie=0\n", Conflict, "neither a device nor"),
        ("hostpci0: mapping=gpu\nhostpci1: mapping=gpu\nhostpci2: mapping=gpu\n", Conflict, "are taken"),
    ],
)
def test_what_cannot_be(text: str, error: type[HostError], words: str) -> None:
    with pytest.raises(error) as caught:
        build(text)
    assert words in str(caught.value) + str(getattr(caught.value, "errors", ""))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hostpci1: 01:00.0\n", "hostpci1"),
        ("scsi0: local:100/vm-100-disk-0.raw,snapshot=1\n", "scsi0: snapshot .throwing away"),
        ("scsi3: /dev/sdg,scsiblock=1\n", "scsi3: scsiblock"),
        ("virtiofs0: share\n", "virtiofs0"),
        ("amd-sev: snp\n", "amd-sev"),
        ("intel-tdx: type=tdx\n", "intel-tdx"),
        ("usb0: spice\n", "usb0"),
        ("usb0: mapping=stick\n", "usb0"),
        ("vga: qxl2\n", "SPICE"),
        ("arch: aarch64\n", "aarch64"),
        ("bios: ovmf\n", "efidisk0"),
        ("bios: ovmf\nefidisk0: local-lvm:vm-100-disk-9,size=128K\n", "efitype=4m"),
    ],
)
def test_what_is_kept_and_not_started(text: str, words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        refuse(parse_guest(text).current, "x86_64")


def test_what_can_be_started_is_not_refused() -> None:
    refuse({"usb0": "host=1-1", "bios": "ovmf", "efidisk0": "local-lvm:vm-100-disk-9,efitype=4m"}, "x86_64")


def test_an_old_qemu_has_no_machine() -> None:
    with pytest.raises(Unsupported, match="too old"):
        domain_xml({}, facts(qemu=(5, 2)))


@pytest.mark.parametrize(
    ("meta", "machine"),
    [("", "pc-i440fx-5.1"), ("creation-qemu=9.2.0", "pc-i440fx-9.2"), ("creation-qemu=10.1.0", "pc-i440fx-10.0")],
)
def test_windows_keeps_the_hardware_it_was_installed_on(meta: str, machine: str) -> None:
    config = {"ostype": "win11"} | ({"meta": meta} if meta else {})
    assert f'machine="{machine}"' in to_text(domain_xml(config, facts()))


def test_no_two_devices_share_a_place() -> None:
    """Each device of the largest machine has a slot of its own."""
    names = [
        "vga",
        "balloon",
        "watchdog",
        "scsihw0",
        "scsihw1",
        "ahci",
        "qga",
        "spice",
        "xhci",
        "rng",
        "ivshmem",
        "audio",
    ]
    names += [f"net{n}" for n in range(32)] + [f"virtio{n}" for n in range(16)] + [f"virtioscsi{n}" for n in range(31)]
    places = [slots.place(name) for name in names]
    kept = [place for place in places if place is not None]
    assert len(kept) == len(names) == len(set(kept))
    assert all(1 <= slot <= 0x1F for _, slot in kept)


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
    assert "<title>vm100</title>" in to_text(root)
    values: Mapping[str, str] = {"virtio0": "local:100/vm-100-disk-0.raw,serial=<evil/>"}
    assert "&lt;evil/&gt;" in to_text(domain_xml(values, facts()))


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        ("balloon: 512\n", 2048),
        ("balloon: 512\nshares: 0\n", 512),
        ("shares: 0\n", 2048),
        ("balloon: 0\nshares: 0\n", 2048),
    ],
)
def test_what_a_machine_starts_with(text: str, mib: int) -> None:
    """All of its memory, unless its balloon is where the configuration says, which is so without shares."""
    assert f'<currentMemory unit="MiB">{mib}</currentMemory>' in build(f"memory: 2048\n{text}")
