"""What QEMU can be: libvirt's answers read, and kept until QEMU is another one. Samples: libvirt 11.3, QEMU 10.0."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hostd.core.errors import HostError
from hostd.guests.qemu import capabilities
from hostd.guests.qemu.capabilities import Capabilities
from hostd.guests.qemu.cpuflags import X86, flags_of

DOMAIN = """<domainCapabilities><domain>qemu</domain><cpu>
  <mode name='host-passthrough' supported='no'/>
  <mode name='host-model' supported='yes'>
    <model fallback='forbid'>EPYC</model><vendor>AMD</vendor><maxphysaddr mode='passthrough' limit='46'/>
    <feature policy='require' name='vaes'/><feature policy='disable' name='vme'/>
  </mode>
  <mode name='custom' supported='yes'>
    <model usable='yes' vendor='unknown' canonical='486-v1'>486</model>
    <model usable='no' vendor='AMD'>EPYC</model><blockers model='EPYC'><feature name='vme'/></blockers>
  </mode></cpu>
  <features><hyperv supported='yes'><enum name='features'><value>tlbflush</value></enum></hyperv></features>
</domainCapabilities>"""
WHOLE = """<cpu mode='custom' match='exact'><model>EPYC</model>
  <feature policy='require' name='aes'/><feature policy='force' name='svm'/>
  <feature policy='disable' name='vme'/></cpu>"""
HOST = """<capabilities><guest><os_type>hvm</os_type><arch name='x86_64'>
  <machine maxCpus='255'>pc-i440fx-10.0</machine><machine canonical='pc-i440fx-10.0' maxCpus='255'>pc</machine>
  <machine maxCpus='288' deprecated='yes'>pc-q35-5.2</machine><machine maxCpus='4096'>pc-q35-10.0</machine>
  <machine maxCpus='4096'>pc-q35-9.2</machine><machine maxCpus='1'>isapc</machine><machine>microvm</machine>
  <domain type='qemu'/></arch></guest></capabilities>"""


@dataclass
class Told:
    """libvirt on a host without KVM."""

    asked: list[str] = field(default_factory=list)
    processors: list[str] = field(default_factory=list)

    def capabilities(self) -> str:
        self.asked.append("capabilities")
        return HOST

    def domain_capabilities(self, arch: str, *, kvm: bool) -> str:
        self.asked.append(f"{arch} {'kvm' if kvm else 'tcg'}")
        if kvm:
            raise HostError("capabilities: the accel 'kvm' is not supported by '/usr/bin/qemu-system-x86_64'")
        return DOMAIN

    def all_features(self, arch: str, cpu: str, *, kvm: bool) -> str:
        self.processors.append(cpu)
        return WHOLE


FOUND = Capabilities(
    models=("486", "EPYC"),
    machines=("isapc", "microvm", "pc-i440fx-10.0", "pc-q35-10.0", "pc-q35-5.2", "pc-q35-9.2"),
    tcg=("aes", "hv-tlbflush", "svm"),
)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A QEMU for one architecture; its file."""
    monkeypatch.setattr(capabilities, "FOLDER", str(tmp_path / "run"))
    monkeypatch.setattr(capabilities, "EMULATORS", str(tmp_path))
    emulator = tmp_path / "qemu-system-x86_64"
    emulator.write_bytes(b"10.0")
    return emulator


def test_libvirts_answers() -> None:
    libvirt = Told()
    assert capabilities.ask(libvirt, "x86_64") == FOUND
    (asked,) = map(ElementTree.fromstring, libvirt.processors)
    # What baselineHypervisorCPU takes: the model and how the host differs, not how wide its addresses are.
    assert [row.tag for row in asked] == ["model", "vendor", "feature", "feature"]


def test_it_is_asked_once_for_each_build(installed: Path) -> None:
    libvirt = Told()
    assert capabilities.of("x86_64", lambda: libvirt) == FOUND
    told = len(libvirt.asked)
    assert capabilities.of("x86_64", lambda: libvirt) == FOUND
    assert len(libvirt.asked) == told
    os.utime(installed, ns=(1, 1))
    assert capabilities.of("x86_64", lambda: libvirt) == FOUND
    assert len(libvirt.asked) == 2 * told


@pytest.mark.parametrize("spoiled", ["", "{}", '{"build": "x", "found": {}}', "[]", '{"build": 1'])
def test_a_spoiled_memory_is_none(installed: Path, tmp_path: Path, spoiled: str) -> None:
    capabilities.of("x86_64", Told)
    kept = tmp_path / "run/qemu-x86_64.json"
    assert json.loads(kept.read_text())["found"]["models"] == ["486", "EPYC"]
    kept.write_text(spoiled)
    assert capabilities.of("x86_64", Told) == FOUND


def test_without_qemu_there_is_nothing(installed: Path) -> None:
    libvirt = Told()
    assert capabilities.of("aarch64", lambda: libvirt) == Capabilities()
    assert libvirt.asked == []


def test_versions_are_sorted_as_numbers() -> None:
    names = [
        one.id for one in capabilities.versioned(("pc-q35-9.2", "pc", "pc-q35-10.0", "pc-i440fx-2.12", "virt-9.1"))
    ]
    assert names == ["pc-i440fx-2.12", "pc-q35-10.0", "pc-q35-9.2", "virt-9.1"]
    assert [(one.kind, one.version) for one in capabilities.versioned(("virt-9.1",))] == [("virt", "9.1")]


def test_flags() -> None:
    by_name = {flag.name: flag for flag in X86}
    assert by_name["nested-virt"].supported({"svm"})
    assert not by_name["nested-virt"].supported({"nested-virt", "aes"})
    assert by_name["aes"].supported({"aes"})
    assert not by_name["aes"].supported({"vaes"})
    assert flags_of("aarch64") == ()
