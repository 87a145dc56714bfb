"""Three hosts at one switch that are a cluster by their answer files alone.

They are installed and started one after the other, each joins with a token of the first; then they are switched off and
their disks are kept in the cache for as long as the ISO is the same. Tests work on copies.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from imagebuild import answer, lan, tools
from imagebuild.run import wait_for_installation
from imagebuild.vm import Disk, Forward, Spec, Vm, free_port, make_disk

from tests.lib.volatiledisk import DiskServer, VolatileDisk
from tests.lib.waiting import eventually
from tests.vm.harness import BOOT_LIMIT_S, DISK_GIB, INSTALL_LIMIT_S, PASSWORD, Host, Images, Lab, end_leftover

CLUSTER = "rack"
NUMBERS = (1, 2, 3)
JOIN_LIMIT_S = 600
UNFLUSHED_S = 120
LATE = ("lvm2-monitor.service",)
"""Debian's units that come too late on a machine that is emulated beside others, and work when they are asked again."""
CHECK = "python3 -m hostd.daemons.clusterd check"


def name(number: int) -> str:
    return f"rack{number}"


def mac(number: int) -> str:
    """An installed system knows its network interface by this address."""
    return f"52:54:00:01:d8:{number:02x}"


def answers(number: int, ssh_key: str, cluster: dict[str, str]) -> str:
    network = [
        'source = "from-answer"',
        f'cidr = "{lan.NETWORK}.{number}/{lan.PREFIX_LENGTH}"',
        f'gateway = "{lan.GATEWAY}"',
        f'dns = "{lan.NAME_SERVER}"',
        f'filter.ID_NET_NAME_MAC = "*{mac(number).replace(":", "")}"',
    ]
    return answer.text(
        fqdn=f"{name(number)}.example.invalid",
        password=PASSWORD,
        ssh_keys=[ssh_key],
        network=network,
        cluster=cluster,
    )


