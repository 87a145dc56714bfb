"""Asking the root process over its unix socket; without werkzeug, as hostd-stream uses it too."""

from __future__ import annotations

import http.client
from urllib.parse import quote

from hostd.access import tokens
from hostd.api import sockets
from hostd.api.unixhttp import UnixConnection
from hostd.core.errors import NotAuthenticated, Unavailable

TIMEOUT_S = 10


def ask_root(authorization: str, *, path: str = sockets.ROOT) -> str:
    """The root process's verdict on an API token: the token's id. Raises NotAuthenticated, Unavailable.

    Asked by a call that anybody with a valid token may make; its answer is of no interest.
    """
    found = tokens.from_header(authorization)
    if found is None:
        raise NotAuthenticated("No ticket")
    connection = UnixConnection(path, TIMEOUT_S)
    try:
        connection.request("GET", "/api2/json/version", headers={"Authorization": quote(authorization)})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as err:
        raise Unavailable(f"the host's root process does not answer ({err}); see 'systemctl status hostd'") from err
    finally:
        connection.close()
    if answer.status != 200:
        raise NotAuthenticated("invalid token value!" if answer.status == 401 else answer.reason)
    return found[0]
