"""Guest options as callers send them."""

from __future__ import annotations

import pytest

from hostd.core.errors import Invalid
from hostd.guests import properties


def test_what_follows_from_a_drive() -> None:
    assert properties.parse("qemu", "virtio3", "store:vm-9-disk-1,size=2M,bps_rd=1572864") == {
        "file": "store:vm-9-disk-1",
        "size": 2097152,
        "mbps_rd": "1.500",
        "interface": "virtio",
        "index": "3",
    }


def test_mounts_of_containers() -> None:
    assert properties.parse("lxc", "mp3", "/dev/sdx,mp=/data")["type"] == "device"
    assert properties.parse("lxc", "rootfs", "store:sub,size=1G") == {
        "volume": "store:sub",
        "size": 1073741824,
        "type": "volume",
        "mp": "/",
    }


@pytest.mark.parametrize(
    ("guest", "key", "value"),
    [("qemu", "scsi31", "a:b"), ("lxc", "mp0", "a:b,mp=/x,mountoptions=weird"), ("qemu", "cpu", "kvm64,flags=+abc")],
)
def test_refused(guest: str, key: str, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        properties.parse(guest, key, value)
    assert next(iter(caught.value.errors)).startswith(key)
