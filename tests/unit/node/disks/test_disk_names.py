"""What udev knows of a disk under which name."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hostd.node.disks.inventory import Block, Facts, describe


@pytest.mark.parametrize(
    ("udev", "serial"),
    [
        ({"ID_SERIAL": "QEMU_HARDDISK_QM00001", "ID_SERIAL_SHORT": "QM00001"}, "QM00001"),
        ({"ID_SERIAL": "GOLD-7"}, "GOLD-7"),
        ({}, "unknown"),
    ],
    ids=["of an ATA disk", "of a virtio disk, which has one name alone", "of none"],
)
def test_the_serial_number(udev: Mapping[str, str], serial: str) -> None:
    disk = Block(name="vda", udev={"DEVNAME": "/dev/vda", "DEVTYPE": "disk", **udev}, size_bytes=1 << 30)
    assert [found.serial for found in describe(Facts(disks=(disk,)), None)] == [serial]
