"""A witness on real hosts: two nodes, and corosync-qnetd on a third machine that is no node, with its own sshd."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.cluster.conftest import Machine, switch_on, wait_for

PACKAGE, UNIT = "corosync-qnetd", "corosync-qdevice.service"


def votes(machine: Machine) -> int:
    """All that this node counts, the witness's too; 0 while Corosync does not answer."""
    found = re.search(r"^Total votes:\s+(\d+)", machine.ask("corosync-quorumtool", "-s").text, re.MULTILINE)
    return int(found[1]) if found else 0


def is_active(machine: Machine) -> bool:
    return machine.ask("systemctl", "is-active", UNIT).text == "active\n"


def is_connected(machine: Machine) -> bool:
    said = machine.ask("pvecm", "status").text
    return re.search(r"^State: +Connected$", said, re.MULTILINE) is not None


def install_witness(machine: Machine) -> None:
    """From the cache of packages of this machine: the network of the tests ends here."""
    found = next(Path("/var/cache/holdfast/apt").glob(f"{PACKAGE}_*.deb"), None)
    if found is None:
        done = subprocess.run(["apt-get", "download", PACKAGE], cwd="/tmp", check=False, capture_output=True)
        found = next(Path("/tmp").glob(f"{PACKAGE}_*.deb"), None)
        assert found is not None, f"no package {PACKAGE}: {done.stderr.decode()}"
    subprocess.run(
        ["lxc-attach", "-n", machine.container, "--clear-env", "--", "sh", "-c", "cat > /root/qnetd.deb"],
        input=found.read_bytes(),
        check=True,
    )
    machine.run("dpkg", "-i", "/root/qnetd.deb")
    machine.run("systemctl", "start", "corosync-qnetd.service")


