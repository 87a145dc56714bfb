"""The root process's verdict on API tokens, over its socket; without werkzeug, as hostd-stream uses it too."""

from __future__ import annotations

from urllib.parse import quote

from hostd.access import tokens
from hostd.api import sockets, unixhttp
from hostd.core.errors import NotAuthenticated

TIMEOUT_S = 10


def ask_verdict(authorization: str, *, path: str = sockets.ROOT) -> str:
    """The root process's verdict on an API token: the token's id. Raises NotAuthenticated, Unavailable.

    Asked by a call that anybody with a valid token may make; its answer is of no interest.
    """
    found = tokens.from_header(authorization)
    if found is None:
        raise NotAuthenticated("No ticket")
    header = {"Authorization": quote(authorization)}
    answer = unixhttp.ask_root("GET", "/api2/json/version", headers=header, timeout_s=TIMEOUT_S, path=path)
    if answer.status != 200:
        raise NotAuthenticated("invalid token value!" if answer.status == 401 else answer.reason)
    return found[0]
