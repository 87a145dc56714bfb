"""Who calls: the ticket or API token of the request, verified in each process by itself.

In the root process also the peer's uid. The unprivileged front cannot read token secrets; it asks the root process
about a token once and remembers the answer until ``user.cfg`` changes (DESIGN #8).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from hostd.access import files, keys, tickets, tokens
from hostd.access.authority import Authority
from hostd.access.ids import ROOT
from hostd.access.login import key_file, verifying
from hostd.cluster.store import Mirror, Store
from hostd.core.errors import NotAuthenticated

if TYPE_CHECKING:  # hostd-stream has another library's requests and must not load this one
    from werkzeug.wrappers import Request

COOKIE: Final = "PVEAuthCookie"
PEER_UID: Final = "hostd.peer_uid"  # WSGI environment, set by the server from SO_PEERCRED; no header can set it
# Token verdicts of the root process are asked again after this time even if nothing changed in user.cfg: somebody may
# have edited the secrets' file by hand.
VERDICT_S: Final = 60
_VERDICTS: Final = 4096

# Raises NotAuthenticated unless the (whole, unescaped) Authorization header is a token's; returns the token's id.
Verdict = Callable[[str], str]


def ticket_in(cookie: str, authorization: str) -> str:
    """The ticket of the cookie's value or the Authorization header, or ""."""
    if not cookie and authorization.startswith(f"{COOKIE}="):
        cookie = authorization.removeprefix(f"{COOKIE}=")
    return unquote(cookie)


def check_ticket(mirror: Mirror, authority: Authority, ticket: str, *, now_s: int) -> str:
    """The user of a ticket who may use it. Raises NotAuthenticated."""
    user = tickets.verify(verifying(mirror), ticket, now_s=now_s)
    authority.check_usable(user, now_s)
    return user


class RootVerdict:
    """The root process's own answer about a token, from ``priv/token.cfg``."""

    def __init__(self, store: Store, mirror: Mirror) -> None:
        self._store, self._mirror = store, mirror
        self._current: tuple[int, dict[str, str]] = (-1, {})

    def __call__(self, authorization: str) -> str:
        found = tokens.from_header(authorization)
        if found is None:
            raise NotAuthenticated("No ticket")
        try:
            tokens.verify(self._secrets(), *found)
        except NotAuthenticated:  # perhaps made a moment ago, and the mirror has not heard of it
            tokens.verify(tokens.parse(files.text_of(self._store, tokens.PATH)), *found)
        return found[0]

    def _secrets(self) -> dict[str, str]:
        file, (known, secrets) = self._mirror.get(tokens.PATH), self._current
        version = file.version if file else 0
        if known != version:
            secrets = tokens.parse(file.data.decode(errors="replace") if file else "")
            self._current = (version, secrets)
        return secrets


class RememberedVerdict:
    """Another's answers, kept while ``user.cfg`` stays the same; refusals are not kept.

    Every change of a token's secret also writes ``user.cfg``, whose versions the front can see.
    """

    def __init__(self, ask: Verdict, authority: Authority, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._authority, self._clock = ask, authority, clock
        self._kept: dict[bytes, tuple[str, int, float]] = {}

    def __call__(self, authorization: str) -> str:
        key, now_s, version = hashlib.sha256(authorization.encode()).digest(), self._clock(), self._authority.version
        known = self._kept.get(key)
        if known is not None and known[1] == version and now_s - known[2] < VERDICT_S:
            return known[0]
        id = self._ask(authorization)
        if len(self._kept) >= _VERDICTS:
            self._kept.clear()
        self._kept[key] = (id, version, now_s)
        return id


class Identity:
    """Verifies what a request carries: a ticket (with its CSRF token), else an API token, else root's own socket."""

    def __init__(
        self,
        mirror: Mirror,
        authority: Authority,
        verdict: Verdict,
        *,
        clock: Callable[[], float] = time.time,
        trust_root_peer: bool = False,
    ) -> None:
        self._mirror, self._authority, self._verdict = mirror, authority, verdict
        self._clock, self._trust_root_peer = clock, trust_root_peer

    def __call__(self, request: Request, *, changes: bool) -> str:
        now_s, authorization = int(self._clock()), request.headers.get("Authorization", "")
        ticket = ticket_in(request.cookies.get(COOKIE, ""), authorization)
        if ticket:
            user = check_ticket(self._mirror, self._authority, ticket, now_s=now_s)
            if changes:
                given = request.headers.get("CSRFPreventionToken", "")
                tickets.verify_csrf(key_file(self._mirror, keys.CSRF), user, given, now_s=now_s)
            return user
        if authorization.startswith("PVEAPIToken"):
            id = self._verdict(unquote(authorization))
            self._authority.check_usable(id, now_s)
            return id
        if self._trust_root_peer and request.environ.get(PEER_UID) == 0:
            return ROOT
        raise NotAuthenticated("No ticket")
