"""Requests that hostd-stream passes on to the root process, and its answers back; the event loop goes on meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hostd.core.errors import Unavailable

if TYPE_CHECKING:
    from aiohttp import web
    from yarl import URL


async def pass_on(
    path: str, method: str, url: URL, body: bytes, headers: Mapping[str, str], *, timeout_s: float
) -> web.Response:
    """The answer of the process that listens on the unix socket ``path``. Raises Unavailable."""
    from aiohttp import ClientError, ClientSession, ClientTimeout, UnixConnector, web

    try:
        async with (
            ClientSession(connector=UnixConnector(path=path), timeout=ClientTimeout(total=timeout_s)) as session,
            session.request(method, f"http://localhost{url}", data=body or None, headers=headers) as answer,
        ):
            return web.Response(
                status=answer.status,
                reason=answer.reason,
                body=await answer.read(),
                headers={"Content-Type": answer.headers.get("Content-Type", "text/plain")},
            )
    except (ClientError, OSError, TimeoutError) as err:
        why = f"the host's root process does not answer ({type(err).__name__}); see 'systemctl status hostd'"
        raise Unavailable(why) from err
