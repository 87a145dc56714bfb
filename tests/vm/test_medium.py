"""The medium itself: starts from either firmware, as a disc and as a USB stick, to a shell; says what is on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from imagebuild.vm import Firmware, MediumBus

from tests.vm.harness import Console, Images, Lab, live

Boot = Callable[[Firmware, MediumBus], Console]


@pytest.fixture
def boot(lab: Lab, images: Images) -> Iterator[Boot]:
    started: list[Console] = []

    def make(firmware: Firmware, bus: MediumBus) -> Console:
        started.append(live(lab, images.iso, f"medium-{firmware}-{bus}", firmware=firmware, bus=bus))
        started[-1].shell()
        return started[-1]

    yield make
    for console in started:
        console.end()


@pytest.mark.parametrize(
    ("firmware", "bus"),
    [(Firmware.BIOS, MediumBus.CDROM), (Firmware.UEFI, MediumBus.USB)],
    ids=["bios-disc", "uefi-stick"],
)
def test_medium_starts_to_a_shell(boot: Boot, images: Images, firmware: Firmware, bus: MediumBus) -> None:
    console = boot(firmware, bus)
    assert console.run("uname -r").strip() == images.kernel
    assert console.run("systemctl --failed --no-legend --plain").strip() == ""
    found = console.run("test -d /sys/firmware/efi && echo uefi || echo bios").strip()
    assert found == firmware
    console.run("modprobe zfs && modprobe dm_thin_pool")
    manifest = json.loads(console.run("cat /run/live/medium/holdfast-manifest.json | tr -d '\\n'"))
    assert manifest["kernel"]["abi"] == images.kernel
    assert {"name", "version", "architecture"} == set(manifest["packages"][0])
    # The repository on the medium is complete and signed with the key that installed hosts trust.
    source = "deb [signed-by=/usr/share/keyrings/holdfast.gpg] file:/run/live/medium/repository trixie main"
    console.run(f"echo '{source}' > /tmp/medium.list")
    only = "-o Dir::Etc::SourceList=/tmp/medium.list -o Dir::Etc::SourceParts=-"
    console.run(f"apt-get -q {only} -o APT::Update::Error-Mode=any update", timeout_s=300)
    assert "/run/live/medium/repository" in console.run(f"apt-cache {only} policy holdfast-kernel")
