"""A machine and a container on the installed pool run, and survive a restart of every unit of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from imagebuild.vm import Firmware

from tests.vm.guests import Guests
from tests.vm.harness import LVM, MIRROR, Lab, Layout, Start

DENIED = "journalctl -b --no-pager _TRANSPORT=audit + _TRANSPORT=kernel | grep 'apparmor=\"DENIED\"' || true"


@pytest.mark.parametrize(("layout", "firmware"), [(LVM, Firmware.BIOS), (MIRROR, Firmware.UEFI)], ids=["lvm", "mirror"])
def test_guests_survive_a_restart_of_all_daemons(
    start: Start, lab: Lab, tmp_path: Path, layout: Layout, firmware: Firmware
) -> None:
    host = start(layout, firmware, cpu="max", memory_mib=3072)
    host.wait_for_api()
    guests = Guests(lab, host, layout, tmp_path)
    guests.start_vm()
    guests.start_container()
    before = guests.processes()
    listed = host.ssh("systemctl list-units --plain --no-legend --state=active 'hostd*.service'").splitlines()
    units = [line.split()[0] for line in listed if not line.startswith("hostd-ct@")]
    assert {"hostd.service", "hostd-api.service", "hostd-taskd.service", "hostd-clusterd.service"} <= set(units)
    host.ssh(f"systemctl restart {' '.join(units)}")
    host.wait_for_api()
    guests.api = host.api()
    guests.assert_alive(before)
    assert host.ssh(DENIED) == ""
