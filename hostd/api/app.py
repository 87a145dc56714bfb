"""The WSGI application: the same one in the unprivileged front and in the root process (DESIGN #8).

Routing, checks and envelopes are ours, so of Flask only its foundation is left: Werkzeug's request and response.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from werkzeug.wrappers import Request, Response

from hostd.access.expressions import require
from hostd.access.ids import token_or_none
from hostd.api import browse, preconditions, visible, wire
from hostd.api.context import Context, Services
from hostd.api.endpoint import Endpoint, Everyone
from hostd.api.errors import BadRequest, Busy, NotBuilt, PreconditionFailed, UnknownContent, reason_of, status_of
from hostd.api.router import Router
from hostd.api.sockets import REFUSAL
from hostd.core.errors import Changed, Denied, HostError, Invalid, NotAuthenticated
from hostd.core.schema import validate

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)
PREFIX = "/api2/"
# Slow calls (they run programs, or read much) at once: the rest of the server's threads stays free for all others.
SLOW_AT_ONCE = 8
METHODS = ("GET", "POST", "PUT", "DELETE")
HTML_TYPE = "text/html;charset=UTF-8"
HEADER_LINES, HEADER_BYTES, BODY_LIMIT = 64, 8 * 1024, 512 * 1024
# nginx takes chunks apart; it says so in a header of its own, which clients cannot set (debian/etc/nginx.conf)
CHUNKED = "HTTP_HOSTD_CHUNKED"
_NOT_KEPT = (("Cache-Control", "max-age=0"), ("Pragma", "no-cache"))


class Identify(Protocol):
    def __call__(self, request: Request, *, changes: bool) -> str:
        """The user whose credentials the request carries; NotAuthenticated otherwise.

        ``changes``: a ticket then needs its CSRF token beside it.
        """


Forward = Callable[[Request], Response]
Elsewhere = Callable[[Request, str, str], Response]  # request, node, user


def only_here(request: Request, node: str, user: str) -> Response:
    """Of a process that knows no other nodes."""
    raise HostError(f"no such cluster node '{node}'")


class Api:
    """One process's side of the API.

    ``forward`` passes a request of a privileged method on to the root process; None in the root process itself.
    ``elsewhere`` passes one on to the node that must execute it.
    """

    def __init__(
        self,
        endpoints: list[Endpoint],
        services: Services,
        identify: Identify,
        forward: Forward | None,
        elsewhere: Elsewhere = only_here,
    ) -> None:
        self.endpoints, self._elsewhere = endpoints, elsewhere
        self._router = Router(endpoints)
        self._services, self._identify, self._forward = services, identify, forward
        self._slow = threading.BoundedSemaphore(SLOW_AT_ONCE)

    def handle(self, request: Request, format: str, path: str) -> Response:
        """Answer one request; expected errors become their status, anything else is logged and becomes 500."""
        try:
            _check_limits(request)
            response = self._handle(request, format, path)
            if request.method != "GET":
                self._show(response)
            return response
        except HostError as err:
            return _failed(format, path, err)
        except Exception:
            mark = secrets.token_hex(4)
            log.exception("internal error %s in %s %s", mark, request.method, path)
            return _failed(format, path, HostError(f"internal error {mark}: the journal of this host has the details"))

    def _handle(self, request: Request, format: str, path: str) -> Response:
        found = self._router.match(request.method, path)
        endpoint, path_values = found if found else (None, {})
        changes = request.method != "GET"
        if endpoint is None:
            self._identify(request, changes=changes)
            raise NotBuilt(f"Method '{request.method} /{path.strip('/')}' not implemented")
        world = isinstance(endpoint.allow, Everyone) and endpoint.allow.name == "world"
        user = "" if world else self._identify(request, changes=changes)
        values = wire.merge(path_values, wire.parse_pairs(wire.decoded(request.query_string)), _body(request))
        ctx = Context(services=self._services, user=user)
        _authorise(endpoint, ctx, values)
        if endpoint.runs_on and (node := str(values[endpoint.runs_on])) not in (ctx.node, "localhost"):
            return self._elsewhere(request, node, user)
        if not endpoint.slow:
            return self._called(endpoint, ctx, request, format, path, values)
        if not self._slow.acquire(blocking=False):
            raise Busy(f"{SLOW_AT_ONCE} slow calls are running, which is as many as are allowed at once; try again")
        try:
            return self._called(endpoint, ctx, request, format, path, values)
        finally:
            self._slow.release()

    def _show(self, response: Response) -> None:
        """Have what a call has changed be seen by the next one; only the root process changes anything."""
        host = self._services.host
        if self._forward is None:
            visible.number(response, host.store)
        visible.wait(response, host.mirror)

    def _called(
        self, endpoint: Endpoint, ctx: Context, request: Request, format: str, path: str, values: dict[str, object]
    ) -> Response:
        """The answer of a method whose caller was checked; by the root process where it is privileged."""
        if endpoint.privileged and self._forward is not None:
            return self._forward(request)
        strict = preconditions.take_strict(endpoint, values)
        digest = preconditions.take_if_match(endpoint, request.headers.get("If-Match", ""), values)
        params = validate(endpoint.params, values, extra=endpoint.extra_parameters)
        try:
            result = endpoint(ctx, params)
        except Changed as err:
            if digest:
                raise PreconditionFailed(str(err)) from err
            raise
        if isinstance(result, Response):
            return result
        if format == "html":
            return _answer(200, "", browse.page(path, result, endpoint.returns), browse.CONTENT_TYPE)
        if format == "png":
            return _answer(200, "", _picture(result), "image/png")
        body = wire.success(format, result, endpoint.returns if strict else None)
        return preconditions.tagged(_answer(200, "", body, _content_type(format)), request, result)


def _check_limits(request: Request) -> None:
    """What the reference's server refuses before it looks at a request."""
    if request.headers.get("Transfer-Encoding") or request.environ.get(CHUNKED):
        raise NotBuilt("chunked transfer encoding not supported")
    sizes = [len(k) + len(v) for k, v in request.environ.items() if k.startswith("HTTP_")]
    if len(sizes) > HEADER_LINES:
        raise BadRequest(f"too many http header lines (> {HEADER_LINES})")
    if sum(sizes) > HEADER_BYTES:
        raise BadRequest(f"http header too large (> {HEADER_BYTES} bytes)")
    if (request.content_length or 0) > BODY_LIMIT:
        raise NotBuilt("for data too large")
    if request.method == "GET" and request.content_length:
        raise NotBuilt("request body not allowed with method 'GET'")


