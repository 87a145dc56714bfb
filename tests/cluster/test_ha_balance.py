"""Machines are spread over real nodes: those that opted in, and services of the manager; each move says why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.conftest import Machine, wait_for
from tests.cluster.hacluster import Cluster, share_disks, shared_by

STAYS, ONE, OTHER = 130, 131, 132
# Three rounds of 30 s in which the loads differ, then a move, for each of two machines.
SPREAD_S = 500
# Boots, and is busy for good. Of a machine that finds nothing to boot one sample says 0.01 of a core, the next 0.13.
BUSY = bytes.fromhex("fa ebfe").ljust(510, b"\0") + b"\x55\xaa"  # cli; jmp to itself
CORES = "0.2"


@pytest.fixture(scope="module")
def guests(machines: list[Machine]) -> Iterator[dict[int, Cluster]]:
    """Machines that use the same all the time, all of them running on the first node."""
    first = machines[0]
    found = {vmid: Cluster(machines, f"vm:{vmid}") for vmid in (STAYS, ONE, OTHER)}
    share_disks(first)
    for vmid in found:
        first.run(
            "qm", "create", str(vmid), "--memory", "64", "--kvm", "0", "--cpulimit", CORES, "--sata0", "both:0.01"
        )  # fmt: skip
        with (shared_by(machines) / f"disks/images/{vmid}/vm-{vmid}-disk-0.raw").open("r+b") as disk:
            disk.write(BUSY)
        first.run("qm", "start", str(vmid))
    yield found
    for vmid, guest in found.items():
        home = guest.by_name(guest.home(first))
        home.run("qm", "stop", str(vmid))
        home.run("qm", "destroy", str(vmid))


def homes(asked: Machine, guests: dict[int, Cluster]) -> dict[int, str]:
    return {vmid: guest.home(asked) for vmid, guest in guests.items()}


def told(asked: Machine) -> list[dict[str, str]]:
    """The moves, the newest first."""
    moves: list[dict[str, str]] = asked.api().get("/cluster/ha/balance")["moves"]
    return moves


def test_machines_that_opted_in_are_spread(machines: list[Machine], guests: dict[int, Cluster]) -> None:
    first = machines[0]
    names = {machine.name for machine in machines}
    first.run("ha-manager", "balance", "set", "--enable", "0", "--guests", f"{ONE},{OTHER}")
    wait_for("it is proposed", lambda: f"vm:{ONE}" in first.run("ha-manager", "balance", "--dry-run"), 60)
    assert set(homes(first, guests).values()) == {first.name}, "a look moves nothing"
    first.run("ha-manager", "balance", "set", "--enable", "1")
    wait_for("each is alone", lambda: set(homes(first, guests).values()) == names, SPREAD_S)
    assert guests[STAYS].home(first) == first.name, "it did not opt in"
    wait_for("both moves are told", lambda: [row["state"] for row in told(first)] == ["ok", "ok"])
    for row in told(first):
        print(row["why"])
        assert row["source"] == first.name
        assert row["target"] in row["why"]
    for vmid, guest in guests.items():
        assert guest.runs_on() == [guest.home(first)], vmid
    first.run("ha-manager", "balance", "set", "--enable", "0")


def test_services_are_spread(machines: list[Machine], guests: dict[int, Cluster]) -> None:
    first = machines[0]
    for vmid, guest in guests.items():
        first.run("ha-manager", "add", f"vm:{vmid}")
        wait_for("it is looked after", lambda guest=guest: guest.state(first) == "started", 120)  # type: ignore[misc]
        if guest.home(first) != first.name:
            first.run("ha-manager", "migrate", f"vm:{vmid}", first.name)
    for guest in guests.values():
        wait_for("it is on the first node", guest.settled(first, first.name), 150)
    try:
        first.run("pvesh", "set", "/cluster/options", "--crs", "ha=dynamic,ha-auto-rebalance=1")
        wait_for("each is alone", lambda: len(set(homes(first, guests).values())) == 3, SPREAD_S)
        moved = [row for row in told(first) if "ago" in row]
        assert {row["source"] for row in moved} == {first.name}
        assert len(moved) == 2
        for guest in guests.values():
            wait_for("it runs there", guest.somewhere(first), 60)
    finally:
        first.run("pvesh", "set", "/cluster/options", "--delete", "crs")
        for vmid in guests:
            first.run("ha-manager", "remove", f"vm:{vmid}")
            wait_for("nobody looks after it", lambda vmid=vmid: guests[vmid].state(first) == "", 60)  # type: ignore[misc]
