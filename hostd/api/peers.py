"""Calls whose node is another one: passed on to it once, over HTTPS, with the caller's own credentials.

The node that is asked checks them, and the permission, itself.
"""

from __future__ import annotations

import http.client
import logging
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPResponse
from typing import Final

from werkzeug.wrappers import Request, Response

from hostd.access.ids import ROOT
from hostd.api import visible
from hostd.api.errors import NodeFailed
from hostd.api.forward import PASSED_ON, target_of
from hostd.api.hops import HOP, member_for
from hostd.api.peerhttp import PORT, TIMEOUT_S, Idle, PeerConnection
from hostd.api.slots import Slot, Slots
from hostd.cluster.standing import Member
from hostd.cluster.store import Mirror
from hostd.node.pins import pinned

log = logging.getLogger(__name__)

PASSED_BACK: Final = (
    "Content-Type",
    "ETag",
    "Content-Disposition",
    "Cache-Control",
    "Pragma",
    "Expires",
    visible.HEADER,
)
# Of the API's sixteen threads: four stay free for this node's own calls even while several nodes hang.
PER_NODE, TOTAL = 8, 12
# An answer up to this size is read whole before it is passed back, so that its failure can be told.
WHOLE_BYTES: Final = 256 << 10
CHUNK_BYTES: Final = 64 << 10

Credentials = Callable[[], Mapping[str, str]]


class Peers:
    """``peers(request, node, user) -> response``.

    ``credentials``: headers for ``root@pam`` where it brought none, which only root's own socket allows.
    """

    def __init__(self, mirror: Mirror, *, credentials: Credentials | None = None, port: int = PORT) -> None:
        self._mirror, self._credentials, self._port = mirror, credentials, port
        self._slots, self._idle = Slots(per_node=PER_NODE, total=TOTAL), Idle()

    def __call__(self, request: Request, node: str, user: str) -> Response:
        """Raises HostError (no such node, second hop), Busy, NodeAway, NodeFailed."""
        member = member_for(self._mirror, node, hopped=HOP in request.headers)
        slot = self._slots.take(node)
        try:
            connection, answer = self._ask(request, member, self._headers(request, user))
            return self._passed_back(node, connection, answer, slot)
        except BaseException:
            slot.give()
            raise

    def _headers(self, request: Request, user: str) -> dict[str, str]:
        found = {name: value for name in PASSED_ON if (value := request.headers.get(name)) is not None}
        if self._credentials is not None and user == ROOT and not found.keys() & {"Cookie", "Authorization"}:
            found |= self._credentials()
        return found | {HOP: "true"}

    def _ask(self, request: Request, member: Member, headers: Mapping[str, str]) -> tuple[PeerConnection, HTTPResponse]:
        pins = pinned(self._mirror, member.name)
        if (kept := self._idle.take(member.name, pins)) is not None:
            try:
                return kept, self._exchange(request, kept, headers)
            except ConnectionError as err:
                kept.close()
                if request.method != "GET":  # the node may have begun with it
                    raise self._failed(member.name, err) from err
        connection = PeerConnection(member.name, member.addresses, pins, self._port)
        try:
            return connection, self._exchange(request, connection, headers)
        except NodeFailed as err:
            if isinstance(err.__cause__, TimeoutError):
                self._slots.timed_out(member.name)
            raise
        except ConnectionError as err:
            connection.close()
            raise self._failed(member.name, err) from err

    def _exchange(self, request: Request, connection: PeerConnection, headers: Mapping[str, str]) -> HTTPResponse:
        """Raises ConnectionError when the connection ended, NodeAway, NodeFailed."""
        node = connection.host
        try:
            body = request.get_data(cache=True) or None
            connection.request(request.method, target_of(request), body=body, headers=dict(headers))
            answer = connection.getresponse()
        except ConnectionError:
            raise
        except (OSError, http.client.HTTPException) as err:
            connection.close()
            raise self._failed(node, err) from err
        self._slots.answered(node)
        return answer

    def _failed(self, node: str, error: Exception) -> NodeFailed:
        if isinstance(error, TimeoutError):
            self._slots.timed_out(node)
            text = f"Connection timed out: node '{node}' did not answer within {TIMEOUT_S:g} s"
        else:
            text = f"node '{node}' did not answer: {type(error).__name__}: {error}"
        log.warning("%s", text)
        return NodeFailed(text)

    def _passed_back(self, node: str, connection: PeerConnection, answer: HTTPResponse, slot: Slot) -> Response:
        body = _Body(answer, lambda: self._end(node, connection, answer, slot))
        if answer.length is not None and answer.length <= WHOLE_BYTES:
            try:
                response = Response(b"".join(body))
            except (OSError, http.client.HTTPException) as err:
                connection.close()
                raise self._failed(node, err) from err
            finally:
                body.close()
        else:
            response = Response(body, direct_passthrough=True)
            if answer.length is not None:
                response.content_length = answer.length
        response.status = f"{answer.status} {answer.reason}"
        for name in PASSED_BACK:
            if (value := answer.headers.get(name)) is not None:
                response.headers[name] = value
        return response

    def _end(self, node: str, connection: PeerConnection, answer: HTTPResponse, slot: Slot) -> None:
        """The answer was read, or its reader has gone."""
        if answer.isclosed() and not answer.length:
            self._idle.give(node, connection)
        else:
            connection.close()
        slot.give()


class _Body(Iterator[bytes]):
    """An answer's body in pieces; ``close`` (PEP 3333) in any case ends with ``done``, once."""

    def __init__(self, answer: HTTPResponse, done: Callable[[], None]) -> None:
        self._answer, self._done = answer, done
        self._closed = False

    def __next__(self) -> bytes:
        data = self._answer.read(CHUNK_BYTES)
        if not data and self._answer.length:
            raise http.client.IncompleteRead(b"", self._answer.length)
        if not data:
            raise StopIteration
        return data

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._done()
