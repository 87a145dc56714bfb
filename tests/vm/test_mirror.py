"""Either disk of a ZFS mirror starts the host alone, under both firmwares."""

from __future__ import annotations

from dataclasses import replace

import pytest
from imagebuild.vm import Firmware, Spec

from tests.vm.harness import MIRROR, Start


@pytest.mark.parametrize("removed", [1, 2])
@pytest.mark.parametrize("firmware", list(Firmware), ids=str)
def test_host_starts_from_the_disk_that_is_left(start: Start, firmware: Firmware, removed: int) -> None:
    def without(spec: Spec) -> Spec:
        return replace(spec, disks=[disk for disk in spec.disks if disk.serial != f"HOLDFAST{removed}"])

    host = start(MIRROR, firmware, edit=without)
    host.wait_for_api()
    assert host.api().get("/version")["version"]
    assert host.ssh("zpool list -H -o health rpool").strip() == "DEGRADED"
    assert host.ssh("lsblk -d -n -o SERIAL /dev/vda").strip() == f"HOLDFAST{3 - removed}"