class Rack:
    """The switch, and the machines that are plugged into it; disks are files of ``folder``, which starts empty.

    ``guests``: machines that the hosts run, to be reached as well.
    """

    def __init__(self, lab: Lab, folder: Path, *, guests: Sequence[lan.Member] = ()) -> None:
        self.lab, self.folder = lab, folder
        self.hosts: dict[int, Host] = {}
        self._servers: dict[int, DiskServer] = {}
        self._members = [
            lan.Member(
                address=f"{lan.NETWORK}.{number}",
                forwards=[Forward(host=free_port(), guest=8006), Forward(host=free_port(), guest=22)],
            )
            for number in NUMBERS
        ]
        for place in (folder, *map(self._place, NUMBERS)):
            end_leftover(Spec(folder=place))
        shutil.rmtree(folder, ignore_errors=True)
        for number in NUMBERS:
            self._place(number).mkdir(parents=True)
        self._switch = lan.Switch()
        self._router = lan.start_router(lab.ctx, folder, self._switch.port, [*self._members, *guests])

    def _place(self, number: int) -> Path:
        return self.folder / name(number)

    def _disk(self, number: int) -> Disk:
        return Disk(path=self.folder / f"disk{number}.qcow2", serial=f"HOLDFAST{number}")

    def _spec(self, number: int, disk: Disk) -> Spec:
        # one processor each: three machines are emulated at once
        return Spec(
            folder=self._place(number),
            disks=[disk],
            cpus=1,
            memory_mib=2048,
            mac=mac(number),
            lan=self._switch.port,
            forwards=self._members[number - 1].forwards,
        )

    def install(self, number: int, iso: Path, cluster: dict[str, str]) -> None:
        """Install a host unattended."""
        started = time.monotonic()
        text = answers(number, self.lab.public_key, cluster)
        medium = answer.put_on(
            self.lab.ctx, iso, text, self.folder / f"install{number}.iso", choice="auto-serial", timeout_s=1
        )
        disk = self._disk(number)
        make_disk(self.lab.ctx, disk.path, DISK_GIB)
        vm = Vm.start(self.lab.ctx, replace(self._spec(number, disk), medium=medium, exit_on_reboot=True, cpus=2))
        try:
            wait_for_installation(vm, INSTALL_LIMIT_S)
        finally:
            vm.kill()
            medium.unlink()  # a token is on it
        vm.spec.serial_log.rename(vm.spec.folder / "install.log")
        print(f"{name(number)} installed: {time.monotonic() - started:.0f} s")

    def start(self, number: int, **changes: Any) -> Host:
        """Start a host whose disk is what `install` made; ``changes``: of its Spec."""
        host = self.lab.start(replace(self._spec(number, self._disk(number)), cpus=2, **changes))
        self.hosts[number] = host
        return host

    def start_all(self, formed: Path, **changes: Any) -> None:
        """Start all hosts, one after the other, on disks that begin as those in ``formed``, which stay as they are."""
        for number in NUMBERS:
            make_disk(self.lab.ctx, self._disk(number).path, 0, backing=formed / self._disk(number).path.name)
            self.start(number, **changes).wait_for_api()

    def copy(self, formed: Path) -> None:
        """Disks as files of their full size, with the content of those in ``formed``, for `start_volatile`."""
        for number in NUMBERS:
            argv = ["qemu-img", "convert", "-O", "raw", str(formed / f"disk{number}.qcow2"), str(self._image(number))]
            tools.inside(self.lab.ctx, argv)

    def remove_images(self) -> None:
        """They are large; what runs on them sees no difference."""
        for number in NUMBERS:
            self._image(number).unlink(missing_ok=True)

    def _image(self, number: int) -> Path:
        return self.folder / f"disk{number}.img"

    def start_volatile(self, number: int) -> Host:
        """Start a host on a disk that loses at a power cut what was not flushed, and wait for its API.

        One after the other: three that start at once on two processors starve each other beyond systemd's limits.
        """
        place = self._place(number) / "disk.sock"
        self._servers[number] = DiskServer(VolatileDisk(self._image(number)), place)
        disk = Disk(path=place, serial=f"HOLDFAST{number}", format="nbd")
        host = self.lab.start(replace(self._spec(number, disk), durable=True))
        self.hosts[number] = host
        host.wait_for_api()
        return host

    def cut(self, numbers: Iterable[int], kept: float, chance: random.Random) -> None:
        """Cut the power of hosts at once; of what was not flushed each block survives with probability ``kept``.

        It is done at a moment when something is not flushed: between two syncs there is mostly nothing.
        """
        numbers = list(numbers)
        disks = [self._servers[number].disk for number in numbers]
        begun = time.monotonic()
        while not any(disk.unflushed for disk in disks):
            assert time.monotonic() - begun < UNFLUSHED_S, "nothing was written that was not flushed at once"
            time.sleep(0.0005)
        for number in numbers:
            flushes = self._servers[number].disk.flushes
            lost = self._servers[number].disk.cut(kept, chance)
            print(f"{name(number)} cut after {flushes} flushes; {lost} bytes that were not flushed are lost")
        for number in numbers:
            self.hosts.pop(number).vm.kill()
            self._servers.pop(number).end()

    def wait_until_whole(self, limit_s: float = BOOT_LIMIT_S) -> None:
        """Wait until every host that was started answers and sees all of these, with quorum."""
        started = time.monotonic()
        for host in self.hosts.values():
            host.wait_for_api(limit_s)
        for number, host in self.hosts.items():
            eventually(lambda host=host: online(host) == len(self.hosts), JOIN_LIMIT_S, f"{name(number)} sees all")  # type: ignore[misc]
        print(f"the cluster is whole after {time.monotonic() - started:.0f} s")

    def switch_off(self) -> None:
        """Press all power buttons, last host first."""
        for number in sorted(self.hosts, reverse=True):
            assert self.hosts.pop(number).vm.power_down(300), f"{name(number)} does not go down"

    def keep_evidence(self, folder: Path) -> None:
        """After a failed test: journal and console of each host that runs."""
        for number, host in self.hosts.items():
            host.keep_evidence(folder / name(number))

    def end(self) -> None:
        """End every process, switch included."""
        for host in self.hosts.values():
            host.vm.kill()
        for server in self._servers.values():
            server.end()
        self._router.kill()
        self._switch.off()


