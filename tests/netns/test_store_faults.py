"""What the store of three nodes survives: load from all, kills, power, half a cluster, Corosync that comes later."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter

import pytest

from hostd.cluster.corosync import conf
from hostd.core.errors import Unavailable
from tests.lib import lightnodes
from tests.lib.lightnodes import Lab
from tests.lib.storeload import check, load, write_at_once
from tests.lib.storenodes import StoreNode, stores, together, wait_for

SEED = int(os.environ.get("SEED") or "20261120")
TORMENTS = int(os.environ.get("TORMENTS") or "8")  # more for a long run
TOKEN_S = (conf.TOKEN_MS + conf.TOKEN_COEFFICIENT_MS) / 1000  # of three nodes
STALL_S = TOKEN_S * 2.2 + 1  # consensus is 1.2 of it


def test_writes_from_all_nodes_at_once_leave_equal_trees(nodes: dict[int, StoreNode]) -> None:
    with nodes[1].client() as store:
        store.mkdir("load", parents=True)
    write_at_once(nodes, count=42)  # 1,008 writes


def test_kills_and_cuts_at_random_lose_nothing_that_was_acknowledged(lab: Lab, nodes: dict[int, StoreNode]) -> None:
    rng, struck = random.Random(SEED), Counter[str]()
    with load(nodes.values()) as writers:
        for _ in range(TORMENTS):
            time.sleep(rng.uniform(0.2, 1.5))
            number = rng.choice(list(nodes))
            kind = rng.choices(("daemon", "corosync", "cable", "power"), (6, 3, 1, 2))[0]
            struck[kind] += 1
            if kind == "power":
                lab.nodes[number].power_off()
                time.sleep(rng.uniform(0.0, 5.0))
                nodes[number].power_on()
            elif kind == "cable":
                lab.partition([number])
                time.sleep(rng.uniform(0.5, 7.0))
                lab.heal()
            elif kind == "daemon":
                nodes[number].kill(rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
            else:
                lab.nodes[number].kill("corosync")
                time.sleep(rng.uniform(0.0, 1.0))
                lab.nodes[number].start_corosync_again()
    acknowledged = sum(len(writer.acknowledged) for writer in writers)
    unknown = sum(len(writer.unknown) for writer in writers)
    longest = max(w.longest_s for w in writers)
    print(f"{dict(struck)}: {acknowledged} acknowledged, {unknown} unknown, longest answer {longest:.1f} s")
    assert acknowledged > 20, "clients got on at all"
    check(writers, nodes)


def test_all_daemons_killed_at_once_come_back_with_everything(nodes: dict[int, StoreNode]) -> None:
    with load(nodes.values()) as writers:
        time.sleep(1)
        for node in nodes.values():
            node.kill()
        time.sleep(1)
    check(writers, nodes)


def test_writes_stall_no_longer_than_a_lost_node_takes(nodes: dict[int, StoreNode]) -> None:
    """At the settings that we ship: token, consensus, and a second."""
    with load([nodes[1], nodes[2]], per_node=1) as writers:
        time.sleep(1)
        nodes[3].node.power_off()
        time.sleep(STALL_S + 2)
    nodes[3].power_on()
    longest = max(writer.longest_gap_s for writer in writers)
    print(f"no write for {longest:.1f} s, at most {STALL_S:.1f} s are allowed")
    assert all(len(writer.acknowledged) > 20 for writer in writers), "they went on"
    assert longest < STALL_S
    check(writers, nodes)


def test_a_node_that_was_long_away_gets_the_whole_tree(lab: Lab, nodes: dict[int, StoreNode]) -> None:
    with nodes[3].client() as store:
        store.mkdir("away")
    before = len(nodes[3].node.log("store"))
    lab.partition([3])
    wait_for("the others go on", nodes[1].is_open)
    data = random.Random(SEED).randbytes(1_000_000)
    with nodes[1].client() as store:
        for number in range(10):  # more than a node keeps in memory for those who were away shortly
            store.write(f"away/{number}", data)
    lab.heal()
    wait_for("it is there", lambda: (nodes[3].pve / "away/9").read_bytes() == data)
    together(nodes.values())
    logs = [line for n in (1, 2) for line in nodes[n].node.log("store").splitlines() if "handed" in line]
    assert any(int(line.split("handed ")[1].split()[0]) > 10_000_000 for line in logs), logs
    assert "lost" not in nodes[3].node.log("store")[before:]


def test_a_lone_node_goes_on_when_it_is_told_to(lab: Lab, nodes: dict[int, StoreNode]) -> None:
    lab.partition([1], [2], [3])
    wait_for("no quorum", lambda: json.loads(nodes[1].members())["cluster"]["quorate"] == 0)
    with nodes[1].client() as store:
        with pytest.raises(Unavailable, match="no quorum"):
            store.write("forced", b"x")
        nodes[1].node.run("corosync-quorumtool", "-e", "1")
        wait_for("forced", lambda: store.write("forced", b"x").data == b"x")
    nodes[1].kill()
    with nodes[1].client() as store:  # a daemon that is started again is forced, too
        wait_for("forced again", lambda: store.write("forced", b"y").data == b"y")
    lab.heal()
    wait_for("the others have it", lambda: (nodes[2].pve / "forced").read_bytes() == b"y")
    together(nodes.values())


def test_a_node_without_corosync_reads_only_until_it_comes() -> None:
    with lightnodes.lab(1) as lab:
        node = lab.nodes[1]
        node.kill("corosync")
        store = StoreNode(node)
        wait_for("the mount", lambda: "node1" in store.members())
        assert json.loads(store.members())["cluster"] == {"name": "lab", "version": 1, "nodes": 1, "quorate": 0}
        with pytest.raises(PermissionError):
            (store.pve / "early").write_bytes(b"early")
        with store.client() as client, pytest.raises(Unavailable, match="Corosync is not running"):
            client.write("early", b"early")
        node.start_corosync_again()
        wait_for("writes", store.is_open)
        node.kill("corosync")
        wait_for("no writes", lambda: json.loads(store.members())["cluster"]["quorate"] == 0)
        assert (store.pve / "probe-node1").exists()
        gone = "Corosync (does not answer|is not running)"  # by the daemon that lost it, or by the next one
        with store.client() as client, pytest.raises(Unavailable, match=gone):
            client.write("late", b"late")


def test_a_fourth_node_joins_and_counts() -> None:
    with stores(3) as (lab, nodes):
        together(nodes.values())
        (nodes[1].pve / "old").write_bytes(b"old")
        lab.add(4)
        larger = lab.conf([1, 2, 3, 4])
        for number in (1, 2, 3):
            lab.nodes[number].write("/etc/corosync/corosync.conf", lightnodes.for_tests(larger))
        lab.nodes[1].run("corosync-cfgtool", "-R")
        key = lab.nodes[1].path("/etc/corosync/authkey").read_bytes()
        lab.nodes[4].start_corosync(larger, key)
        nodes[4] = StoreNode(lab.nodes[4])
        together(nodes.values())
        assert (nodes[4].pve / "old").read_bytes() == b"old"
        for node in nodes.values():
            told = json.loads(node.members())
            assert told["cluster"] == {"name": "lab", "version": 4, "nodes": 4, "quorate": 1}
            assert told["nodelist"]["node4"] == {"id": 4, "online": 1, "ip": "10.99.0.4"}
        lab.partition([1, 2], [3, 4])  # two of four are no majority any more
        for node in nodes.values():
            wait_for("no quorum", lambda n=node: json.loads(n.members())["cluster"]["quorate"] == 0)
            with node.client() as store, pytest.raises(Unavailable, match="no quorum"):
                store.write("half", b"half")
