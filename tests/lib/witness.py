"""A real witness for light nodes: corosync-qnetd on one node, corosync-qdevice on the members, with certificates.

The product's own set-up is ``pvecm qdevice setup``; this does the same by hand, so that the votes can be tested apart
from it. Source: corosync-qdevice-net-certutil(8), corosync-qnetd-certutil(8).
"""

from __future__ import annotations

import os
import shutil
import time

from hostd.cluster.corosync import conf as corosync_conf
from tests.lib.lightnodes import Lab, Node

QNETD, QDEVICE = "/etc/corosync/qnetd/nssdb", "/etc/corosync/qdevice/net/nssdb"
CLUSTER = "lab"
WAIT_S = 30.0


def start_qnetd(node: Node) -> None:
    """The witness's daemon; its certificate authority is made the first time."""
    node.run("mkdir", "-p", "/run/corosync-qnetd")
    if not node.path(f"{QNETD}/qnetd-cacert.crt").exists():
        node.run("rm", "-rf", QNETD)  # what the package's installation left in this overlay
        node.run("corosync-qnetd-certutil", "-i")
    node.start("qnetd", ["corosync-qnetd", "-f"])


def start_qdevice(node: Node) -> None:
    """A member's side; again after Corosync or the node was started again."""
    node.run("mkdir", "-p", "/run/corosync-qdevice")
    node.start("qdevice", ["corosync-qdevice", "-f"])


def set_up(lab: Lab, witness: int, members: list[int]) -> None:
    """Certificates and all daemons, Corosync's too; returns when all members count the witness's vote."""
    host, first, *others = (lab.nodes[number] for number in (witness, *members))
    start_qnetd(host)
    for node in (first, *others):
        node.run("rm", "-rf", QDEVICE)
        _copy(host, f"{QNETD}/qnetd-cacert.crt", node, "/tmp-cacert.crt")
        node.run("corosync-qdevice-net-certutil", "-i", "-c", "/run/tmp-cacert.crt")
    first.run("corosync-qdevice-net-certutil", "-r", "-n", CLUSTER)
    _copy(first, f"{QDEVICE}/qdevice-net-node.crq", host, "/tmp-node.crq")
    host.run("corosync-qnetd-certutil", "-s", "-c", "/run/tmp-node.crq", "-n", CLUSTER)
    _copy(host, f"{QNETD}/cluster-{CLUSTER}.crt", first, "/tmp-cluster.crt")
    first.run("corosync-qdevice-net-certutil", "-M", "-c", "/run/tmp-cluster.crt")
    for node in others:
        _copy(first, f"{QDEVICE}/qdevice-net-node.p12", node, "/tmp-node.p12")
        node.run("corosync-qdevice-net-certutil", "-m", "-c", "/run/tmp-node.p12")
    conf, key = corosync_conf.set_qdevice(lab.conf(members), host.address(0)), os.urandom(256)
    for node in (first, *others):
        node.start_corosync(conf, key)
        start_qdevice(node)
    deadline = time.monotonic() + WAIT_S
    while not all(votes(node) == len(members) + 1 for node in (first, *others)):
        assert time.monotonic() < deadline, f"{first.log('qdevice')}{host.log('qnetd')}{quorum_state(first)}"
        time.sleep(0.1)


def quorum_state(node: Node) -> str:
    """What corosync-quorumtool(8) says; it fails where there is no quorum, and says it all the same."""
    return node.run("corosync-quorumtool", "-s", check=False)


def votes(node: Node) -> int:
    """All votes that are here, as this node counts them; 0 while Corosync does not answer."""
    found = [line.split()[-1] for line in quorum_state(node).splitlines() if line.startswith("Total votes")]
    return int(found[0]) if found else 0


def _copy(source: Node, path: str, target: Node, name: str) -> None:
    """Into the target's /run."""
    shutil.copyfile(f"/proc/{source.pid}/root{path}", f"/proc/{target.pid}/root/run{name}")
