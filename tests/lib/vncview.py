"""A VNC viewer's half of the protocol (RFC 6143), for tests: what is on the screen, read back as text."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from hostd.guests.vncterm.pixels import HEXTILE, RAW
from hostd.guests.vncterm.psf import Font
from tests.lib.apiclient import Api

Read = Callable[[int], Awaitable[bytes]]
CELL = (8, 16)


@dataclass
class Screen:
    """``pixels``: by place, as they came; ``bytes``: of one."""

    width: int
    height: int
    bytes: int = 4
    pixels: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def fill(self, x: int, y: int, width: int, height: int, pixel: bytes) -> None:
        for row in range(y, y + height):
            for column in range(x, x + width):
                self.pixels[column, row] = pixel

    async def take(self, read: Read) -> int:
        """One update; how many rectangles it had."""
        kind, count = struct.unpack(">BxH", await read(4))
        assert kind == 0
        for _ in range(count):
            x, y, width, height, encoding = struct.unpack(">4Hi", await read(12))
            assert x + width <= self.width
            assert y + height <= self.height
            await {RAW: self._raw, HEXTILE: self._hextile}[encoding](read, x, y, width, height)
        return int(count)

    async def _raw(self, read: Read, x: int, y: int, width: int, height: int) -> None:
        data = await read(width * height * self.bytes)
        for n in range(width * height):
            self.pixels[x + n % width, y + n // width] = data[n * self.bytes : (n + 1) * self.bytes]

    async def _hextile(self, read: Read, x: int, y: int, width: int, height: int) -> None:
        back = fore = b""
        for top in range(y, y + height, 16):
            for left in range(x, x + width, 16):
                size = min(16, x + width - left), min(16, y + height - top)
                (mask,) = await read(1)
                assert not mask & 1, "no raw tiles are sent"
                back = await read(self.bytes) if mask & 2 else back
                fore = await read(self.bytes) if mask & 4 else fore
                self.fill(left, top, *size, back)
                for _ in range((await read(1))[0] if mask & 8 else 0):
                    ink = await read(self.bytes) if mask & 16 else fore
                    at, extent = await read(2)
                    part = (left + (at >> 4), top + (at & 15), (extent >> 4) + 1, (extent & 15) + 1)
                    assert part[0] + part[2] <= left + size[0]
                    assert part[1] + part[3] <= top + size[1]
                    self.fill(*part, ink)

    def lines(self, font: Font) -> list[str]:
        """What can be read; "#" where it is no letter of the font. What a cell has most of is its ground."""
        letters = {font.glyph(each): each for each in map(chr, range(126, 31, -1))}
        letters |= {bytes(byte ^ 0xFF for byte in glyph): each for glyph, each in letters.items()}
        return [
            "".join(letters.get(self._glyph(x, y), "#") for x in range(0, self.width, CELL[0])).rstrip()
            for y in range(0, self.height, CELL[1])
        ]

    def _glyph(self, x: int, y: int) -> bytes:
        cell = [[self.pixels[x + column, y + row] for column in range(CELL[0])] for row in range(CELL[1])]
        ground = cell[0][0]  # letters leave the first line free
        return bytes(sum(0x80 >> n for n, pixel in enumerate(row) if pixel != ground) for row in cell)


def ask(*, incremental: bool) -> bytes:
    """For an update of all of it."""
    return struct.pack(">BB4H", 3, incremental, 0, 0, 0xFFFF, 0xFFFF)


def key(keysym: int) -> bytes:
    """One that is pressed and let go."""
    return b"".join(struct.pack(">BBxxI", 4, down, keysym) for down in (1, 0))


def typed(text: str) -> bytes:
    """Of letters and the Enter key."""
    return b"".join(key(0xFF0D if each == "\n" else ord(each)) for each in text)


async def watch(api: Api, base: str, opened: dict[str, Any], font: Font, steps: list[tuple[str, str]]) -> list[str]:
    """For each step wait until a line begins with the first text, then type the second. The lines in the end.

    ``opened``: what ``vncproxy`` or ``vncshell`` answered. Without a viewer's password, by hextile.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    query = {"port": str(opened["port"]), "vncticket": opened["ticket"]}
    heard = b""
    async with (
        aiohttp.ClientSession(cookies={"PVEAuthCookie": api.ticket}) as session,
        session.ws_connect(f"{api.url}/api2/json{base}/vncwebsocket", params=query, ssl=context) as socket,
    ):

        async def read(size: int) -> bytes:
            nonlocal heard
            while len(heard) < size:
                heard += (await socket.receive(timeout=60)).data
            found, heard = heard[:size], heard[size:]
            return found

        assert await read(12) == b"RFB 003.008\n"
        await socket.send_bytes(b"RFB 003.008\n")
        assert await read(2) == b"\x01\x01"
        await socket.send_bytes(b"\x01")
        assert await read(4) == bytes(4)
        await socket.send_bytes(b"\x01")
        width, height, title = struct.unpack(">HH16xI", await read(24))
        await read(title)
        screen = Screen(width=width, height=height)
        await socket.send_bytes(struct.pack(">BxHi", 2, 1, HEXTILE) + ask(incremental=False))
        for awaited, text in steps:
            while True:
                await screen.take(read)
                await socket.send_bytes(ask(incremental=True))
                if any(line.startswith(awaited) for line in screen.lines(font)):
                    break
            await socket.send_bytes(typed(text))
    await asyncio.sleep(1)  # as in apiclient: TLS says goodbye after the session is closed
    return screen.lines(font)