def online(host: Host) -> int:
    """How many members this host sees; 0 without quorum."""
    told = host.ssh("corosync-quorumtool -s", check=False)
    values = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
    return int(values["Nodes"]) if values.get("Quorate", "").strip() == "Yes" else 0


def settled(host: Host) -> bool:
    """Whether the wish of the answer file is fulfilled, and its token gone."""
    return host.ssh("ls /var/lib/hostd/first-cluster.json /var/lib/hostd/cluster-change", check=False) == ""


def check_units(host: Host) -> None:
    """The host has come up, and no unit has failed."""
    state = host.ssh("systemctl is-system-running --wait", check=False, timeout_s=600).strip()
    for unit in LATE:
        if host.ssh(f"systemctl is-failed {unit}", check=False) == "failed\n":
            host.ssh(f"systemctl restart {unit}")
            state = host.ssh("systemctl is-system-running", check=False).strip()
    failed = host.ssh("systemctl --failed --plain --no-legend")
    assert (state, failed) == ("running", ""), f"{state}\n{failed}\n{host.ssh('systemctl list-jobs', check=False)}"


def formed(lab: Lab, iso: Path) -> Path:
    """Folder with the disks of a cluster of three; made where the cache has none of this ISO."""
    text = answers(1, lab.public_key, {"create": CLUSTER})
    key = hashlib.sha256(f"{iso.name}\n{text}".encode()).hexdigest()[:12]
    done = lab.folder / f"cluster-{key}"
    if done.is_dir():
        return done
    lab.clear_outdated("cluster-*")
    folder = lab.folder / "cluster.partial"  # one name: what an interrupted run leaves is found
    rack = Rack(lab, folder)
    try:
        form(rack, iso)
    finally:
        rack.end()
    (folder / "iso").write_text(str(iso))
    folder.rename(done)
    return done


def form(rack: Rack, iso: Path) -> None:
    """Three hosts, each installed and started while those before it run; nobody does more than ask for tokens."""
    for number in NUMBERS:
        cluster = {"create": CLUSTER} if number == 1 else {"join": rack.hosts[1].ssh("pvecm token create").strip()}
        rack.install(number, iso, cluster)
        host = rack.start(number)
        started = time.monotonic()
        host.wait_for_api()
        host.wait_for_ssh()
        eventually(
            lambda host=host, number=number: settled(host) and online(host) == number,  # type: ignore[misc]
            JOIN_LIMIT_S,
            f"{name(number)} is a member",
        )
        print(f"{name(number)} a member of {number}: {time.monotonic() - started:.0f} s after its start")
    rack.wait_until_whole()
    for host in rack.hosts.values():
        check_units(host)
    rack.switch_off()


@contextlib.contextmanager
def running(
    request: pytest.FixtureRequest,
    lab: Lab,
    images: Images,
    purpose: str,
    start: Callable[[Rack, Path], None],
    *,
    guests: Sequence[lan.Member] = (),
) -> Iterator[Rack]:
    """The cluster, whole, for as long as the tests of a module need it; ``start``: all its hosts, from formed disks.

    Journals and disks are kept where one of them fails.
    """
    installed = formed(lab, images.iso)
    failures = request.session.testsfailed
    rack, whole = Rack(lab, lab.folder / f"run-{purpose}", guests=guests), False
    try:
        start(rack, installed)
        rack.wait_until_whole()
        whole = True
        yield rack
    finally:
        try:
            if not whole or request.session.testsfailed > failures:
                rack.keep_evidence(lab.folder / "failed" / f"test_{purpose}")
            else:
                rack.remove_images()
        finally:
            rack.end()
