"""Consoles and uploads of another node, passed through to it over real TLS."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData, WSMsgType, WSServerHandshakeError, web
from aiohttp.test_utils import TestClient, TestServer

from hostd.access import keys, tickets
from hostd.access.authority import Authority
from hostd.api import streampeers
from hostd.api.stream import Streams
from hostd.api.streampeers import StreamPeers
from hostd.cluster.standing import Member, Standing
from hostd.cluster.store import MemoryStore
from tests.lib import tlspeer
from tests.lib.tlspeer import Keys

NOW = 1_700_000_000
KEY = tickets.make_key()
CONSOLE = "/api2/json/nodes/beta/qemu/100/vncwebsocket"
UPLOAD = "/api2/json/nodes/beta/storage/local/upload"
CLUSTER = tlspeer.Authority()
BETA, OTHER = CLUSTER.node("beta"), CLUSTER.node("beta")


def joined(*addresses: str, online: bool = True) -> Standing:
    beta = Member("beta", 2, addresses[0], online=online, others=addresses[1:])
    return Standing(version=2, name="lab", config=2, quorate=True, members=(beta,))


def cookie(user: str = "root@pam") -> dict[str, str]:
    return {"Cookie": f"PVEAuthCookie={tickets.sign(KEY, user, now_s=NOW)}"}


class Nodes:
    """alpha, asked by ``client``, and beta behind TLS, each with the same tree."""

    def __init__(self, folder: Path, shown: Keys = BETA) -> None:
        self.folder, self.shown = folder, shown
        self.stores = {name: MemoryStore(name) for name in ("alpha", "beta")}
        for store in self.stores.values():
            store.write(keys.VERIFYING, tickets.public_part(KEY))
            store.write(keys.CSRF, b"csrf")
            store.write("user.cfg", b"user:joe@pve:1:\n")
            store.mkdir("nodes/beta", parents=True)
            store.write("nodes/beta/pve-ssl.pem", BETA.pem)
            store.join(joined("127.0.0.1"))
        self.client: Any = None

    def streams(self, name: str, port: int) -> Streams:
        mirror = self.stores[name].mirror()
        return Streams(
            mirror,
            Authority(mirror),
            clock=lambda: NOW,
            place=lambda number: str(self.folder / str(number)),
            uploads=str(self.folder),
            root_socket=str(self.folder / "root"),
            refusal_s=0.05,
            peers=StreamPeers(name, mirror, port=port),
        )

    def run(self, test: Callable[[Nodes], Awaitable[None]]) -> None:
        async def main() -> None:
            runner = web.AppRunner(self.streams("beta", 1).application())
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.shown.context(self.folder / "tls"))
            await site.start()
            port = runner.addresses[0][1]
            async with TestClient(TestServer(self.streams("alpha", port).application())) as self.client:
                await test(self)
            await runner.cleanup()

        asyncio.run(main())


def query(user: str = "root@pam", port: int = 5900) -> dict[str, str]:
    return {"port": str(port), "vncticket": tickets.sign_console(KEY, user, "/vms/100", port, now_s=NOW)}


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        if data == b"end":
            break
        writer.write(data.upper())
    writer.close()


def test_a_console_of_another_node_is_bridged_both_ways(tmp_path: Path) -> None:
    async def test(nodes: Nodes) -> None:
        server = await asyncio.start_unix_server(shout, str(tmp_path / "5900"))
        connect = nodes.client.ws_connect(CONSOLE, params=query(), headers=cookie(), protocols=("binary",))
        async with connect as there:
            assert there.protocol == "binary"
            await there.send_bytes(b"hello")
            message = await there.receive()
            assert (message.type, message.data) == (WSMsgType.BINARY, b"HELLO")
            await there.send_str("text")
            assert (await there.receive()).data == b"TEXT"
            await there.send_bytes(b"end")
            assert (await there.receive()).type is WSMsgType.CLOSE
        server.close()

    nodes = Nodes(tmp_path)
    nodes.stores["alpha"].join(joined("127.0.0.9", "127.0.0.1"))  # nobody at the first address
    nodes.run(test)


def test_the_other_end_is_told_when_the_browser_leaves(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()
        writer.close()

    async def test(nodes: Nodes) -> None:
        server = await asyncio.start_unix_server(wait, str(tmp_path / "5900"))
        async with nodes.client.ws_connect(CONSOLE, params=query(), headers=cookie()):
            pass
        await asyncio.wait_for(ended.wait(), 10)
        server.close()

    Nodes(tmp_path).run(test)


def test_what_the_other_node_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    async def test(nodes: Nodes) -> None:
        nodes.stores["beta"].write("user.cfg", b"user:joe@pve:0:\n")
        answer = await nodes.client.get(CONSOLE, params=query("joe@pve"), headers=cookie("joe@pve"))
        assert (answer.status, answer.reason) == (401, "user 'joe@pve' does not exist, is disabled or expired")
        with pytest.raises(WSServerHandshakeError) as refused:
            await nodes.client.ws_connect(CONSOLE, params=query("joe@pve"), headers=cookie())
        assert refused.value.status == 401, "a ticket of somebody else goes nowhere"

    Nodes(tmp_path).run(test)


def form(size: int = 7) -> FormData:
    data = FormData()
    data.add_field("content", "iso")
    data.add_field("filename", io.BytesIO(b"x" * size), filename="a.iso")
    return data


def test_an_upload_is_passed_on_as_it_comes(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    async def root(request: web.Request) -> web.Response:
        fields = dict(await request.post())
        seen["size"] = len(Path(str(fields["tmpfilename"])).read_bytes())
        return web.json_response({"data": "UPID:beta:x"})

    async def test(nodes: Nodes) -> None:
        app = web.Application()
        app.router.add_post(UPLOAD, root)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.UnixSite(runner, str(tmp_path / "root")).start()
        answer = await nodes.client.post(UPLOAD, data=form(3_000_000), headers=cookie())
        assert (answer.status, await answer.json()) == (200, {"data": "UPID:beta:x"})
        assert seen["size"] == 3_000_000
        assert [p.name for p in tmp_path.glob("pveupload-*")] == []
        await runner.cleanup()

    Nodes(tmp_path).run(test)


@pytest.mark.parametrize("method", ["console", "upload"])
def test_it_goes_to_members_that_are_there_once_and_with_their_certificate(tmp_path: Path, method: str) -> None:
    async def status(nodes: Nodes, **more: str) -> tuple[int, str]:
        headers = cookie() | more
        if method == "upload":
            answer = await nodes.client.post(UPLOAD, data=form(), headers=headers)
        else:
            answer = await nodes.client.get(CONSOLE, params=query(), headers=headers)
        return answer.status, answer.reason

    async def test(nodes: Nodes) -> None:
        assert (await status(nodes))[0] == 596, "the certificate is not the one in the tree"
        assert await status(nodes, PVEDisableProxy="true") == (500, "proxy loop detected")
        nodes.stores["alpha"].join(joined("127.0.0.9"))
        assert (await status(nodes))[0] == 595
        nodes.stores["alpha"].join(joined("127.0.0.1", online=False))
        assert (await status(nodes))[0] == 595
        nodes.stores["alpha"].join(None)
        assert await status(nodes) == (500, "no such cluster node 'beta'")

    Nodes(tmp_path, shown=OTHER).run(test)


def test_so_many_uploads_go_to_one_node_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streampeers, "UPLOADS", 0)

    async def test(nodes: Nodes) -> None:
        answer = await nodes.client.post(UPLOAD, data=form(), headers=cookie())
        assert answer.status == 503

    Nodes(tmp_path).run(test)
