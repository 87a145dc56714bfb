"""The ISO installs unattended on LVM and on a ZFS mirror, under BIOS and UEFI; the installed host starts by itself, its
API answers over TLS and lets root in.
"""

from __future__ import annotations

import json

import pytest
from imagebuild.vm import Firmware

from tests.lib.apiclient import Api
from tests.lib.waiting import eventually
from tests.vm.harness import LVM, MIRROR, Layout, Start

COMBINATIONS = [(layout, firmware) for layout in (LVM, MIRROR) for firmware in Firmware]


def pool_is_active(api: Api, pool: str) -> bool:
    """What the API says once the daemon that asks storages has asked."""
    rows = api.get(f"/nodes/{api.node}/storage")
    return any(row["storage"] == pool and row["active"] for row in rows)


@pytest.mark.parametrize(("layout", "firmware"), COMBINATIONS, ids=lambda v: getattr(v, "name", str(v)).lower())
def test_installed_host_starts_and_lets_root_in(start: Start, layout: Layout, firmware: Firmware) -> None:
    host = start(layout, firmware)
    host.wait_for_api()
    api = host.api()
    assert api.node == layout.name
    storages = {row["storage"]: row for row in api.get(f"/nodes/{api.node}/storage")}
    pool = "local-lvm" if layout is LVM else "local-zfs"
    assert set(storages) == {"local", pool}
    eventually(lambda: pool_is_active(api, pool), 120, f"{pool} is active")
    link = json.loads(host.ssh("ip -json address show dev vmbr0"))[0]
    assert any(a["family"] == "inet" for a in link["addr_info"])
    ports = json.loads(host.ssh("ip -json link show master vmbr0"))
    assert [port["ifname"] for port in ports] == ["nic0"], "the network interface is not named by its MAC address"
    firmware_folder = host.ssh("test -d /sys/firmware/efi && echo uefi || echo bios").strip()
    assert firmware_folder == firmware
    root = host.ssh("findmnt -n -o FSTYPE /").strip()
    assert root == layout.filesystem
