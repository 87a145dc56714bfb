"""High availability on three real nodes with a machine: started, kept running, moved, stopped; its node cut off and
switched off. A node has no watchdog here, so that a node that is cut off must end the machine itself."""

from __future__ import annotations

import time

import pytest

from tests.cluster.conftest import Machine, switch_on, wait_for
from tests.cluster.hacluster import Cluster, cut, power_off

VMID = 100
SID = f"vm:{VMID}"


@pytest.fixture(scope="module")
def cluster(machines: list[Machine]) -> Cluster:
    made = Cluster(machines, SID)
    machines[0].run("qm", "create", str(VMID), "--memory", "64", "--kvm", "0", "--startup", "down=5")
    return made


def test_nobody_holds_anything_before_there_is_a_service(cluster: Cluster) -> None:
    for machine in cluster.machines:
        for unit in ("hostd-ha-crm", "hostd-ha-lrm"):
            machine.run("systemctl", "is-active", unit)
        assert "ha_" not in machine.shell("ls /etc/pve/priv/lease 2>/dev/null || true")


def test_a_service_is_started_and_kept_running(cluster: Cluster) -> None:
    first = cluster.machines[0]
    first.run("ha-manager", "add", SID)
    wait_for("it runs", cluster.settled(first, first.name), 90)
    told = first.run("ha-manager", "status")
    assert f"service {SID} ({first.name}, started)" in told
    assert "quorum OK" in told
    assert "no watchdog" in told
    first.shell(f"kill -9 $(pgrep -f '[g]uest=.*{VMID},' | head -1)")
    wait_for("it runs again", cluster.settled(first, first.name), 60)


def test_new_daemons_touch_no_guest(cluster: Cluster) -> None:
    first = cluster.machines[0]
    before = cluster.pid(first)
    first.run("systemctl", "restart", "hostd-ha-lrm", "hostd-ha-crm")
    assert cluster.pid(first) == before
    wait_for("it is looked after", lambda: cluster.state(first) == "started", 90)
    first.run("systemctl", "kill", "-s", "KILL", "hostd-ha-lrm")
    time.sleep(20)
    assert cluster.pid(first) == before
    assert cluster.state(first) == "started"


def test_power_by_the_guests_own_methods(cluster: Cluster) -> None:
    first = cluster.machines[0]
    first.run("qm", "stop", str(VMID))
    wait_for("it is off", lambda: cluster.runs_on() == [] and cluster.state(first) == "stopped", 90)
    first.run("qm", "start", str(VMID))
    wait_for("it runs", cluster.settled(first, first.name), 90)
    assert "used in HA resources" in first.ask("qm", "destroy", str(VMID)).text


def test_relocating(cluster: Cluster) -> None:
    first, second, _ = cluster.machines
    first.run("ha-manager", "crm-command", "relocate", SID, second.name)
    wait_for("it runs there", cluster.settled(first, second.name), 120)
    assert cluster.home(first) == second.name


def test_a_node_that_is_cut_off_ends_the_machine_before_another_starts_it(cluster: Cluster) -> None:
    lost = cluster.by_name(cluster.home(cluster.machines[0]))
    asked = cluster.others(lost.name)[0]
    with cut(lost):
        began_s = time.monotonic()
        wait_for("it is ended there", lambda: lost.name not in cluster.runs_on(), 110)
        ended_s = time.monotonic() - began_s
        while not (there := cluster.runs_on(lost.name)):
            assert lost.name not in cluster.runs_on()
            assert time.monotonic() - began_s < 300
            time.sleep(1)
        started_s = time.monotonic() - began_s
    print(f"cut off: ended after {ended_s:.0f} s, started elsewhere after {started_s:.0f} s")
    cluster.wait_for_all()
    wait_for("it runs once", cluster.settled(asked, there[0]), 120)
    assert cluster.home(lost) == there[0]


def test_a_node_that_is_switched_off(cluster: Cluster) -> None:
    lost = cluster.by_name(cluster.home(cluster.machines[0]))
    asked = cluster.others(lost.name)[0]
    power_off(lost)
    began_s = time.monotonic()
    wait_for("it runs elsewhere", lambda: cluster.runs_on(lost.name) != [], 330)
    print(f"switched off: started elsewhere after {time.monotonic() - began_s:.0f} s")
    there = cluster.home(asked)
    assert there != lost.name
    wait_for("the manager knows", lambda: cluster.state(asked) == "started", 60)
    switch_on(lost)
    cluster.wait_for_all()
    time.sleep(30)
    assert cluster.runs_on() == [there]


def test_a_service_is_left_alone_afterwards(cluster: Cluster) -> None:
    asked = cluster.machines[0]
    before = cluster.runs_on()
    asked.run("ha-manager", "remove", SID)
    wait_for("nobody looks after it", lambda: cluster.state(asked) == "", 60)
    assert cluster.runs_on() == before
