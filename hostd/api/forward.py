"""Passes a request on to the root process over its unix socket, with the caller's own credentials and nothing else."""

from __future__ import annotations

from werkzeug.wrappers import Request, Response

from hostd.api import sockets, visible
from hostd.api.unixhttp import ask_root

TIMEOUT_S = 60
# What the root process may see of a request; identity headers that a client made up are not among it.
PASSED_ON = (
    "Cookie",
    "Authorization",
    "CSRFPreventionToken",
    "Content-Type",
    "User-Agent",
    "If-Match",
    "If-None-Match",
)
PASSED_BACK = ("ETag", visible.HEADER)


def target_of(request: Request) -> str:
    """Path and query as they came, escapes and all."""
    return str(request.environ.get("REQUEST_URI") or request.full_path.rstrip("?"))


class RootForward:
    """``forward(request) -> response`` for the front's ``Api``."""

    def __init__(self, path: str = sockets.ROOT) -> None:
        self._path = path

    def __call__(self, request: Request) -> Response:
        headers = {name: value for name in PASSED_ON if (value := request.headers.get(name)) is not None}
        answer = ask_root(
            request.method,
            target_of(request),
            headers=headers,
            body=request.get_data(cache=True) or None,
            timeout_s=TIMEOUT_S,
            path=self._path,
        )
        saved_as = [("Content-Disposition", name) for name in answer.headers.get_all("Content-Disposition", [])]
        response = Response(
            answer.body, headers=saved_as, content_type=answer.headers.get("Content-Type", "text/plain")
        )
        response.status = f"{answer.status} {answer.reason}"
        for name in PASSED_BACK:
            if (value := answer.headers.get(name)) is not None:
                response.headers[name] = value
        return response
