"""Machines on a real node: what its QEMU can be, a start as another machine, a screen with a password."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from hostd.guests import rfb
from tests.lib.apiclient import Api
from tests.lib.inside import Inside

VM = 9410


@pytest.fixture
def base(api: Api) -> Iterator[str]:
    """A machine with nothing to boot, which is off; its path."""
    node = f"/nodes/{api.node}/qemu"
    api.wait(api.post(node, vmid=VM, name="starts", memory=64, kvm=0))
    try:
        yield f"{node}/{VM}"
    finally:
        api.wait(api.post(f"{node}/{VM}/status/stop"))
        api.wait(api.delete(f"{node}/{VM}"))


def test_what_is_told_can_be_started(api: Api) -> None:
    place = f"/nodes/{api.node}/capabilities/qemu"
    models = {row["name"] for row in api.get(f"{place}/cpu")}
    assert {"qemu64", "kvm64", "host", "max", "x86-64-v2-AES"} <= models
    types = api.get(f"{place}/machines")
    assert {row["type"] for row in types} == {"i440fx", "q35"}
    assert all(row["id"].endswith(row["version"]) for row in types)
    emulated = {row["name"]: row["supported-on"] for row in api.get(f"{place}/cpu-flags", accel="tcg")}
    assert emulated["aes"] == emulated["nested-virt"] == [api.node]
    assert emulated["hv-evmcs"] == []


def test_a_start_as_another_machine(api: Api, inside: Inside, base: str) -> None:
    before = api.get(f"{base}/config")
    oldest = min(row["id"] for row in api.get(f"/nodes/{api.node}/capabilities/qemu/machines") if row["type"] == "q35")
    api.wait(api.post(f"{base}/status/start", **{"machine": oldest, "force-cpu": "Nehalem,+aes"}))
    line = inside.shell(f"tr '\\0' ' ' < /proc/{api.get(f'{base}/status/current')['pid']}/cmdline")
    assert f"-machine {oldest}" in line
    assert line.rpartition("-cpu ")[2].split()[0] == "Nehalem,+aes"
    assert api.get(f"{base}/config") == before


async def look(api: Api, base: str, opened: dict[str, Any], password: str) -> bytes:
    """The security result that a viewer with this password gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    query = {"port": str(opened["port"]), "vncticket": opened["ticket"]}
    url = f"{api.url}/api2/json{base}/vncwebsocket"
    heard = b""
    async with (
        aiohttp.ClientSession(cookies={"PVEAuthCookie": api.ticket}) as session,
        session.ws_connect(url, params=query, ssl=context, protocols=("binary",)) as socket,
    ):

        async def exactly(size: int) -> bytes:
            nonlocal heard
            while len(heard) < size:
                heard += (await socket.receive(timeout=30)).data
            found, heard = heard[:size], heard[size:]
            return found

        assert await exactly(12) == b"RFB 003.008\n"
        await socket.send_bytes(b"RFB 003.008\n")
        assert await exactly(2) == b"\x01\x02"
        await socket.send_bytes(b"\x02")
        await socket.send_bytes(rfb.response(password.encode(), await exactly(16)))
        result = await exactly(4)
        if result == bytes(4):
            await socket.send_bytes(b"\x01")
            await exactly(24)  # ServerInit: it is the machine's own server that speaks now
    await asyncio.sleep(1)  # as in apiclient: TLS says goodbye after the session is closed
    return result


def test_a_screen_with_a_password(api: Api, base: str) -> None:
    api.wait(api.post(f"{base}/status/start"))
    for right, result in ((True, bytes(4)), (False, b"\0\0\0\x01")):
        opened = api.post(f"{base}/vncproxy", **{"generate-password": 1})
        word = opened["password"] if right else opened["password"][::-1] + "~"
        assert asyncio.run(look(api, base, opened, word)) == result
        assert api.wait(opened["upid"], ok=False).startswith("OK" if right else "wrong VNC password")
