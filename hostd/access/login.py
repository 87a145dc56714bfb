"""Log-in: passwords by realm, second factors, tickets. Works only in the root process, where the secrets can be read.

Whatever is wrong, the caller hears ``authentication failure``; why is in the journal.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hostd.access import files, keys, passwords, realms, tfa, tickets, webauthn
from hostd.access.authority import Authority
from hostd.access.expressions import Check, require
from hostd.access.ids import ROOT, UserId
from hostd.cluster import datacenter
from hostd.cluster.store import File, Mirror, Store
from hostd.core.errors import Denied, HostError, NotAuthenticated, ParseError, Unavailable
from hostd.core.formats import propstring

log = logging.getLogger(__name__)
FAILED: Final = "authentication failure"
BRIEF_S: Final = tickets.CLOCKS_AHEAD_S  # so long that it is good where the clock is ahead by as much as tolerated
_CHALLENGES_KEPT: Final = 4096


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """Who came in. With ``second_factor`` the ticket is a half one, good for nothing but the second step."""

    user: str
    ticket: str
    second_factor: bool = False


def key_file(mirror: Mirror, path: str) -> bytes:
    """A key from the configuration tree; Unavailable until the host has made it."""
    file = mirror.get(path)
    if file is None:
        raise Unavailable(f"the key '{path}' does not exist yet; is hostd.service running?")
    return file.data


def verifying(mirror: Mirror) -> tickets.Verifying:
    """The public keys of tickets: the present one and the one before it."""
    current, previous = mirror.get(keys.VERIFYING), mirror.get(keys.PREVIOUS)
    if current is None:
        raise Unavailable(f"the key '{keys.VERIFYING}' does not exist yet; is hostd.service running?")
    return tickets.Verifying(
        current=current.data, previous=previous.data if previous else b"", renewed_s=current.mtime_s
    )


class Login:
    """``authenticate`` checks a password of the host's own accounts (PAM); ``came_in`` is told of log-ins by user."""

    def __init__(
        self,
        store: Store,
        mirror: Mirror,
        authority: Authority,
        authenticate: Callable[[str, str], None],
        *,
        clock: Callable[[], float] = time.time,
        came_in: Callable[[str], None] = lambda _user: None,
    ) -> None:
        self._came_in = came_in
        self._store, self._mirror, self._authority = store, mirror, authority
        self._authenticate, self._clock = authenticate, clock
        self._answered: dict[str, None] = {}  # WebAuthn challenges that were used, oldest first
        self._answers = threading.Lock()

    @property
    def now_s(self) -> int:
        """Unix time, as everything about log-ins sees it."""
        return int(self._clock())

    # --- tickets

    def csrf(self, user: str) -> str:
        """The token that changes need beside a ticket."""
        return tickets.csrf_token(key_file(self._mirror, keys.CSRF), user, now_s=self.now_s)

    def ticket(self, user: str) -> str:
        """A ticket; then a key that is due is renewed, so that this one is signed with the key that all know."""
        now_s = self._clock()
        made = tickets.sign(key_file(self._mirror, keys.SIGNING), user, now_s=int(now_s))
        keys.rotate_if_due(self._store, now_s=now_s)
        return made

    def brief_ticket(self, user: str) -> str:
        """A ticket that ends after BRIEF_S: for a call that this process makes to another node in the user's name."""
        key = key_file(self._mirror, keys.SIGNING)
        return tickets.sign_brief(key, user, now_s=self.now_s, lifetime_s=BRIEF_S)

    def console_ticket(self, user: str, path: str, port: int) -> str:
        """A ticket for one console."""
        key = key_file(self._mirror, keys.SIGNING)
        return tickets.sign_console(key, user, path, port, now_s=self.now_s)

    # --- the two steps

    def login(self, user: str, password: str, *, otp: str = "", challenge: str = "") -> Admitted:
        """By password (with ``otp`` at once or a half ticket to be completed), by ticket, or by ``challenge``.

        ``password`` may be a ticket of the user (renewal), or one of ``root@pam`` for any user. With ``challenge`` (a
        half ticket) it is the second factor, ``type:value``. Raises NotAuthenticated.
        """
        try:
            admitted = self._login(user, password, otp, challenge)
        except (NotAuthenticated, ParseError) as err:
            log.warning("authentication failure; user=%r msg=%s", user, err)
            raise NotAuthenticated(FAILED) from err
        if not admitted.second_factor:
            self._came_in(user)
        log.info("%s of user %r", "first step of a log-in" if admitted.second_factor else "log-in", user)
        return admitted

    def _login(self, user: str, password: str, otp: str, challenge: str) -> Admitted:
        if challenge:
            if otp:
                raise NotAuthenticated("a one-time password beside a challenge: it belongs into 'password' then")
            return self._complete(user, password, challenge)
        if password.startswith("PVE:"):
            return self._renewed(user, password)
        self.check_password(user, password)
        registry = self._registry()
        if otp:
            self._second(user, otp, {}, needed=tfa.has_any(registry, user))
        elif tfa.has_any(registry, user):
            return self._half(user, registry)
        elif self._realm_wants_second(user):
            raise NotAuthenticated("the realm demands a second factor and the user has none; an administrator adds it")
        return Admitted(user=user, ticket=self.ticket(user))

    def _renewed(self, user: str, ticket: str) -> Admitted:
        holder = tickets.verify(verifying(self._mirror), ticket, now_s=self.now_s)
        self._authority.check_usable(holder, self._clock())
        if holder not in (user, ROOT):
            raise NotAuthenticated(f"the ticket is user {holder!r}'s")
        self._authority.check_usable(user, self._clock())
        return Admitted(user=user, ticket=self.ticket(user))

    def _half(self, user: str, registry: tfa.Registry) -> Admitted:
        now_s = self.now_s
        tfa.check_not_locked(registry, user, now_s=now_s)
        told = tfa.challenge_of(registry, user)
        stored = self._webauthn_keys(registry, user)
        if stored:
            try:
                told["webauthn"] = webauthn.begin_login(self._party(), stored)
            except HostError as err:  # other factors may do
                log.warning("WebAuthn cannot be offered: %s", err)
        if not told:
            raise NotAuthenticated("no second factor of the user can be used here")
        key = key_file(self._mirror, keys.SIGNING)
        half = tickets.sign_challenge(key, user, orjson.dumps(told).decode(), now_s=now_s)
        return Admitted(user=user, ticket=half, second_factor=True)

    def _complete(self, user: str, answer: str, half: str) -> Admitted:
        now_s = self.now_s
        told = orjson.loads(tickets.verify_challenge(verifying(self._mirror), half, user, now_s=now_s))
        self._authority.check_usable(user, now_s)
        self._second(user, answer, told, needed=True)
        return Admitted(user=user, ticket=self.ticket(user))

    def _second(self, user: str, answer: str, told: dict[str, Any], *, needed: bool) -> None:
        """Check a second factor, ``type:value``; a right one is used up, a wrong one counted."""
        type, _, value = answer.partition(":")
        if not value and type.isdigit():
            type, value = "totp", type
        if not needed:
            return  # as the reference: a code too many is ignored
        wrong: list[HostError] = []

        def change(text: str) -> str:
            wrong.clear()
            registry, now_s = tfa.Registry.parse(text), self.now_s
            tfa.check_not_locked(registry, user, now_s=now_s)
            try:
                return self._checked(registry, user, type, value, told).format()
            except HostError as err:
                wrong.append(err)
                return tfa.failed(registry, user, type, now_s=now_s).format()

        files.rewrite(self._store, tfa.PATH, change, actor=user)
        if wrong:
            # a key without its type stands where the type does: it must not get into the log
            raise NotAuthenticated(f"second factor {type if type in tfa.TYPES else 'of no known type'}: {wrong[0]}")

    def _checked(self, registry: tfa.Registry, user: str, type: str, value: str, told: dict[str, Any]) -> tfa.Registry:
        match type:
            case "totp":
                return tfa.verify_totp(registry, user, value, now_s=self.now_s)
            case "recovery":
                return tfa.verify_recovery(registry, user, value)
            case "webauthn" if "webauthn" in told:
                return self._checked_key(registry, user, value, told["webauthn"])
        raise NotAuthenticated("this type was not offered")

    def _checked_key(self, registry: tfa.Registry, user: str, value: str, told: dict[str, Any]) -> tfa.Registry:
        stored = self._webauthn_keys(registry, user)
        number, counter = webauthn.finish_login(self._party(), told, stored, value)
        self._use_up(str(told["publicKey"]["challenge"]))
        mine = dict(registry.user(user))
        mine["webauthn"] = [{**one, "counter": counter} if one is stored[number] else one for one in mine["webauthn"]]
        return registry.with_user(user, mine)

    def _use_up(self, challenge: str) -> None:
        """A challenge is answered once: who overheard an answer cannot repeat it."""
        with self._answers:
            if challenge in self._answered:
                raise NotAuthenticated("this challenge was answered before")
            self._answered[challenge] = None
            if len(self._answered) > _CHALLENGES_KEPT:
                del self._answered[next(iter(self._answered))]

    # --- parts

    def check_password(self, user: str, password: str) -> None:
        """Raises NotAuthenticated unless the user is usable and it is his password; unknown users take as long."""
        id = UserId.parse(user)
        realm = realms.parse(self._text(realms.PATH)).get(id.realm)
        refused = ""
        try:
            self._authority.check_usable(user, self._clock())
        except NotAuthenticated as err:
            refused = str(err)
        if realm is not None and realm.type == "pam" and not refused:
            self._authenticate(id.name, password)
        elif realm is None or realm.type in realms.BUILT_IN:
            self._check_own(id, password, refused)
        else:
            raise NotAuthenticated(f"logging in through realm '{id.realm}' ({realm.type}) is not built yet")

    def _check_own(self, id: UserId, password: str, refused: str) -> None:
        hashes = passwords.parse_shadow(files.text_of(self._store, passwords.SHADOW))
        stored = hashes.get(id.name) if id.realm == "pve" and not refused else None
        if not passwords.verify(password, stored):
            raise NotAuthenticated(refused or "wrong password")
        if stored is not None and passwords.is_weak(stored):
            self.set_own_password(id.name, password, actor=str(id))

    def set_own_password(self, name: str, password: str, *, actor: str) -> None:
        """Store a password of realm pve, hashed."""
        made = passwords.make_hash(password)

        def change(text: str) -> str:
            return passwords.format_shadow({**passwords.parse_shadow(text), name: made})

        files.rewrite(self._store, passwords.SHADOW, change, actor=actor)

    def verify(self, user: str, secret: str, otp: str, path: str, privileges: tuple[str, ...]) -> None:
        """Only check: is it the user (password, or a ticket of his), and may he? Raises NotAuthenticated."""
        try:
            if secret.startswith("PVE:"):
                self._renewed(user, secret)
            elif secret.startswith("PVEVNC:"):
                raise NotAuthenticated("console tickets are checked by /access/vncticket")
            else:
                self.check_password(user, secret)
                self._second(user, otp, {}, needed=tfa.has_any(self._registry(), user))
            require(Check(path, *privileges), self._authority.rights, user, {})
        except (NotAuthenticated, Denied, ParseError) as err:
            log.warning("authentication failure; user=%r path=%r msg=%s", user, path, err)
            raise NotAuthenticated(FAILED) from err

    def verify_console(self, user: str, ticket: str, path: str, port: int) -> None:
        """Raises NotAuthenticated unless it is a fresh console ticket for exactly this."""
        tickets.verify_console(verifying(self._mirror), ticket, user, path, port, now_s=self.now_s)

    def _text(self, path: str) -> str:
        file: File | None = self._mirror.get(path)
        return file.data.decode(errors="replace") if file else ""

    def _registry(self) -> tfa.Registry:
        return tfa.Registry.parse(files.text_of(self._store, tfa.PATH))

    def _webauthn_keys(self, registry: tfa.Registry, user: str) -> list[dict[str, Any]]:
        kept = registry.user(user).get("webauthn", [])
        return [one for one in kept if one.get("credential") and one.get("info", {}).get("enable", True)]

    def _party(self) -> webauthn.RelyingParty:
        return webauthn.RelyingParty.from_options(datacenter.of(self._mirror))

    def _realm_wants_second(self, user: str) -> bool:
        realm = realms.parse(self._text(realms.PATH)).get(UserId.parse(user).realm)
        wanted = realm.options.get("tfa", "") if realm else ""
        return bool(wanted) and bool(propstring.parse(wanted, default_key="type").get("type"))
