"""Websockets and uploads: checked before anything is bridged or read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from hostd.access import keys, tickets
from hostd.access.authority import Authority
from hostd.api.stream import Streams
from hostd.cluster.store import MemoryStore
from hostd.core.errors import NotAuthenticated

NOW = 1_700_000_000
KEY = tickets.make_key()
CONSOLE = "/api2/json/nodes/alpha/qemu/100/vncwebsocket"
SHELL = "/api2/json/nodes/alpha/vncwebsocket"
UPLOAD = "/api2/json/nodes/alpha/storage/local/upload"


def cookie(user: str = "root@pam") -> dict[str, str]:
    return {"Cookie": f"PVEAuthCookie={tickets.sign(KEY, user, now_s=NOW)}"}


def with_client(tmp_path: Path, test: Callable[[Any], Awaitable[None]]) -> None:
    store = MemoryStore("alpha")
    store.write(keys.VERIFYING, tickets.public_part(KEY))
    store.write(keys.CSRF, b"csrf")
    store.write("user.cfg", b"user:x@pve:1:\nuser:stranger@pve:1:\n")
    mirror = store.mirror()
    streams = Streams(
        mirror,
        Authority(mirror),
        clock=lambda: NOW,
        place=lambda port: str(tmp_path / str(port)),
        uploads=str(tmp_path),
        root_socket=str(tmp_path / "root"),
        refusal_s=0.05,
    )

    async def main() -> None:
        async with TestClient(TestServer(streams.application())) as client:
            await test(client)

    asyncio.run(main())


@pytest.mark.parametrize(("place", "path"), [(CONSOLE, "/vms/100"), (SHELL, "/nodes/alpha")])
def test_a_console_is_bridged(tmp_path: Path, place: str, path: str) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data.upper())
        writer.close()

    async def test(client: Any) -> None:
        server = await asyncio.start_unix_server(echo, str(tmp_path / "5900"))
        ticket = tickets.sign_console(KEY, "root@pam", path, 5900, now_s=NOW)
        query = {"port": "5900", "vncticket": ticket}
        async with client.ws_connect(place, params=query, headers=cookie(), protocols=("binary",)) as socket:
            assert socket.protocol == "binary"
            await socket.send_str("hello")
            message = await socket.receive()
            assert (message.type, message.data) == (WSMsgType.BINARY, b"HELLO")
        server.close()

    with_client(tmp_path, test)


def test_a_ticket_for_a_guest_or_node_opens_no_other(tmp_path: Path) -> None:
    async def test(client: Any) -> None:
        for place, path in ((SHELL, "/vms/100"), (SHELL, "/nodes/beta"), (CONSOLE, "/nodes/alpha"), (SHELL, "/nodes")):
            ticket = tickets.sign_console(KEY, "root@pam", path, 5900, now_s=NOW)
            answer = await client.get(place, params={"port": "5900", "vncticket": ticket}, headers=cookie())
            assert answer.status == 401

    with_client(tmp_path, test)


@pytest.mark.parametrize(
    ("headers", "path", "port", "status"),
    [
        ({}, "/vms/100", "5900", 401),
        (cookie("x@pam"), "/vms/100", "5900", 401),
        (cookie(), "/vms/101", "5900", 401),
        (cookie(), "/vms/100", "5901", 401),
        (cookie(), "/vms/100", "22", 400),
    ],
)
def test_wrong_tickets_open_nothing(tmp_path: Path, headers: dict[str, str], path: str, port: str, status: int) -> None:
    async def test(client: Any) -> None:
        ticket = tickets.sign_console(KEY, "root@pam", path, 5900, now_s=NOW)
        answer = await client.get(CONSOLE, params={"port": port, "vncticket": ticket}, headers=headers)
        assert answer.status == status

    with_client(tmp_path, test)


def form(*fields: tuple[str, str], file: bytes | None = b"content") -> FormData:
    data = FormData()
    for name, value in fields:
        data.add_field(name, value)
    if file is not None:
        data.add_field("filename", file, filename="a.iso")
    return data


def test_an_upload_reaches_the_root_process(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    async def root(request: web.Request) -> web.Response:
        seen.update(await request.post())
        seen["csrf"] = request.headers["CSRFPreventionToken"]
        seen["bytes"] = Path(seen["tmpfilename"]).read_bytes()
        return web.json_response({"data": "UPID:x"})

    async def test(client: Any) -> None:
        app = web.Application()
        app.router.add_post(UPLOAD, root)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.UnixSite(runner, str(tmp_path / "root")).start()
        answer = await client.post(UPLOAD, data=form(("content", "iso")), headers=cookie())
        assert (answer.status, await answer.json()) == (200, {"data": "UPID:x"})
        await runner.cleanup()

    with_client(tmp_path, test)
    assert (seen["content"], seen["filename"], seen["bytes"]) == ("iso", "a.iso", b"content")
    tickets.verify_csrf(b"csrf", "root@pam", seen["csrf"], now_s=NOW)
    assert not Path(seen["tmpfilename"]).exists()


@pytest.mark.parametrize(
    ("headers", "data", "status"),
    [
        ({}, form(("content", "iso")), 401),
        (cookie("x@pve"), form(("content", "iso")), 403),
        (cookie(), form(("content", "iso"), file=None), 400),
        (cookie(), form(("other", "iso")), 500),
        (cookie(), b"plain", 400),
    ],
)
def test_bad_uploads_leave_nothing(tmp_path: Path, headers: dict[str, str], data: Any, status: int) -> None:
    async def test(client: Any) -> None:
        answer = await client.post(UPLOAD, data=data, headers=headers)
        assert answer.status == status

    with_client(tmp_path, test)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["multipart/form-data", 'multipart/form-data; boundary="\udcff"'])
@pytest.mark.parametrize(
    "data",
    [b"", b"nonsense", b"--b\r\nContent-Disposition: \0\xff\r\n\r\nx\r\n--b--\r\n"],
)
def test_forms_that_are_none_are_a_parameter_error(
    tmp_path: Path, kind: str, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(client: Any) -> None:
        answer = await client.post(UPLOAD, data=data, headers={**cookie(), "Content-Type": kind})
        assert (answer.status, list((await answer.json())["errors"])) == (400, ["filename"])

    with_client(tmp_path, test)
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in caplog.text


def test_an_api_token_opens_what_its_owner_may(tmp_path: Path) -> None:
    def root(authorization: str) -> str:
        if authorization != "PVEAPIToken=x@pve!ci=right":
            raise NotAuthenticated("invalid token value!")
        return "x@pve!ci"

    store = MemoryStore("alpha")
    store.write("user.cfg", b"user:x@pve:1:\ntoken:x@pve!ci:0:0:\n")
    mirror = store.mirror()
    streams = Streams(mirror, Authority(mirror), clock=lambda: NOW, uploads=str(tmp_path), ask=root)

    async def main() -> None:
        async with TestClient(TestServer(streams.application())) as client:
            for secret, status in (("right", 403), ("wrong", 401)):
                headers = {"Authorization": f"PVEAPIToken=x@pve!ci={secret}"}
                assert (await client.post(UPLOAD, data=form(("content", "iso")), headers=headers)).status == status

    asyncio.run(main())