def _body(request: Request) -> dict[str, object]:
    """Parameters of the body. DELETE may have a form too (the reference wants its parameters in the query)."""
    if not request.content_length:
        return {}
    body = wire.parse_body(request.headers.get("Content-Type", ""), request.get_data(cache=True))
    if body is None:
        raise UnknownContent(f"upgrade to a supported content type; got '{request.headers.get('Content-Type')}'")
    return body


def _authorise(endpoint: Endpoint, ctx: Context, values: dict[str, object]) -> None:
    if not endpoint.tokens and token_or_none(ctx.user):
        raise Denied("Permission check failed (this method is not for API tokens; log in instead)")
    require(endpoint.allow, ctx.services.authority.rights, ctx.user, values)


def _picture(result: object) -> bytes:
    """The picture in an answer, which has one character for each of its bytes."""
    if not isinstance(result, dict) or not isinstance(result.get("image"), str):
        raise NotBuilt("this method draws no picture; ask for it in format json")
    image: str = result["image"]
    return image.encode("latin-1")


def _failed(format: str, path: str, error: HostError) -> Response:
    status = status_of(error)
    message = str(error)
    if format == "png":
        format = "json"  # there are no pictures of errors
    errors = error.errors if isinstance(error, Invalid) else {}
    if format == "html":
        return _answer(status, message, browse.error_page(path, status, message, errors), browse.CONTENT_TYPE)
    before_dispatch = isinstance(error, NotAuthenticated | NotBuilt | BadRequest)
    if format != "json" and before_dispatch:
        return _answer(status, message, b"")
    body = wire.failure(format, status, message, errors)
    shown = format == "json"
    return _answer(status if shown else 200, message if shown else "", body, _content_type(format))


def _content_type(format: str) -> str:
    return HTML_TYPE if format == "htmljs" else wire.JSON_TYPE


def _answer(status: int, message: str, body: bytes, content_type: str = wire.JSON_TYPE) -> Response:
    headers = [("Content-Type", content_type), ("Expires", _now(int(time.time()))), *_NOT_KEPT]
    return Response(body, f"{status} {reason_of(message)}" if message else "200 OK", headers)


@lru_cache(maxsize=1)
def _now(second: int) -> str:
    return formatdate(second, usegmt=True)


def create_app(api: Api) -> WSGIApplication:
    """The WSGI application (PEP 3333) around an ``Api``; a test makes its own."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        response = _dispatch(api, request)
        if response.status_code == 401:  # nginx lets hostd-stream answer it later (stream.REFUSAL)
            response.headers[REFUSAL] = response.status.partition(" ")[2]
        return response(environ, start_response)

    return application


def _dispatch(api: Api, request: Request) -> Response:
    path = request.path.removeprefix("/")
    if request.method not in METHODS:
        return _answer(501, f"method '{request.method}' not available", b"")
    prefix = PREFIX.strip("/")
    format, _, rest = path.removeprefix(prefix).strip("/").partition("/")
    known = path.startswith(prefix) and format in wire.FORMATS
    if not known or (format in wire.READ_ONLY and request.method != "GET"):
        return _answer(501, f"no formatter for uri /{path}", b"")
    return api.handle(request, format, rest)
