"""Two real nodes with two links: either one may be cut, the cluster works on, and the status says so."""

from __future__ import annotations

import subprocess

import pytest

from tests.cluster.conftest import Machine, wait_for

SECOND = "10.97.0"


class Cable:
    """A second network of the machines; each end hangs on a bridge of this machine and may be pulled."""

    def __init__(self, machines: list[Machine]) -> None:
        self.bridge = f"hfx{machines[0].port}"
        self.run("ip", "link", "add", self.bridge, "type", "bridge", "forward_delay", "0")
        self.run("ip", "link", "set", self.bridge, "up")
        for number, machine in enumerate(machines, 1):
            pid = subprocess.run(
                ["lxc-info", "-n", machine.container, "-p", "-H"], capture_output=True, text=True, check=True
            ).stdout.strip()
            self.run("ip", "link", "add", self.end(machine), "type", "veth", "peer", "name", "eth9", "netns", pid)
            self.run("ip", "link", "set", self.end(machine), "master", self.bridge, "up")
            machine.shell(f"ip address add {SECOND}.{number}/24 dev eth9; ip link set eth9 up")

    @staticmethod
    def end(machine: Machine) -> str:
        return f"hfx{machine.port}e"

    @staticmethod
    def run(*argv: str) -> None:
        subprocess.run(argv, check=True)

    def remove(self) -> None:
        subprocess.run(["ip", "link", "delete", self.bridge], check=False)


Pair = tuple[Machine, Machine, Cable]


@pytest.fixture(scope="module")
def pair(machines: list[Machine]) -> object:
    first, second, _ = machines
    cable = Cable([first, second])
    first.run("pvecm", "create", "links", "--link0", first.address, "--link1", f"{SECOND}.1,priority=20")
    token = first.run("pvecm", "token", "create").strip()
    said = second.ask("pvecm", "join", "-", "--link0", second.address, data=f"{token}\n")
    assert said.code != 0
    assert "the cluster has this link" in said.text
    second.run("pvecm", "join", "-", "--link0", second.address, "--link1", f"{SECOND}.2", data=f"{token}\n")
    yield first, second, cable
    cable.remove()


def links(machine: Machine, other: Machine) -> dict[int, int]:
    """Which of the links to another node answer, as this one feels it."""
    row = next(row for row in machine.api().get("/cluster/status") if row["name"] == other.name)
    return {link["link"]: link["connected"] for link in row.get("health", {}).get("links", [])}


def test_both_links_are_used(pair: Pair) -> None:
    first, second, _ = pair
    wait_for("both are there", lambda: first.online() == second.online() == 2)
    wait_for("both links answer", lambda: links(first, second) == {0: 1, 1: 1})
    assert "knet_link_priority: 20" in first.read("corosync.conf")


def test_one_is_cut_and_the_cluster_works_on(pair: Pair) -> None:
    first, second, cable = pair
    cable.run("ip", "link", "set", cable.end(second), "down")
    wait_for("the status says so", lambda: links(first, second) == {0: 1, 1: 0})
    assert first.online() == second.online() == 2
    assert second.write("cut-1", "x")
    assert "link 1 to node" in first.shell("journalctl -u hostd-clusterd --no-pager | grep 'is down'")
    cable.run("ip", "link", "set", cable.end(second), "up")
    wait_for("both links answer", lambda: links(first, second) == {0: 1, 1: 1})


def test_the_other_one_is_cut_and_the_cluster_works_on(pair: Pair) -> None:
    first, second, _ = pair
    second.shell(f"ip route add blackhole {first.address}/32")
    first.shell(f"ip route add blackhole {second.address}/32")
    wait_for("the status says so", lambda: links(first, second) == {0: 0, 1: 1})
    assert first.online() == second.online() == 2
    assert first.write("cut-0", "x")
    assert second.read("cut-0") == "x"
    second.shell(f"ip route del blackhole {first.address}/32")
    first.shell(f"ip route del blackhole {second.address}/32")
    wait_for("both links answer", lambda: links(first, second) == {0: 1, 1: 1})
