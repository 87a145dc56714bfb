"""Three installed hosts are a cluster by their answer files alone; nothing that was acknowledged is lost when the power
goes: of one, of another, of all at once. Their disks forget what was not flushed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.lib.apiclient import Api
from tests.lib.waiting import eventually
from tests.vm import rack as racks
from tests.vm.harness import PASSWORD, Host, Images, Lab
from tests.vm.rack import Rack
from tests.vm.writers import ApiWriter, MountWriter, Writer, numbers

# Everything but what each host makes up by itself (hidden files, statistics) must be the same.
TREE = "cd /etc/pve && find . -type f ! -name '.*' -exec sha256sum {} + | sort -k 2"
WARM_UP_S = 180
BEHIND_S = 120
# ((hosts that are cut at once), part of the unflushed blocks that survives): a disk may write them, or any of them
CUTS: Sequence[tuple[tuple[int, ...], float]] = (((2,), 0.0), ((1,), 0.5), ((1, 2, 3), 0.0))


@pytest.fixture(scope="module")
def rack(request: pytest.FixtureRequest, lab: Lab, images: Images) -> Iterator[Rack]:
    """The cluster, running on disks that forget."""
    with racks.running(request, lab, images, "cluster", start) as rack:
        yield rack


def start(rack: Rack, formed: Path) -> None:
    rack.copy(formed)
    for number in racks.NUMBERS:
        rack.start_volatile(number)


def test_what_one_writes_all_read(rack: Rack) -> None:
    for number, host in rack.hosts.items():
        racks.check_units(host)
        host.ssh(f"echo by {number} > /etc/pve/written-{number}")
    for host in rack.hosts.values():
        assert host.ssh("cat /etc/pve/written-*") == "by 1\nby 2\nby 3\n"
    states = {row["node"]: row["status"] for row in rack.hosts[2].api().get("/nodes")}
    assert states == {racks.name(number): "online" for number in racks.NUMBERS}
    rows = rack.hosts[3].api().get("/cluster/status")
    assert [(row["name"], row["nodes"], row["quorate"]) for row in rows if row["type"] == "cluster"] == [
        (racks.CLUSTER, 3, 1)
    ]


def api_of(host: Host, number: int) -> Api:
    """The API of a host, for what belongs to itself; soon out of patience with one that has no power."""
    api = Api(f"https://127.0.0.1:{host.web_port}", "root@pam", PASSWORD, timeout_s=60)
    api.node = racks.name(number)
    return api


class Load:
    """Writers on every host, in the mount and by the API; together they remember all that was acknowledged."""

    def __init__(self, rack: Rack) -> None:
        self.rack = rack
        self.acknowledged: dict[str, int] = {}
        self.count = 0
        self.running: dict[int, list[Writer]] = {}
        rack.hosts[1].ssh("mkdir /etc/pve/load")
        # Logged in once, while nothing else goes on: PAM's hash takes a starved host longer than a log-in may.
        self.apis = {number: api_of(host, number) for number, host in rack.hosts.items()}
        for number, api in self.apis.items():
            api.wait(api.post(f"/nodes/{racks.name(number)}/qemu", vmid=100 + number, memory=64), 300)

    def start(self, hosts: Sequence[int]) -> None:
        first = max(self.acknowledged.values(), default=0) + 1_000_000  # later than any that was tried
        for number in hosts:
            host = self.rack.hosts[number]
            self.running[number] = [
                MountWriter(host, f"load/writer{number}", first),
                ApiWriter(self.apis[number], 100 + number, first),
            ]

    def wait_for_progress(self, hosts: Sequence[int], writes: int = 5) -> None:
        """Until each writer of those hosts has got on."""
        writers = [writer for number in hosts for writer in self.running[number]]
        before = [writer.count for writer in writers]
        eventually(
            lambda: all(w.count >= b + writes for w, b in zip(writers, before, strict=True)),
            WARM_UP_S,
            "all writers get on",
        )

    def stop(self, hosts: Sequence[int]) -> None:
        for writer in [writer for number in hosts for writer in self.running.pop(number)]:
            writer.stop()
            self.acknowledged |= writer.acknowledged
            self.count += writer.count

    def check(self) -> None:
        """Every host has every number that was acknowledged, or a later one.

        One that has just come up may have changes before it that it has not got through yet: nobody writes any more, so
        that what is lost stays away however long one waits.
        """
        for number, host in self.rack.hosts.items():
            begun = time.monotonic()
            while lost := self._lost(host):
                assert time.monotonic() - begun < BEHIND_S, f"acknowledged, but not on {racks.name(number)}: {lost}"
                time.sleep(2)
            print(f"{racks.name(number)} has all after {time.monotonic() - begun:.0f} s")

    def _lost(self, host: Host) -> dict[str, tuple[int, int | None]]:
        """Path → the number that was acknowledged, the older one that is there."""
        shown = numbers(host)
        return {p: (n, shown.get(p)) for p, n in self.acknowledged.items() if shown.get(p, -1) < n}


@pytest.fixture(scope="module")
def load(rack: Rack) -> Load:
    return Load(rack)


@pytest.mark.parametrize(("victims", "kept"), CUTS, ids=["one", "another", "all"])
def test_a_power_cut_loses_nothing_that_was_acknowledged(
    rack: Rack, load: Load, victims: tuple[int, ...], kept: float
) -> None:
    seed = time.time_ns()
    chance = random.Random(seed)
    print(f"seed {seed}")
    others = [number for number in racks.NUMBERS if number not in victims]
    load.start(racks.NUMBERS)
    load.wait_for_progress(racks.NUMBERS)
    time.sleep(chance.uniform(0, 10))
    rack.cut(victims, kept, chance)
    load.stop(victims)
    load.wait_for_progress(others)
    for number in victims:
        rack.start_volatile(number)
    rack.wait_until_whole()
    load.stop(others)
    load.check()
    for host in rack.hosts.values():
        assert host.ssh(racks.CHECK).endswith(": ok\n")
        racks.check_units(host)
    eventually(lambda: len({host.ssh(TREE) for host in rack.hosts.values()}) == 1, 60, "all trees are the same")
    print(f"hosts {victims} cut, {kept:.0%} kept: {load.count} writes acknowledged up to now, all there")
