"""Calls for other nodes between real nodes: Corosync, stores, nginx with the shipped configuration, front, root."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from hostd.node import certificate
from tests.lib.frontnodes import PYTHON, Front, Reply, fronts
from tests.lib.lightnodes import Lab
from tests.lib.storenodes import wait_for

UPID = "UPID:node2:00000001:00000001:00000001:qmstart:100:root@pam:"


@pytest.fixture(scope="module")
def three() -> Iterator[tuple[Lab, dict[int, Front]]]:
    with fronts(3) as both:
        yield both


@pytest.fixture
def front(three: tuple[Lab, dict[int, Front]]) -> dict[int, Front]:
    lab, fronts = three
    lab.heal()
    for number in fronts:
        wait_for("all are there", lambda n=number: statuses(fronts[n]) == {f"node{k}": "online" for k in fronts})
    return fronts


def data(reply: Reply) -> Any:
    assert reply.status == 200, reply
    return json.loads(reply.body)["data"]


def statuses(front: Front) -> dict[str, str]:
    return {row["node"]: row["status"] for row in data(front.get("/nodes"))}


def test_every_node_answers_for_every_node(front: dict[int, Front]) -> None:
    for asked in front.values():
        for number in front:
            assert data(asked.get(f"/nodes/node{number}/time"))["time"] > 0
            assert data(asked.get(f"/nodes/node{number}/status"))["uptime"] > 0
    times = [front[1].get("/nodes/node2/time").seconds for _ in range(10)]
    print(f"curl, through another node: {min(times) * 1000:.0f} ms at best")
    assert front[1].get("/nodes/node9/time").reason == "no such cluster node 'node9'"


def test_lists_show_all_nodes(front: dict[int, Front]) -> None:
    with front[1].store.client() as store:
        for number in front:
            store.write(f"nodes/node{number}/qemu-server/{100 + number}.conf", b"memory: 16\n")
    for asked in front.values():
        wait_for(
            "samples of all nodes",
            lambda a=asked: all("cpu" in row for row in data(a.get("/cluster/resources?type=node"))),
        )
        rows = {row["vmid"]: row for row in data(asked.get("/cluster/resources?type=vm"))}
        assert {vmid: (row["node"], row["status"]) for vmid, row in rows.items()} == {
            100 + n: (f"node{n}", "stopped") for n in front
        }
        cluster, *nodes = data(asked.get("/cluster/status"))
        assert (cluster["nodes"], cluster["quorate"]) == (3, 1)
        assert {(n["name"], n["online"], n["ip"]) for n in nodes} == {(f"node{n}", 1, f"10.99.0.{n}") for n in front}
    assert 'holdfast_node_online{node="node3"} 1' in front[1].get("/metrics").body


def test_a_store_that_starts_again_is_told_everything_again(front: dict[int, Front]) -> None:
    def known(at: int, of: int) -> bool:
        rows = {row["node"]: row for row in data(front[at].get("/nodes"))}
        return "cpu" in rows[f"node{of}"]

    front[2].store.kill()
    wait_for("node 2 is missed", lambda: not known(1, 2))
    wait_for("node 2 is known again", lambda: known(1, 2))
    wait_for("the others at node 2", lambda: known(2, 1) and known(2, 3))


def test_tasks_of_another_node_are_listed_and_their_logs_streamed(front: dict[int, Front]) -> None:
    lines = "".join(f"line {number} of a long log\n" for number in range(200_000)) + "TASK OK\n"
    front[2].node.write(f"/var/log/pve/tasks/1/{UPID}", lines)
    front[2].node.write("/var/log/pve/tasks/index", f"{UPID} 00000002 OK\n")
    wait_for("the task is told", lambda: UPID in [t["upid"] for t in data(front[1].get("/cluster/tasks"))])
    page = front[3].get(f"/nodes/node2/tasks/{UPID}/log?start=10&limit=1")
    assert data(page) == [{"n": 11, "t": "line 10 of a long log"}]
    whole = front[3].get(f"/nodes/node2/tasks/{UPID}/log?download=1")
    assert (whole.status, whole.body) == (200, lines)
    assert whole.headers["content-disposition"] == 'attachment; filename="task-node2-qmstart-1.log"'
    assert front[3].get(f"/nodes/node2/tasks/{UPID}/log?download=1&limit=3").status == 400


def test_who_calls_is_checked(front: dict[int, Front]) -> None:
    assert front[1].get("/nodes/node2/time", user="nobody@pve").status == 401
    with front[1].store.client() as store:
        before = store.read("user.cfg").data if "user.cfg" in store.list("") else b""
        store.write("user.cfg", before + b"user:joe@pve:1:0::::::\n")
    wait_for("joe is known", lambda: front[1].get("/nodes/node2/tasks", user="joe@pve").status == 200)
    answer = front[1].get("/nodes/node2/status", user="joe@pve")
    assert (answer.status, answer.reason) == (403, "Permission check failed (/nodes/node2, Sys.Audit)")
    answer = front[1].get("/nodes/node2/dns", "-H", "CSRFPreventionToken: x", method="PUT")
    assert answer.status in (400, 401)


def test_the_mark_of_a_hop_forged_by_a_client_is_harmless(front: dict[int, Front]) -> None:
    mark = ("-H", "PVEDisableProxy: true")
    answer = front[1].get("/nodes/node2/time", *mark)
    assert (answer.status, answer.reason) == (500, "proxy loop detected")
    assert front[1].get("/nodes/node1/time", *mark).status == 200
    assert front[1].get("/nodes/node1/status", *mark, user="nobody@pve").status == 401


def test_commands_reach_other_nodes_without_a_password(front: dict[int, Front]) -> None:
    front[2].node.write(f"/var/log/pve/tasks/1/{UPID}", "TASK OK\n")
    ask = (
        "import json, sys\n"
        "from hostd.api.rootclient import RootClient\n"
        "call = RootClient()\n"
        f"assert call('DELETE', '/nodes/node2/tasks/{UPID}', {{}}).data is None\n"
        "print(json.dumps(call('GET', '/nodes/node2/time', {}).data))\n"
    )
    said = front[1].node.run(*PYTHON, "python3", "-c", ask)
    assert json.loads(said)["time"] > 0


def test_a_certificate_that_is_not_in_the_tree_is_refused(front: dict[int, Front]) -> None:
    with front[1].store.client() as store:
        right = store.read("nodes/node2/pve-ssl.pem").data
        authority, authority_key = store.read("pve-root-ca.pem").data, store.read("priv/pve-root-ca.key").data
        now = certificate.datetime.datetime.now(certificate.datetime.UTC)
        wrong = certificate.make_node(authority, authority_key, certificate.new_key(), ["node2"], now=now)
        store.write("nodes/node2/pve-ssl.pem", wrong)
        wait_for("it is refused", lambda: front[1].get("/nodes/node2/time").status == 596)
        reason = front[1].get("/nodes/node2/time").reason
        assert reason.startswith("node 'node2' shows a certificate that is neither pve-ssl.pem nor pveproxy-ssl.pem")
        store.write("nodes/node2/pve-ssl.pem", right)
    wait_for("it is taken again", lambda: front[1].get("/nodes/node2/time").status == 200)


def test_a_node_that_hangs_stalls_nobody(front: dict[int, Front]) -> None:
    for _ in range(3):
        assert front[1].get("/nodes/node2/time").status == 200  # with a connection that is kept
    front[2].signal_nginx("STOP")
    found: list[Reply] = []
    threads = [threading.Thread(target=lambda: found.append(front[1].get("/nodes/node2/time"))) for _ in range(20)]
    try:
        for thread in threads:
            thread.start()
        others = [front[1].get(path).seconds for path in ("/version", "/nodes/node3/time", "/nodes/node1/time") * 5]
        for thread in threads:
            thread.join(2)  # a handshake is waited for 5 s; on the connection that was kept, 30 s
    finally:
        front[2].signal_nginx("CONT")
    for thread in threads:
        thread.join(60)
    print("answers:", Counter((r.status, round(r.seconds)) for r in found), f"others: at most {max(others):.2f} s")
    assert len(found) == len(threads)
    assert {r.status for r in found} <= {200, 503, 596}  # 200: it went on in time for that
    assert sum(r.status == 503 for r in found) >= 10
    assert max(r.seconds for r in found if r.status == 503) < 3
    assert max(others) < 3
    wait_for("it answers again", lambda: front[1].get("/nodes/node2/time").status == 200)


def test_a_console_of_another_node_is_bridged(front: dict[int, Front]) -> None:
    serve = (
        "import os,socket\n"
        "from hostd.guests.console import socket_path\n"
        "s=socket.socket(socket.AF_UNIX); s.bind(socket_path(5900)); os.chmod(socket_path(5900), 0o666)\n"
        "s.listen(1); c,_=s.accept()\n"
        "while d:=c.recv(100): c.sendall(d.upper())\n"
    )
    front[2].node.start("console", ["python3", "-c", serve])
    talk = (
        "import asyncio,aiohttp,sys\n"
        "from urllib.parse import quote\n"
        "async def main():\n"
        "  from hostd.access import keys,tickets\n"
        "  from hostd.cluster.store import Store\n"
        "  import time\n"
        "  k=Store().read(keys.SIGNING).data; now=int(time.time())\n"
        "  t=tickets.sign_console(k,'root@pam','/vms/102',5900,now_s=now)\n"
        "  h={'Cookie':'PVEAuthCookie='+tickets.sign(k,'root@pam',now_s=now)}\n"
        "  u='https://127.0.0.1:8006/api2/json/nodes/node2/qemu/102/vncwebsocket?port=5900&vncticket='+quote(t,safe='')\n"
        "  async with aiohttp.ClientSession() as s, s.ws_connect(u,headers=h,ssl=False,protocols=('binary',)) as w:\n"
        "    await w.send_bytes(b'hello'); print((await w.receive()).data, w.protocol)\n"
        "asyncio.run(main())\n"
    )
    program = front[1].node.start("talk", ["python3", "-c", talk])
    program.wait(30)
    assert front[1].node.log("talk").splitlines()[-1] == "b'HELLO' binary", front[1].node.log("talk")


def test_a_node_that_is_away_is_answered_for_within_a_moment(
    three: tuple[Lab, dict[int, Front]], front: dict[int, Front]
) -> None:
    lab, _ = three
    lab.partition([3])
    wait_for("it is missed", lambda: statuses(front[1])["node3"] == "offline")
    answer = front[1].get("/nodes/node3/time")
    assert (answer.status, answer.reason) == (595, "No route to host: node 'node3' is not part of the running cluster")
    assert answer.seconds < 1
    rows = {row["vmid"]: row["status"] for row in data(front[1].get("/cluster/resources?type=vm"))}
    assert rows[103] == "unknown"
    assert rows[102] == "stopped"
    assert statuses(front[3]) == {"node1": "offline", "node2": "offline", "node3": "online"}
    assert front[3].get("/nodes/node1/time").status == 595
    lab.heal()
    wait_for("it is back", lambda: front[1].get("/nodes/node3/time").status == 200)
    wait_for(
        "its guests, too",
        lambda: {r["vmid"]: r["status"] for r in data(front[1].get("/cluster/resources?type=vm"))}[103] == "stopped",
    )
