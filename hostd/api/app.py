"""The WSGI application: the same one in the unprivileged front and in the root process (DESIGN #8).

Routing, checks and envelopes are ours, so of Flask only its foundation is left: Werkzeug's request and response.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from werkzeug.wrappers import Request, Response

from hostd.api import wire
from hostd.api.context import Context, Services
from hostd.api.endpoint import Check, Endpoint, Everyone, RootOnly
from hostd.api.errors import NotBuilt, UnknownContent, reason_of, status_of
from hostd.api.router import Router
from hostd.api.sockets import REFUSAL
from hostd.core.errors import Denied, HostError, Invalid, NotAuthenticated
from hostd.core.schema import validate

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)
PREFIX = "/api2/"
METHODS = ("GET", "POST", "PUT", "DELETE")
CONTENT_TYPE = "application/json;charset=UTF-8"
BODY_LIMIT = 512 * 1024


class Identify(Protocol):
    def __call__(self, request: Request, *, changes: bool) -> str:
        """The user whose credentials the request carries; NotAuthenticated otherwise.

        ``changes``: a ticket then needs its CSRF token beside it.
        """


Forward = Callable[[Request], Response]


class Api:
    """One process's side of the API.

    ``forward`` passes a request of a privileged method on to the root process; None in the root process itself.
    """

    def __init__(
        self, endpoints: list[Endpoint], services: Services, identify: Identify, forward: Forward | None
    ) -> None:
        self.endpoints = endpoints
        self._router = Router(endpoints)
        self._services, self._identify, self._forward = services, identify, forward

    def handle(self, request: Request, format: str, path: str) -> Response:
        """Answer one request; expected errors become their status, anything else is logged and becomes 500."""
        try:
            return self._handle(request, format, path)
        except HostError as err:
            return _failed(format, err)
        except Exception:
            mark = secrets.token_hex(4)
            log.exception("internal error %s in %s %s", mark, request.method, path)
            return _failed(format, HostError(f"internal error {mark}: the journal of this host has the details"))

    def _handle(self, request: Request, format: str, path: str) -> Response:
        found = self._router.match(request.method, path)
        endpoint, path_values = found if found else (None, {})
        changes = request.method != "GET"
        if endpoint is None:
            self._identify(request, changes=changes)
            raise NotBuilt(f"Method '{request.method} /{path.strip('/')}' not implemented")
        world = isinstance(endpoint.allow, Everyone) and endpoint.allow.name == "world"
        user = "" if world else self._identify(request, changes=changes)
        values = wire.merge(
            path_values, wire.parse_pairs(request.query_string.decode(errors="replace")), _body(request)
        )
        ctx = Context(services=self._services, user=user)
        _authorise(endpoint, ctx, values)
        if endpoint.runs_on and (node := str(values[endpoint.runs_on])) not in (ctx.node, "localhost"):
            raise HostError(f"no such cluster node '{node}'")
        if endpoint.privileged and self._forward is not None:
            return self._forward(request)
        params = validate(endpoint.params, values, extra=endpoint.extra_parameters)
        result = endpoint(ctx, params)
        return result if isinstance(result, Response) else _answer(200, "", wire.success(format, result))


def _body(request: Request) -> dict[str, object]:
    if request.method in ("GET", "DELETE") and not request.content_length:
        return {}
    if (request.content_length or 0) > BODY_LIMIT:
        raise NotBuilt("for data too large")
    body = wire.parse_body(request.headers.get("Content-Type", ""), request.get_data(cache=True))
    if body is None:
        raise UnknownContent(f"upgrade to a supported content type; got '{request.headers.get('Content-Type')}'")
    return body


def _authorise(endpoint: Endpoint, ctx: Context, values: dict[str, object]) -> None:
    allow = endpoint.allow
    if isinstance(allow, RootOnly) and ctx.user != "root@pam":
        raise Denied("Permission check failed (user != root@pam)")
    if isinstance(allow, Check):
        path = allow.path
        for name, value in values.items():
            path = path.replace(f"{{{name}}}", str(value))
        if not ctx.may(path, *allow.privileges, any_of=allow.any_of):
            raise Denied(f"Permission check failed ({path}, {'|'.join(allow.privileges)})")


def _failed(format: str, error: HostError) -> Response:
    status = status_of(error)
    message = str(error)
    errors = error.errors if isinstance(error, Invalid) else {}
    body = wire.failure(format, status, message, errors)
    if isinstance(error, NotAuthenticated) or (isinstance(error, NotBuilt) and format != "json"):
        return _answer(status, message, b"" if format == "extjs" else body)
    return _answer(200 if format == "extjs" else status, "" if format == "extjs" else message, body)


def _answer(status: int, message: str, body: bytes) -> Response:
    response = Response(body, content_type=CONTENT_TYPE)
    response.status = f"{status} {reason_of(message)}" if message else "200 OK"
    return response


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
    format, _, rest = path.removeprefix(PREFIX.strip("/")).strip("/").partition("/")
    if not path.startswith(PREFIX.strip("/")) or format not in wire.FORMATS:
        return _answer(501, f"no formatter for uri /{path}", b"")
    return api.handle(request, format, rest)
