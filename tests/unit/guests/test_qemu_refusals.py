"""What a configuration may say and a node cannot give yet."""

from __future__ import annotations

import pytest

from hostd.core.errors import Unsupported
from hostd.guests.qemu.refusals import refuse


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hostpci0", "0000:01:00.0"),
        ("virtiofs0", "dirid=share"),
        ("amd-sev", "type=std"),
        ("vga", "qxl"),
        ("usb0", "spice"),
    ],
)
def test_refused_by_name(key: str, value: str) -> None:
    with pytest.raises(Unsupported, match=key):
        refuse({"memory": "512", key: value}, "x86_64")


def test_an_ordinary_machine_is_not() -> None:
    refuse(
        {"memory": "512", "scsi0": "local:7/vm-7-disk-0.qcow2", "vga": "std", "net0": "virtio,bridge=vmbr0"}, "x86_64"
    )
