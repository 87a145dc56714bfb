"""Events: who is told of what, refusals that wait, metrics."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from hostd.access import keys, tickets
from hostd.api import events, prometheus
from hostd.api.eventkinds import of_change, of_task
from hostd.api.events import Hub, Watcher
from hostd.api.sockets import ELAPSED, REFUSAL
from hostd.api.stream import Streams
from hostd.cluster.store import Change, File, MemoryStore
from hostd.tasks.archive import Archive, Entry, process_start
from hostd.tasks.upid import Upid
from tests.unit.api.conftest import Site

NOW = 1_700_000_000
KEY = tickets.make_key()


class OnlyMachines:
    """root@pam may see everything, joe@pve what concerns guest 100."""

    version = 1  # of user.cfg

    def may(self, user: str, path: str, privileges: tuple[str, ...], *, any_of: bool = False) -> bool:
        return user == "root@pam" or (user == "joe@pve" and path == "/vms/100")

    def check_usable(self, authid: str, now_s: float) -> None:
        """Everybody is."""

    def capabilities(self, user: str) -> dict[str, dict[str, int]]:
        return {}


class World:
    """A host whose tasks and guests a test changes."""

    def __init__(self, folder: Path) -> None:
        self.store = MemoryStore("alpha")
        self.store.write(keys.VERIFYING, tickets.public_part(KEY))
        self.archive = Archive(logs=str(folder / "log"), running=str(folder / "run"))
        os.makedirs(self.archive.running_folder)
        os.makedirs(self.archive.logs)
        self.guests: dict[int, dict[str, Any]] = {}
        self.now = NOW
        self.streams = Streams(
            self.store.mirror(), OnlyMachines(), clock=lambda: self.now, refusal_s=0.3,
            root_socket=str(folder / "root"), watcher=Watcher(self.archive, lambda: self.guests, "alpha"),
        )  # fmt: skip

    def begin(self, user: str, at: int = 1) -> Upid:
        upid = Upid(
            node="alpha", pid=os.getpid(), pstart=process_start(os.getpid()), starttime=at, type="x", id="1", user=user
        )
        Path(self.archive.status_path(upid)).touch()
        path = Path(self.archive.log_path(upid))
        path.parent.mkdir(exist_ok=True)
        path.write_text("TASK OK\n")
        return upid

    def run(self, test: Callable[[Any], Awaitable[None]]) -> None:
        async def main() -> None:
            async with TestClient(TestServer(self.streams.application())) as client:
                await test(client)

        asyncio.run(main())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(events, "POLL_S", 0.02)
    return World(tmp_path)


def cookie(user: str) -> dict[str, str]:
    return {"Cookie": f"PVEAuthCookie={tickets.sign(KEY, user, now_s=NOW)}"}


async def told(answer: Any) -> tuple[str, dict[str, Any]]:
    """The next event of a stream."""
    kind = ""
    while True:
        line = (await asyncio.wait_for(answer.content.readline(), 10)).decode().rstrip("\n")
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            return kind, json.loads(line.removeprefix("data: "))


def test_events_are_told_to_those_who_may_see_them(world: World) -> None:
    async def test(client: Any) -> None:
        everything = await client.get("/api2/json/events", headers=cookie("root@pam"))
        own = await client.get("/api2/json/events", headers=cookie("joe@pve"))
        assert everything.headers["Content-Type"] == "text/event-stream"
        await asyncio.sleep(0.2)
        world.guests = {100: {}, 101: {}}
        assert [(await told(everything))[1]["vmid"] for _ in range(2)] == [100, 101]
        assert (await told(own))[1] == {"vmid": 100, "node": "alpha", "change": "status", "status": "running"}
        world.store.write("storage.cfg", b"dir: x\n\tpath /x\n\n")
        assert await told(everything) == ("storage", {"file": "storage.cfg", "change": "config"})
        first, second = world.begin("root@pam"), world.begin("joe@pve!t", at=2)
        assert {(await told(everything))[1]["upid"] for _ in range(2)} == {str(first), str(second)}
        kind, data = await told(own)
        assert (kind, data["upid"], data["status"]) == ("task", str(second), "running")
        world.archive.record_end(second, now_s=9)
        assert (await told(own))[1]["status"] == "OK"
        world.store.mkdir("nodes/alpha/qemu-server", parents=True)
        world.store.write("nodes/alpha/qemu-server/100.conf", b"name: x\n")
        assert (await told(own))[1] == {"vmid": 100, "type": "qemu", "node": "alpha", "change": "config"}

    world.run(test)


def test_a_short_task_is_not_missed(world: World) -> None:
    watcher = Watcher(world.archive, dict, "alpha")
    world.archive.record_end(world.begin("root@pam", at=5), now_s=6)
    assert watcher.step() == []
    short = world.begin("root@pam", at=7)
    world.archive.record_end(short, now_s=8)
    assert [e.data["upid"] for e in watcher.step()] == [str(short)]
    assert watcher.step() == []
    watcher.forget()
    world.archive.record_end(world.begin("root@pam", at=9), now_s=10)
    assert watcher.step() == []


def test_secrets_are_told_to_nobody() -> None:
    file = File(path="x", data=b"", version=1, mtime_s=0)
    for path in ("priv/shadow.cfg", "nodes/a/pve-ssl.key", "reserved-ids", "priv/storage.cfg"):
        assert of_change(Change(path=path, file=file)) is None
    event = of_change(Change(path="nodes/b/config", file=None))
    assert event is not None
    assert (event.path, event.data["change"]) == ("/nodes/b", "removed")


def test_a_slow_listener_is_sent_away() -> None:
    async def main() -> None:
        hub = Hub()
        upid = Upid(node="a", pid=1, pstart=1, starttime=1, type="x", id="", user="u@pve")
        with hub.listen() as queue:
            for _ in range(events.BACKLOG + 5):
                hub.publish(of_task(Entry(upid=upid)))
            assert queue.qsize() == events.BACKLOG + 1
            assert hub.listeners == 0

    asyncio.run(main())


@pytest.mark.parametrize("headers", [{}, {"Cookie": "PVEAuthCookie=PVE:root@pam:00000000::x"}])
def test_no_events_without_log_in_and_not_at_once(world: World, headers: dict[str, str]) -> None:
    async def test(client: Any) -> None:
        began = time.monotonic()
        answer = await client.get("/api2/json/events", headers=headers)
        assert answer.status == 401
        assert time.monotonic() - began >= 0.3

    world.run(test)


def test_tokens_are_verified_by_the_root_process(world: World) -> None:
    async def test(client: Any) -> None:
        answer = await client.get("/api2/json/events", headers={"Authorization": "PVEAPIToken=joe@pve!events=secret"})
        assert (answer.status, "root process" in answer.reason) == (500, True)  # nobody answers there here

    world.run(test)


def test_refusals_of_other_processes_wait_for_the_rest_of_their_time(world: World) -> None:
    async def test(client: Any) -> None:
        for elapsed, least, most in (("0.0", 0.3, 2), ("0.25", 0.05, 0.25), ("5", 0, 0.2)):
            began = time.monotonic()
            answer = await client.put("/api2/json/x", headers={REFUSAL: "No ticket", ELAPSED: elapsed})
            assert (answer.status, answer.reason, (await answer.json())["message"]) == (401, "No ticket", "No ticket\n")
            assert least <= time.monotonic() - began <= most
        assert (await client.get("/api2/json/x")).status == 501
        page = await client.get("/api2/html/x", headers={REFUSAL: "<b>", ELAPSED: "9"})
        assert "&lt;b&gt;" in await page.text()
        empty = await client.post("/api2/extjs/x", headers={REFUSAL: "No ticket", ELAPSED: "9"})
        assert await empty.read() == b""

    world.run(test)


def test_the_front_marks_refusals_for_nginx(site: Site) -> None:
    answer = site.get("/version", user="")
    assert (answer.status_code, answer.headers[REFUSAL]) == (401, "No ticket")
    assert REFUSAL not in site.get("/version").headers


def test_metrics(site: Site) -> None:
    site.store.mkdir("nodes/alpha/qemu-server", parents=True)
    site.store.write("nodes/alpha/qemu-server/100.conf", b"name: a\nmemory: 512\n")
    site.samples.node_values = {"cpu": 0.5, "netin": 7}
    site.samples.guest_values = {100: {"cpu": 0.25, "netin": 3}}
    site.samples.storage_values = {"local": {"total": 10, "used": 4, "active": 1}}
    answer = site.get("/metrics")
    assert answer.headers["Content-Type"] == prometheus.CONTENT_TYPE
    lines = answer.text.splitlines()
    assert 'holdfast_node_cpu_ratio{node="alpha"} 0.5' in lines
    assert "# TYPE holdfast_guest_network_receive_bytes_total counter" in lines
    assert 'holdfast_guest_up{vmid="100",node="alpha",type="qemu",name="a"} 1' in lines
    assert 'holdfast_storage_used_bytes{node="alpha",storage="local"} 4' in lines
    assert site.get("/metrics", user="joe@pve").text == ""


def test_labels_are_escaped() -> None:
    metric = prometheus.Metric(name="m", help="h", field="f")
    assert prometheus.lines([metric], [({"l": 'a"\\\n'}, {"f": 1}), ({"l": "x"}, {"f": float("nan")})]) == [
        "# HELP holdfast_m h", "# TYPE holdfast_m gauge", 'holdfast_m{l="a\\"\\\\\\n"} 1',
    ]  # fmt: skip