def trust(host: Machine, client: Machine) -> None:
    """The administrator of ``client`` may log in to ``host`` as root, and knows it."""
    client.shell("test -f /root/.ssh/id_ed25519 || ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519")
    key = client.run("cat", "/root/.ssh/id_ed25519.pub")
    host.run("sh", "-c", "mkdir -p -m 700 /root/.ssh; cat >> /root/.ssh/authorized_keys", data=key)
    shown = host.run("cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()
    client.run("sh", "-c", "cat >> /root/.ssh/known_hosts", data=f"{host.address} {shown[0]} {shown[1]}\n")


@pytest.fixture(scope="module")
def trio(machines: list[Machine]) -> tuple[Machine, Machine, Machine]:
    """Two nodes of one cluster, and the witness's host; before anything of a witness."""
    first, second, host = machines
    first.run("pvecm", "create", "pair")
    token = first.run("pvecm", "token", "create").strip()
    second.run("pvecm", "join", "-", data=f"{token}\n")
    wait_for("both are there", lambda: first.online() == second.online() == 2)
    return first, second, host


Trio = tuple[Machine, Machine, Machine]


def test_a_host_without_qnetd_is_refused_and_nothing_changes(trio: Trio) -> None:
    first, _, host = trio
    before = first.read("corosync.conf")
    done = first.ask("pvecm", "qdevice", "setup", host.address)
    assert done.code == 6, done.text
    assert "cannot log in" in done.text
    trust(host, first)
    done = first.ask("pvecm", "qdevice", "setup", host.address)
    assert done.code == 3, done.text
    assert "apt install corosync-qnetd" in done.text
    assert first.read("corosync.conf") == before
    assert first.ask("test", "-e", "/etc/pve/priv/qdevice.json").code != 0


def test_a_set_up_that_is_cut_off_is_finished_by_the_next(trio: Trio) -> None:
    first, second, host = trio
    install_witness(host)
    cut_off = "pvecm qdevice setup %s & while ! test -e /etc/pve/priv/qdevice.json; do sleep 0.01; done; kill -9 $!"
    first.ask("sh", "-c", cut_off % host.address)
    first.run("pvecm", "qdevice", "setup", host.address)
    for node in (first, second):
        wait_for("it is connected", lambda n=node: is_connected(n))  # type: ignore[misc]
        wait_for("the witness counts", lambda n=node: votes(n) == 3)  # type: ignore[misc]
        assert f"{host.address}:5403" in node.run("pvecm", "status")
    assert "PRIVATE" not in first.ask("grep", "-r", "PRIVATE", "/etc/corosync/qdevice").text
    assert first.run("stat", "-c", "%a %U", "/etc/corosync/qdevice/net/nssdb").strip() == "700 root"
    assert host.shell("ls /run | grep -c holdfast; true").strip() == "0", "nothing is left on the witness"


def test_the_api_knows_it(trio: Trio) -> None:
    first, _, host = trio
    api = first.api()
    told = api.get("/cluster/config/qdevice")
    assert (told["State"], told["QNetd host"]) == ("Connected", f"{host.address}:5403")

    def counted() -> bool:
        health = api.get("/cluster/status")[0].get("health", {})
        return health.get("qdevice") == {"votes": 1, "registered": 1, "alive": 1, "casts": 1}

    wait_for("the health of the cluster has it", counted)


def test_one_node_is_lost_and_the_other_works(trio: Trio) -> None:
    first, second, _ = trio
    second.ask("poweroff")
    wait_for("one is left", lambda: votes(first) == 2)
    wait_for("it takes changes", lambda: first.write("alone", "1"))
    done = first.ask("pvecm", "qdevice", "remove")
    assert done.code == 3, done.text
    assert "1 of 2 votes of nodes are here" in done.text
    switch_on(second)
    wait_for("both are there", lambda: first.online() == second.online() == 2, 120)
    assert second.read("alone") == "1"
    wait_for("the witness counts there again", lambda: votes(second) == 3)


def test_who_was_away_does_not_win(trio: Trio) -> None:
    """A down, B writes, B down, A up: A has a majority with the witness, and must wait for B all the same."""
    a, b, _ = trio
    assert a.write("turns", "of both")
    a.ask("poweroff")
    wait_for("A is gone", lambda: votes(b) == 2)
    wait_for("B takes changes", lambda: b.write("turns", "of B alone"), 120)
    b.ask("poweroff")
    switch_on(a)
    wait_for("A has the witness's vote", lambda: votes(a) == 2, 120)
    assert a.read("turns") == "of both"
    assert not a.write("turns", "of A")
    switch_on(b)
    wait_for("both are there", lambda: a.online() == b.online() == 2, 120)
    wait_for("A has what B wrote", lambda: a.read("turns") == "of B alone")


def test_the_store_ends_at_once_while_corosync_waits_for_the_witness(trio: Trio) -> None:
    """At a change of the ring Corosync answers nobody until the witness has spoken, or for 30 s."""
    first, second, host = trio
    host.run("systemctl", "stop", "corosync-qnetd.service")
    second.ask("systemctl", "stop", "corosync.service")
    first.shell("sleep 1; timeout 8 systemctl stop hostd-clusterd.service")
    host.run("systemctl", "start", "corosync-qnetd.service")
    second.shell("systemctl start corosync.service; systemctl start hostd-clusterd.service")
    first.run("systemctl", "start", "hostd-clusterd.service")
    wait_for("both are there", lambda: first.online() == second.online() == 2, 120)
    wait_for("changes are taken", lambda: first.write("on", "x"), 60)


def test_a_node_that_leaves_and_joins_again_has_the_witness(trio: Trio) -> None:
    first, second, _ = trio
    second.ask("poweroff")
    wait_for("one is left", lambda: votes(first) == 2)
    wait_for("it takes changes", lambda: first.write("alone", "2"))
    first.run("pvecm", "delnode", "node2")
    switch_on(second)
    second.run("pvecm", "leave")
    assert not is_active(second)
    assert second.ask("test", "-e", "/etc/pve/priv/qdevice.json").code != 0
    token = first.run("pvecm", "token", "create").strip()
    second.run("pvecm", "join", "-", data=f"{token}\n")
    for node in (first, second):
        wait_for("it is connected", lambda n=node: is_connected(n), 120)  # type: ignore[misc]
        wait_for("the witness counts", lambda n=node: votes(n) == 3, 120)  # type: ignore[misc]


def test_it_is_removed_from_all_nodes(trio: Trio) -> None:
    first, second, _ = trio
    wait_for("the witness counts", lambda: votes(first) == votes(second) == 3)
    first.run("pvecm", "qdevice", "remove")
    for node in (first, second):
        wait_for("its vote is gone", lambda n=node: votes(n) == 2)  # type: ignore[misc]
        wait_for("its daemon ended", lambda n=node: not is_active(n))  # type: ignore[misc]
        folder = "/etc/corosync/qdevice/net"
        wait_for("no key is left", lambda n=node, f=folder: n.ask("ls", f).text == "")  # type: ignore[misc]
        assert node.ask("systemctl", "is-enabled", UNIT).text == "disabled\n"
    assert first.ask("test", "-e", "/etc/pve/priv/qdevice.json").code != 0
    wait_for("changes are taken", lambda: second.write("after", "x"))
    assert "no QDevice" in first.ask("pvecm", "qdevice", "remove").text


def test_the_last_node_goes_on_where_the_algorithm_says_so(trio: Trio) -> None:
    """The witness by a name with two addresses, of which only the one in the given network is it."""
    first, second, host = trio
    first.shell(f"printf '{host.address} witness\n203.0.113.9 witness\n' >> /etc/hosts")
    refused = first.ask("pvecm", "qdevice", "setup", "witness", "--network", "198.51.100.0/24")
    assert refused.code != 0
    assert host.address in refused.text
    assert "198.51.100.0/24" in refused.text
    assert "no QDevice" in first.ask("pvecm", "qdevice", "remove").text, "nothing was begun"
    first.run("pvecm", "qdevice", "setup", "witness", "--network", f"{host.address}/24", "--algorithm", "lms")
    for node in (first, second):
        wait_for("the witness counts", lambda n=node: votes(n) == 3)  # type: ignore[misc]
    text = second.read("corosync.conf")
    assert "algorithm: lms" in text
    assert f"host: {host.address}" in text
    second.ask("poweroff")
    wait_for("one is left", lambda: votes(first) == 2)
    wait_for("it takes changes", lambda: first.write("last", "1"))
    switch_on(second)
    wait_for("both are there", lambda: first.online() == second.online() == 2, 120)
    first.run("pvecm", "qdevice", "remove")
    wait_for("its vote is gone", lambda: votes(first) == votes(second) == 2)
