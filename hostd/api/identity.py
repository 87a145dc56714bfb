"""Who calls: the ticket of the request, verified in each process by itself; in the root process also the peer's uid."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from hostd.access import keys, tickets
from hostd.cluster.store import Mirror
from hostd.core.errors import NotAuthenticated, Unavailable

if TYPE_CHECKING:  # hostd-stream has another library's requests and must not load this one
    from werkzeug.wrappers import Request

COOKIE = "PVEAuthCookie"
PEER_UID = "hostd.peer_uid"  # WSGI environment, set by the server from SO_PEERCRED; no header can set it


def key_file(mirror: Mirror, path: str) -> bytes:
    """A key from the configuration tree; Unavailable until the host has made it."""
    file = mirror.get(path)
    if file is None:
        raise Unavailable(f"the key '{path}' does not exist yet; is hostd.service running?")
    return file.data


def ticket_of(request: Request) -> str:
    """The ticket in the cookie or in the Authorization header, or ""."""
    raw = request.cookies.get(COOKIE, "")
    authorization = request.headers.get("Authorization", "")
    if not raw and authorization.startswith(f"{COOKIE}="):
        raw = authorization.removeprefix(f"{COOKIE}=")
    return unquote(raw)


class TicketIdentity:
    """Verifies tickets and CSRF tokens with the keys of the configuration tree."""

    def __init__(
        self, mirror: Mirror, *, clock: Callable[[], float] = time.time, trust_root_peer: bool = False
    ) -> None:
        self._mirror, self._clock, self._trust_root_peer = mirror, clock, trust_root_peer

    def __call__(self, request: Request, *, changes: bool) -> str:
        ticket = ticket_of(request)
        if not ticket:
            if self._trust_root_peer and request.environ.get(PEER_UID) == 0:
                return "root@pam"
            raise NotAuthenticated("No ticket")
        now_s = int(self._clock())
        user = tickets.verify(key_file(self._mirror, keys.VERIFYING), ticket, now_s=now_s)
        if changes:
            token = request.headers.get("CSRFPreventionToken", "")
            tickets.verify_csrf(key_file(self._mirror, keys.CSRF), user, token, now_s=now_s)
        return user


class RootCredentials:
    """Log-in and signing; works only where the signing key can be read, in the root process."""

    def __init__(
        self, mirror: Mirror, authenticate: Callable[[str, str], None], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._mirror, self._authenticate, self._clock = mirror, authenticate, clock

    def login(self, user: str, password: str) -> str:
        """``password`` may also be a valid ticket of the same user (renewal)."""
        now_s = int(self._clock())
        if password.startswith("PVE:"):
            if tickets.verify(key_file(self._mirror, keys.VERIFYING), password, now_s=now_s) != user:
                raise NotAuthenticated("authentication failure")
        else:
            name, _, realm = user.rpartition("@")
            # the only account so far is the host's own root (users and realms come with access control)
            if user != "root@pam" or realm != "pam":
                raise NotAuthenticated("authentication failure")
            self._authenticate(name, password)
        return tickets.sign(key_file(self._mirror, keys.SIGNING), user, now_s=now_s)

    def csrf(self, user: str) -> str:
        return tickets.csrf_token(key_file(self._mirror, keys.CSRF), user, now_s=int(self._clock()))

    def console_ticket(self, user: str, path: str, port: int) -> str:
        now_s = int(self._clock())
        return tickets.sign_console(key_file(self._mirror, keys.SIGNING), user, path, port, now_s=now_s)
