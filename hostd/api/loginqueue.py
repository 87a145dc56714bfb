"""Log-ins take their time without holding a thread: they queue in hostd-stream's event loop.

nginx sends log-ins to hostd-stream. It lets few at a time through to the root process, as each costs a password hash,
makes those wait whose user failed from that address before, and holds a refusal back until three seconds after its
request came (clients know it so from the reference, and it takes the speed out of guessing). What it forwards, the
root process checks itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from hostd.access.throttle import Key, Throttle
from hostd.api import sockets, wire
from hostd.api.passing import pass_on
from hostd.core.errors import HostError, Unavailable

if TYPE_CHECKING:
    from aiohttp import web

ADDRESS: Final = "X-Real-IP"  # set by nginx in the location of log-ins, and only there
_AT_ONCE: Final = 4  # of the root process's eight threads; more than PAM's workers would only queue there
_PATIENCE_S: Final = 60
_BODY_LIMIT: Final = 512 * 1024
# More refusals than this wait at no time; further ones leave at once, as waiting costs nginx two connections each.
_WAITING: Final = 1000
_METHODS: Final = ("GET", "POST", "PUT", "DELETE")
_PASSED_ON: Final = ("Content-Type", "User-Agent")


class LoginQueue:
    """The queue of log-ins. ``clock`` is monotonic."""

    def __init__(
        self,
        *,
        root_socket: str = sockets.ROOT,
        clock: Callable[[], float] = time.monotonic,
        refusal_s: float = sockets.REFUSAL_S,
    ) -> None:
        self._root_socket, self._clock, self._refusal_s = root_socket, clock, refusal_s
        self._throttle = Throttle()
        self._turns: dict[Key, asyncio.Lock] = {}
        self._hashing = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    def add_routes(self, app: web.Application) -> None:
        """Log-ins, doubled slashes and all, as the API ignores those."""
        app.router.add_route("*", "/{path:/*api2/+[a-z]+/+access/+ticket/*}", self.login)

    async def login(self, request: web.Request) -> web.Response:
        """Pass a log-in on to the root process, in its turn."""
        from aiohttp import web

        started_s = self._clock()
        if request.method not in _METHODS:  # aiohttp's "<unknown>" among them, which its client refuses to send on
            return web.Response(status=501, reason="method not available")
        if request.method != "POST":
            return await self._forward(request, b"")
        body = await _body(request)
        key = (_user(request, body), request.headers.get(ADDRESS, ""))
        async with self._turn(key):
            await asyncio.sleep(self._throttle.wait_s(key, now_s=self._clock()))
            async with self._hashing:
                answer = await self._forward(request, body)
            if answer.status == 401:
                self._throttle.failed(key, now_s=self._clock())
            elif answer.status == 200:
                self._throttle.succeeded(key)
        if answer.status == 401:
            await self._sleep_until(started_s + self._refusal_s)
        return answer

    @contextlib.asynccontextmanager
    async def _turn(self, key: Key) -> Any:
        """Attempts for one user from one address come one after the other, or many at once would escape the wait."""
        lock = self._turns.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and not getattr(lock, "_waiters", None):
                self._turns.pop(key, None)

    async def _sleep_until(self, until_s: float) -> None:
        if self._waiting >= _WAITING:
            return
        self._waiting += 1
        try:
            await asyncio.sleep(max(0.0, until_s - self._clock()))
        finally:
            self._waiting -= 1

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        from aiohttp import web

        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        try:
            return await pass_on(
                self._root_socket, request.method, request.rel_url, body, headers, timeout_s=_PATIENCE_S
            )
        except Unavailable as err:
            failed = wire.failure("json", 500, str(err), {})
            return web.Response(status=500, reason=str(err), body=failed, headers={"Content-Type": wire.JSON_TYPE})


async def _body(request: web.Request) -> bytes:
    """The body, as far as any log-in can be long; the root process tells what is wrong with a longer one."""
    found = b""
    async for chunk in request.content.iter_chunked(65536):
        found += chunk
        if len(found) > _BODY_LIMIT:
            break
    return found


def _user(request: web.Request, body: bytes) -> str:
    """Whose log-in it is, as text to count failures by; "" where it cannot be told."""
    try:
        values = wire.parse_body(request.headers.get("Content-Type", ""), body) or {}
    except HostError:
        values = {}
    values |= dict(request.query)
    name, realm = str(values.get("username", "")), str(values.get("realm", ""))
    return (name if "@" in name else f"{name}@{realm or 'pam'}")[:128]
