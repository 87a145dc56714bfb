"""The one place that knows the HTTP status of an error. The reference says 500 where others say 404 or 409."""

from __future__ import annotations

from hostd.core.errors import Denied, HostError, Invalid, NotAuthenticated, ParseError


class NotBuilt(HostError):
    """A path or method that this host does not serve (501)."""


class BadRequest(HostError):
    """A request that breaks a limit or the form of HTTP itself (400)."""


class PreconditionFailed(HostError):
    """``If-Match`` names another state than the present one (412; an addition of ours)."""


class Busy(HostError):
    """As many slow calls, or calls to another node, run as are allowed at once (503; an addition of ours)."""


class NodeAway(HostError):
    """Another node cannot be reached (595, as clients know it from the reference)."""


class NodeFailed(HostError):
    """Another node was reached, and then did not show its certificate, or did not answer (596)."""


class UnknownContent(HostError):
    """A content type that is not spoken here (506, as the reference says)."""


STATUS: tuple[tuple[type[HostError], int], ...] = (
    (Invalid, 400),
    (ParseError, 400),
    (NotAuthenticated, 401),
    (Denied, 403),
    (BadRequest, 400),
    (PreconditionFailed, 412),
    (NotBuilt, 501),
    (Busy, 503),
    (UnknownContent, 506),
    (NodeAway, 595),
    (NodeFailed, 596),
)


def status_of(error: HostError) -> int:
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def reason_of(message: str) -> str:
    """The reason phrase: the first line of the message, without what a status line cannot carry (RFC 9112)."""
    first = message.strip().splitlines()[0] if message.strip() else "error"
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in first)[:500]
