"""Log-ins wait without a thread and in turn; the slow-down is per user and address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hostd.access.throttle import FORGOTTEN_S, LONGEST_S, Throttle
from hostd.api.loginqueue import LoginQueue

TICKET = "/api2/json/access/ticket"


def test_failures_slow_down_one_user_from_one_address() -> None:
    throttle, attacker, admin = Throttle(), ("root@pam", "192.0.2.7"), ("root@pam", "192.0.2.8")
    waits = []
    for second in range(12):
        waits.append(throttle.wait_s(attacker, now_s=second))
        throttle.failed(attacker, now_s=second)
    assert waits[:6] == [0, 0, 0, 1, 2, 4]
    assert waits[-1] == LONGEST_S
    assert throttle.wait_s(admin, now_s=12) == 0
    assert throttle.wait_s(attacker, now_s=12 + FORGOTTEN_S) == 0
    throttle.succeeded(attacker)
    assert throttle.wait_s(attacker, now_s=12) == 0


def with_gate(tmp_path: Path, root: Any, test: Callable[[Any], Awaitable[None]], *, refusal_s: float = 0.2) -> None:
    async def main() -> None:
        server = web.Application()
        server.router.add_route("*", "/{path:.*}", root)
        runner = web.AppRunner(server)
        await runner.setup()
        await web.UnixSite(runner, str(tmp_path / "root")).start()
        app = web.Application()
        LoginQueue(root_socket=str(tmp_path / "root"), refusal_s=refusal_s).add_routes(app)
        async with TestClient(TestServer(app)) as client:
            await test(client)
        await runner.cleanup()

    asyncio.run(main())


async def refuse_all(request: web.Request) -> web.Response:
    return web.Response(status=401, reason="authentication failure")


@pytest.mark.parametrize("path", [TICKET, "/api2//extjs/access///ticket/"])
def test_a_refused_log_in_takes_its_time(tmp_path: Path, path: str) -> None:
    async def test(client: Any) -> None:
        started_s = time.monotonic()
        answer = await client.post(path, data={"username": "a", "password": "b"})
        assert (answer.status, answer.reason) == (401, "authentication failure")
        assert time.monotonic() - started_s >= 0.2

    with_gate(tmp_path, refuse_all, test)


def test_what_is_passed_on_is_the_log_in_and_nothing_else(tmp_path: Path) -> None:
    seen: list[Any] = []

    async def root(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, await request.text(), sorted(request.headers)))
        return web.json_response({"data": None})

    async def test(client: Any) -> None:
        sent = {"Authorization": "PVEAPIToken=root@pam!x=y", "Cookie": "PVEAuthCookie=z", "X-Real-IP": "192.0.2.1"}
        assert (await client.post(f"{TICKET}?realm=pve", data="username=a&password=b", headers=sent)).status == 200
        assert (await client.get(TICKET)).status == 200

    with_gate(tmp_path, root, test)
    assert [row[:3] for row in seen] == [
        ("POST", f"{TICKET}?realm=pve", "username=a&password=b"), ("GET", TICKET, "")
    ]  # fmt: skip
    assert not {"Authorization", "Cookie", "X-Real-Ip", "X-Real-IP"} & {h for row in seen for h in row[3]}


def test_attempts_for_one_user_and_address_come_one_by_one(tmp_path: Path) -> None:
    now, most = {"count": 0}, []

    async def root(request: web.Request) -> web.Response:
        now["count"] += 1
        most.append(now["count"])
        await asyncio.sleep(0.02)
        now["count"] -= 1
        return await refuse_all(request)

    async def test(client: Any) -> None:
        async def attempt(user: str) -> None:
            await client.post(TICKET, data={"username": user, "password": "x"}, headers={"X-Real-IP": "192.0.2.1"})

        await asyncio.gather(*(attempt("same@pve") for _ in range(3)))
        assert max(most) == 1
        most.clear()
        await asyncio.gather(*(attempt(f"user{n}@pve") for n in range(9)))
        assert 1 < max(most) <= 4

    with_gate(tmp_path, root, test, refusal_s=0.01)


def test_without_the_root_process_it_says_so(tmp_path: Path) -> None:
    async def test(client: Any) -> None:
        answer = await client.post(TICKET, data={"username": "a", "password": "b"})
        assert answer.status == 500
        assert "systemctl status hostd" in answer.reason

    async def main() -> None:
        app = web.Application()
        LoginQueue(root_socket=str(tmp_path / "nobody")).add_routes(app)
        async with TestClient(TestServer(app)) as client:
            await test(client)

    asyncio.run(main())
