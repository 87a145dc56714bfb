"""The installed host as it is shipped, with its own kernel arguments: no unit fails, AppArmor denies nothing."""

from __future__ import annotations

from imagebuild.vm import Firmware

from tests.vm.harness import LVM, Start

QUIET_LOG = "journalctl -b --no-pager _TRANSPORT=audit + _TRANSPORT=kernel"


def test_no_failed_unit_and_no_denial(start: Start) -> None:
    host = start(LVM, Firmware.UEFI)
    host.wait_for_api()
    host.ssh("systemctl is-system-running --wait", check=False)
    assert host.ssh("systemctl --failed --plain --no-legend") == ""
    assert "root=" in host.ssh("cat /proc/cmdline")
    assert "systemd.mask" not in host.ssh("cat /proc/cmdline")
    assert host.ssh("cat /sys/module/apparmor/parameters/enabled").strip() == "Y"
    assert "audit" in host.ssh(f"{QUIET_LOG} | head -400")
    assert host.ssh(f"{QUIET_LOG} | grep 'apparmor=\"DENIED\"' || true") == ""
    print(host.ssh("systemd-analyze; systemd-analyze blame --no-pager | head -15"))
