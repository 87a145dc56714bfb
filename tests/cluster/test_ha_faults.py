"""High availability on three real nodes: a machine and a container on shared storage through what may go wrong. The
container writes a marker there, which shows whether two of it ever ran at once; QEMU holds its image for itself alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.conftest import Machine, switch_on, wait_for
from tests.cluster.hacluster import SHARED, Cluster, Marker, PowerSwitch, cut, share_disks, shared_by
from tests.lib.tinylinux import build_template

VM, CT = 110, 210
BEGIN = "id=$(cat /proc/sys/kernel/random/uuid)"
FROZEN = ("hostd-ha-lrm", "hostd-ha-crm", "hostd-clusterd", "corosync")


@dataclass(frozen=True, kw_only=True)
class Site:
    vm: Cluster
    ct: Cluster
    marker: Marker
    shared: Path

    @property
    def machines(self) -> list[Machine]:
        return self.vm.machines

    def both_on(self, asked: Machine, name: str) -> None:
        """Have both guests on one node, as a service must be asked to go there."""
        for service in (self.vm, self.ct):
            if service.home(asked) != name:
                asked.run("ha-manager", "crm-command", "relocate", service.sid, name)
        for service in (self.vm, self.ct):
            wait_for(f"{service.sid} is on {name}", service.settled(asked, name), 150)

    def well(self, asked: Machine, limit_s: float, *away: str) -> None:
        """Both run once, wherever that is, and never ran twice."""
        for service in (self.vm, self.ct):
            wait_for(f"{service.sid} runs once", service.somewhere(asked, *away), limit_s)
        assert self.marker.starts()


@pytest.fixture(scope="module")
def site(machines: list[Machine], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    first = machines[0]
    shared = shared_by(machines)
    vm, ct = Cluster(machines, f"vm:{VM}"), Cluster(machines, f"ct:{CT}")
    marker = Marker(shared / "marker")
    share_disks(first)
    template = build_template(
        tmp_path_factory.mktemp("template"), begin=BEGIN, tick='echo "$id $n" >> /data/log'
    )  # fmt: skip
    api = first.api()
    api.node = first.name
    api.upload("local", "vztmpl", template)
    first.run(
        "qm", "create", str(VM), "--memory", "64", "--kvm", "0", "--scsi0", "both:1", "--startup", "down=5"
    )  # fmt: skip
    first.run(
        "pct", "create", str(CT), f"local:vztmpl/{template.name}", "--rootfs", "both:1", "--memory", "128",
        "--swap", "0", "--unprivileged", "1", "--ostype", "unmanaged", "--startup", "down=5",
        "--mp0", f"{SHARED}/marker,mp=/data,shared=1",
    )  # fmt: skip
    for service in (vm, ct):
        first.run("ha-manager", "add", service.sid)
    found = Site(vm=vm, ct=ct, marker=marker, shared=shared)
    found.well(first, 150)
    yield found
    for service in (vm, ct):
        first.ask("ha-manager", "remove", service.sid)


def test_what_is_missing_is_told_before_a_node_is_lost(site: Site) -> None:
    first = site.machines[0]
    rows = {(row["subject"], row["code"]) for row in first.api().get("/cluster/ha/preflight")}
    assert {(f"node:{machine.name}", "no_watchdog") for machine in site.machines} <= rows
    assert not [row for row in rows if row[0] in (site.vm.sid, site.ct.sid)]


def test_moves_on_request(site: Site) -> None:
    first, second, third = site.machines
    site.both_on(first, first.name)
    before = len(site.marker.starts())
    began_s = time.monotonic()
    first.run("ha-manager", "migrate", site.vm.sid, second.name)
    wait_for("it runs there", site.vm.settled(first, second.name), 150)
    print(f"migrate: {time.monotonic() - began_s:.0f} s")
    tasks = first.api().get(f"/nodes/{first.name}/tasks", typefilter="qmigrate")
    assert next(task["status"] for task in tasks if task["id"] == str(VM)) == "OK"
    for service, how in ((site.vm, "relocate"), (site.ct, "relocate"), (site.ct, "migrate")):
        target = third if service.home(first) != third.name else first
        began_s = time.monotonic()
        first.run("ha-manager", "crm-command", how, service.sid, target.name)
        wait_for("it runs there", service.settled(first, target.name), 150)
        print(f"{how} of {service.sid}: {time.monotonic() - began_s:.0f} s")
    assert len(site.marker.starts()) == before + 2


def test_maintenance_and_back(site: Site) -> None:
    first, second, _ = site.machines
    site.both_on(first, second.name)
    began_s = time.monotonic()
    first.run("ha-manager", "crm-command", "node-maintenance", "enable", second.name)
    for service in (site.vm, site.ct):
        wait_for(f"{service.sid} left", lambda s=service: second.name not in s.runs_on(), 150)  # type: ignore[misc]
    site.well(first, 120)
    print(f"maintenance: the node is empty after {time.monotonic() - began_s:.0f} s")
    began_s = time.monotonic()
    first.run("ha-manager", "crm-command", "node-maintenance", "disable", second.name)
    for service in (site.vm, site.ct):
        wait_for(f"{service.sid} is back", service.settled(first, second.name), 200)
    print(f"maintenance: both are back after {time.monotonic() - began_s:.0f} s")
    assert site.marker.starts()


def test_a_node_that_comes_back_while_it_is_being_fenced(site: Site) -> None:
    first, second, _ = site.machines
    site.both_on(first, second.name)
    began_s = time.monotonic()
    with cut(second):
        for service in (site.vm, site.ct):
            wait_for("it is ended there", lambda s=service: second.name not in s.runs_on(), 110)  # type: ignore[misc]
        print(f"cut off: both ended after {time.monotonic() - began_s:.0f} s")
        wait_for("it is to be fenced", lambda: site.vm.state(first) in ("fence", "recovery"), 60)
    site.vm.wait_for_all()
    site.well(first, 300)
    print(f"back during recovery: both run {time.monotonic() - began_s:.0f} s after the cut")


def test_the_quorum_is_lost_everywhere(site: Site) -> None:
    first, second, third = site.machines
    site.both_on(first, first.name)
    starts = len(site.marker.starts())
    began_s = time.monotonic()
    with cut(second, third):
        wait_for("nobody has it", lambda: not any(machine.online() for machine in site.machines), 60)
        for service in (site.vm, site.ct):
            wait_for("it is ended", lambda s=service: s.runs_on() == [], 120)  # type: ignore[misc]
        print(f"no quorum: both ended after {time.monotonic() - began_s:.0f} s")
        time.sleep(90)
        assert site.vm.runs_on() == site.ct.runs_on() == []
        assert len(site.marker.starts()) == starts
    began_s = time.monotonic()
    site.vm.wait_for_all()
    site.well(first, 300)
    print(f"no quorum: both run {time.monotonic() - began_s:.0f} s after the cables were back")


def test_a_frozen_node_is_switched_off_before_its_guests_start_elsewhere(site: Site) -> None:
    """Nothing on a node that stands still ends its guests: only a fence device helps, or a watchdog.

    The node does not lead: where it did, its agent's lock would have run out before another one leads, and there is no
    watchdog here for which that would be the proof.
    """
    first, _, third = site.machines
    site.both_on(first, third.name)
    site.vm.lead_away(first, third)
    switch = PowerSwitch(site.shared / "power", site.machines)
    switch.install()
    try:
        began_s = time.monotonic()
        third.run("systemctl", "kill", "-s", "STOP", *FROZEN)
        assert third.name in site.vm.runs_on()
        wait_for("its power is cut", lambda: switch.cut == [third.name], 330)
        off_s = time.monotonic() - began_s
        site.well(first, 150, third.name)
        print(f"frozen: off after {off_s:.0f} s, both run after {time.monotonic() - began_s:.0f} s")
    finally:
        switch.remove()
    switch.forget(third.name)
    switch_on(third)
    site.vm.wait_for_all()
    time.sleep(30)
    site.well(first, 60)


def test_every_loss_has_its_account(site: Site) -> None:
    first = site.machines[0]
    rows = first.api().get("/cluster/ha/incidents")
    lost = [row["subject"] for row in rows if row["about"] == "node"]
    assert site.machines[1].name in lost
    assert site.machines[2].name in lost
    frozen = next(row for row in rows if row["subject"] == site.machines[2].name)
    one = first.api().get(f"/cluster/ha/incidents/{frozen['incident']}")
    assert [line for line in one["summary"] if "a fence device confirmed that it is off" in line]
    tasks = [task for task in first.api().get("/cluster/tasks") if task["type"] == "haincident"]
    assert tasks
    assert all(str(task.get("status", "OK")).startswith(("OK", "WARNINGS")) for task in tasks)
    print("\n".join([one["first"], *one["summary"], *one["timeline"]]))
