"""The ISO installs unattended on LVM and on a ZFS mirror, under BIOS and UEFI; the installed host starts by itself, its
API answers over TLS and lets root in.
"""

from __future__ import annotations

import pytest
from imagebuild.vm import Firmware

from tests.vm.harness import LVM, MIRROR, Layout, Start

COMBINATIONS = [(layout, firmware) for layout in (LVM, MIRROR) for firmware in Firmware]


@pytest.mark.parametrize(("layout", "firmware"), COMBINATIONS, ids=lambda v: getattr(v, "name", str(v)).lower())
def test_installed_host_starts_and_lets_root_in(start: Start, layout: Layout, firmware: Firmware) -> None:
    host = start(layout, firmware)
    host.wait_for_api()
    api = host.api()
    assert api.node == layout.name
    storages = {row["storage"]: row for row in api.get(f"/nodes/{api.node}/storage")}
    pool = "local-lvm" if layout is LVM else "local-zfs"
    assert set(storages) == {"local", pool}
    assert storages[pool]["active"] == 1
    firmware_folder = host.ssh("test -d /sys/firmware/efi && echo uefi || echo bios").strip()
    assert firmware_folder == firmware
    root = host.ssh("findmnt -n -o FSTYPE /").strip()
    assert root == layout.filesystem
