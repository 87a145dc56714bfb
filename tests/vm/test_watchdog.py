"""An installed host is reset when what watches its guests cannot do so any more, and never while it watches none.

One host, its own quorum, with the machine's watchdog under wdmd as the appliance has them, and with the kernel's own.
The guest is a machine without a disk, which is enough to be looked after. Each reset takes its minutes: run it where
there is time.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from imagebuild.vm import Firmware

from hostd.ha.budget import DEVICE_S, HANDOVER_S, REPLY_S, WATCHDOG_S
from hostd.ha.host.soundness import LATE_S
from tests.lib.waiting import eventually
from tests.vm.harness import BOOT_LIMIT_S, LVM, Host, Images, Lab

VMID = 100
DAEMONS = ("crm", "lrm")
BUDGET_S = REPLY_S + WATCHDOG_S + DEVICE_S
# What an emulated host may take to get to it.
SLACK_S = 60
UPGRADE_S = 900
INSTALLED = ("python3-hostd", "hostd-cluster", "hostd", "hostd-webui", "holdfast")
# Ends the process with a code on a signal, as no signal by itself makes a Python program exit in disorder.
EXITS = """
import importlib, os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: os._exit(0))
signal.signal(signal.SIGUSR2, lambda *_: os._exit(1))
importlib.import_module(sys.argv[1]).main()
"""
FROZEN = "/sys/fs/cgroup/init.scope/cgroup.freeze"
ROOT = "$(findmnt -no SOURCE /)"


def daemon(kind: str, signal: str) -> str:
    return f"kill -{signal} $(systemctl show -p MainPID --value hostd-ha-{kind})"


BREAKS = {
    **{f"{kind} stopped": daemon(kind, "STOP") for kind in DAEMONS},
    **{f"{kind} killed": daemon(kind, "KILL") for kind in DAEMONS},
    **{f"{kind} exits with 0": daemon(kind, "USR1") for kind in DAEMONS},
    **{f"{kind} exits with 1": daemon(kind, "USR2") for kind in DAEMONS},
    "systemd frozen": f"echo 1 > {FROZEN}",
    "disk hangs": f"dmsetup suspend --noflush --nolockfs {ROOT}",
}
# What the kernel's own watchdog has to notice by itself, without a machine to help it.
WITH_SOFTDOG = ("lrm stopped", "systemd frozen", "disk hangs")
NO_WATCHDOG = """[Unit]
DefaultDependencies=no
After=systemd-modules-load.service systemd-udev-settle.service
Wants=systemd-udev-settle.service
Before=sysinit.target hostd-ha-lrm.service hostd-ha-crm.service
[Service]
Type=oneshot
ExecStart=/sbin/modprobe -r iTCO_wdt
[Install]
WantedBy=sysinit.target
"""


class Watched:
    """The host and the one guest that may be looked after."""

    def __init__(self, host: Host) -> None:
        self.host, self.node = host, host.api().node

    def prepare(self) -> None:
        host, api = self.host, self.host.api()
        host.ssh(f"cat > /root/exits.py <<'END'{EXITS}END")
        for kind in DAEMONS:
            folder = f"/etc/systemd/system/hostd-ha-{kind}.service.d"
            start = f"ExecStart=/usr/bin/python3 /root/exits.py hostd.daemons.ha{kind}"
            host.ssh(f"mkdir -p {folder}; printf '[Service]\\nExecStart=\\n{start}\\n' > {folder}/exits.conf")
        host.ssh("systemctl daemon-reload; systemctl restart hostd-ha-crm hostd-ha-lrm")
        api.wait(api.post(f"/nodes/{self.node}/qemu", vmid=VMID, memory=32), 300)

    def boot(self) -> str:
        """Of the running system; "" while it does not answer."""
        return self.host.ssh("timeout 20 cat /proc/sys/kernel/random/boot_id", check=False, timeout_s=60)

    def watch(self) -> None:
        """Have the guest looked after, and the watchdog armed; nothing new where that is so."""
        if f"vm:{VMID}" not in self.host.ssh("ha-manager config"):
            self.host.ssh(f"ha-manager add vm:{VMID} --state started")
        self.wait_until_watched()

    def wait_until_watched(self) -> None:
        eventually(self.is_watched, BOOT_LIMIT_S, "the guest runs and is watched")

    def is_watched(self) -> bool:
        state = f"cat /etc/pve/nodes/{self.node}/lrm_status; echo; cat /sys/class/watchdog/watchdog0/state"
        told = self.host.ssh(state, check=False)
        runs = self.pid() != ""
        return runs and '"state":"active"' in told and '"watched":1' in told and told.endswith("\nactive\n")

    def pid(self) -> str:
        return self.host.ssh(f"pgrep -f '[g]uest=.*{VMID},'", check=False).strip()

    def wait_for_reset(self, boot: str, boots: int, limit_s: float) -> float:
        """Seconds until its boot loader was there again; then it is up, as another boot. ``boots``: before that."""
        begun = time.monotonic()
        eventually(lambda: self.host.boots != boots, limit_s, "it is reset")
        took = time.monotonic() - begun
        eventually(lambda: self.boot() not in ("", boot), BOOT_LIMIT_S, "it is up again")
        return took


def is_active(host: Host, unit: str) -> bool:
    return host.ssh(f"systemctl is-active {unit}", check=False).strip() == "active"


def packages(iso: Path, folder: Path) -> list[Path]:
    """What the host was installed from."""
    subprocess.run(
        ["xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/repository/pool", folder / "pool"],
        check=True,
        capture_output=True,
    )
    return [found for name in INSTALLED for found in folder.glob(f"pool/{name}_*.deb")]


def next_version(package: Path) -> Path:
    """The package as one that ``dpkg`` takes for newer, in which the agent ends before it has begun."""
    content, result = package.with_suffix(""), package.with_name(f"{package.stem}_next.deb")
    subprocess.run(["dpkg-deb", "-R", package, content], check=True)
    control = content / "DEBIAN/control"
    text = control.read_text()
    (version,) = re.findall(r"^Version: (.+)$", text, re.MULTILINE)
    text = text.replace(f"(= {version})", f"(= {version}+next)")
    control.write_text(text.replace(f"Version: {version}\n", f"Version: {version}+next\n"))
    agent = content / "usr/lib/python3/dist-packages/hostd/daemons/halrm.py"
    if agent.exists():
        agent.write_text("raise SystemExit('an agent that does not start')\n")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", content, result], check=True, capture_output=True)
    return result


@pytest.fixture(scope="module")
def watched(request: pytest.FixtureRequest, lab: Lab, images: Images) -> Iterator[Watched]:
    installed = lab.installed(images.iso, LVM, Firmware.BIOS)
    failures = request.session.testsfailed
    host, ready = lab.start(lab.copy(installed, "watchdog", LVM, Firmware.BIOS)), False
    try:
        host.wait_for_api()
        host.wait_for_ssh()
        watched = Watched(host)
        watched.prepare()
        ready = True
        yield watched
    finally:
        if not ready or request.session.testsfailed > failures:
            host.keep_evidence(lab.folder / "failed" / "test_watchdog")
        host.vm.kill()


def test_a_host_without_services_is_never_reset(watched: Watched) -> None:
    host, boot = watched.host, watched.boot()
    assert host.ssh("systemctl is-active wdmd", check=False).strip() == "inactive", "it is started when it is needed"
    for what, line in BREAKS.items():
        if what not in ("systemd frozen", "disk hangs"):
            host.ssh(line)
            time.sleep(5)  # killed ones are started again
    back = f"dmsetup resume {ROOT}; echo 0 > {FROZEN}"
    pause_s = BUDGET_S + 10
    # What is needed on the way back is in memory before the disk stops.
    host.ssh(
        f"dmsetup info >/dev/null; sleep 0; root={ROOT}; {BREAKS['systemd frozen']}; "
        f"{BREAKS['disk hangs']}; sleep {pause_s}; {back.replace(ROOT, '$root')}",
        timeout_s=pause_s + 120,
    )
    assert watched.boot() == boot
    host.ssh("".join(f"{daemon(kind, 'CONT')}; " for kind in DAEMONS))


def test_replacing_the_daemons_resets_nothing_and_stops_no_guest(watched: Watched) -> None:
    watched.watch()
    boot, pid = watched.boot(), watched.pid()
    watched.host.ssh("systemctl restart hostd-ha-lrm hostd-ha-crm", timeout_s=300)
    watched.wait_until_watched()
    time.sleep(WATCHDOG_S + DEVICE_S)
    assert (watched.boot(), watched.pid()) == (boot, pid)
    assert watched.is_watched()


def check_reset(watched: Watched, what: str) -> None:
    watched.wait_until_watched()
    boot, boots = watched.boot(), watched.host.boots
    watched.host.ssh(f"nohup sh -c '{BREAKS[what]}' >/dev/null 2>&1 & sleep 1", check=False, timeout_s=30)
    took = watched.wait_for_reset(boot, boots, BUDGET_S + LATE_S + SLACK_S)
    print(f"{what}: reset after {took:.0f} s (budget {BUDGET_S} s)")


@pytest.mark.parametrize("what", BREAKS)
def test_a_host_whose_guests_nobody_watches_any_more_is_reset(watched: Watched, what: str) -> None:
    check_reset(watched, what)


def test_an_upgrade_to_an_agent_that_does_not_start_ends_in_a_reset(
    watched: Watched, images: Images, tmp_path: Path
) -> None:
    """The guest runs until then. What the upgrade brought stays on the disk, so that nothing is started after it."""
    host, old = watched.host, packages(images.iso, tmp_path)
    for package in (*old, *(next_version(each) for each in old)):
        host.copy_in(package, f"/root/{package.name}")
    watched.wait_until_watched()
    boot, boots, pid = watched.boot(), host.boots, watched.pid()
    host.ssh("systemd-run -u next-version sh -c 'exec dpkg -i /root/*_next.deb'")
    eventually(lambda: not is_active(host, "hostd-ha-lrm"), UPGRADE_S, "the agent is replaced")
    assert watched.pid() == pid
    took = watched.wait_for_reset(boot, boots, HANDOVER_S + DEVICE_S + SLACK_S)
    print(f"an agent that does not start: reset after {took:.0f} s (budget {HANDOVER_S + DEVICE_S} s)")
    host.wait_for_api()
    assert (watched.pid(), is_active(host, "hostd-ha-lrm")) == ("", False)
    host.ssh(f"dpkg -i {' '.join(f'/root/{package.name}' for package in old)}", timeout_s=UPGRADE_S)
    watched.wait_until_watched()


@pytest.fixture(scope="module")
def with_softdog(watched: Watched) -> Watched:
    """The same host without the machine's watchdog. A blacklist in modprobe.d did not keep its driver out (seen)."""
    watched.host.ssh(f"cat > /etc/systemd/system/no-watchdog.service <<'END'\n{NO_WATCHDOG}END")
    watched.host.ssh("systemctl enable no-watchdog")
    watched.host.reboot()
    watched.watch()
    assert watched.host.ssh("cat /sys/class/watchdog/watchdog0/identity") == "Software Watchdog\n"
    return watched


@pytest.mark.parametrize("what", WITH_SOFTDOG)
def test_the_kernels_own_watchdog_resets_it_as_well(with_softdog: Watched, what: str) -> None:
    check_reset(with_softdog, what)
