"""Second factors: the registry ``priv/tfa.cfg`` (JSON, in the reference's shape) and its TOTP and recovery keys.

Pure: functions take the registry's text and the time, and give the new text. WebAuthn is in ``webauthn.py``.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson

from hostd.core.errors import Conflict, HostError, Invalid, NotAuthenticated, NotFound, Unsupported

PATH: Final = "priv/tfa.cfg"
TYPES: Final = ("totp", "u2f", "webauthn", "recovery", "yubico")
BUILT: Final = ("totp", "webauthn", "recovery")
RECOVERY: Final = "recovery"
RECOVERY_KEYS: Final = 10
# Six digits can be guessed with patience, once the password is known: after so many in a row TOTP is off for the user
# until a recovery key is used or an administrator unlocks it. Only who has the password can bring this about.
TOTP_TRIES: Final = 8
# Any factor: then the user waits.
TRIES: Final = 100
LOCKED_S: Final = 3600

Data = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One factor as it is listed. ``created_s``: Unix time."""

    id: str
    type: str
    description: str = ""
    created_s: int = 0
    enable: bool = True

    def told(self) -> dict[str, object]:
        """As the API shows it."""
        shown: dict[str, object] = {"id": self.id, "type": self.type, "description": self.description}
        return shown | {"created": self.created_s} | ({} if self.enable else {"enable": 0})


@dataclass(frozen=True, kw_only=True)
class Registry:
    """The file. ``data`` keeps what this version does not know."""

    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Registry:
        """Raises HostError when the file cannot be read: guessing "no second factor" would open doors."""
        if not text.strip():
            return cls(data={"users": {}})
        try:
            data = orjson.loads(text)
            users = data.setdefault("users", {})
            if not all(isinstance(user, dict) for user in users.values()):
                raise TypeError("a user's entry is no object")
        except (orjson.JSONDecodeError, AttributeError, TypeError) as err:
            raise HostError(f"'{PATH}' cannot be read ({err}); repair it as root on the host") from err
        return cls(data=data)

    def format(self) -> str:
        return orjson.dumps(self.data, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode() + "\n"

    def users(self) -> list[str]:
        return sorted(self.data["users"])

    def user(self, userid: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.data["users"].get(userid, {})
        return found

    def with_user(self, userid: str, user: Mapping[str, Any]) -> Registry:
        """With this user's entry replaced; an empty one is removed."""
        users = {id: entry for id, entry in self.data["users"].items() if id != userid}
        return Registry(data={**self.data, "users": {**users, userid: dict(user)} if user else users})

    def entries(self, userid: str) -> list[Entry]:
        """The user's factors; his recovery keys count as one."""
        user, found = self.user(userid), []
        for type in TYPES:
            if type != RECOVERY:
                found += [_entry(type, stored) for stored in user.get(type, [])]
        if user.get(RECOVERY):
            created_s = user[RECOVERY].get("created", 0)
            found.append(Entry(id=RECOVERY, type=RECOVERY, description="recovery keys", created_s=created_s))
        return found

    def entry(self, userid: str, id: str) -> Entry:
        found = next((entry for entry in self.entries(userid) if entry.id == id), None)
        if found is None:
            raise NotFound(f"no such TFA entry '{id}' of user '{userid}'")
        return found


def _entry(type: str, stored: Mapping[str, Any]) -> Entry:
    info = stored.get("info", {})
    return Entry(
        id=info.get("id", ""),
        type=type,
        description=info.get("description", ""),
        created_s=info.get("created", 0),
        enable=info.get("enable", True),
    )


# --- changing the registry


def add(
    registry: Registry, userid: str, type: str, stored: Mapping[str, Any], *, description: str, now_s: int
) -> tuple[Registry, str]:
    """The registry with one more factor, and its id. ``stored``: what its type keeps."""
    id = secrets.token_hex(16)
    user = registry.user(userid)
    info = {"id": id, "description": description, "created": now_s, "enable": True}
    return registry.with_user(userid, {**user, type: [*user.get(type, []), {"info": info, **stored}]}), id


def add_recovery(registry: Registry, userid: str, *, now_s: int) -> tuple[Registry, list[str]]:
    """The registry with ten recovery keys, and those keys: the only time they are known."""
    user = registry.user(userid)
    if user.get(RECOVERY):
        raise Conflict("recovery keys exist already; delete them first to get new ones")
    secret = secrets.token_bytes(8).hex()
    keys = ["-".join(secrets.token_hex(2) for _ in range(4)) for _ in range(RECOVERY_KEYS)]
    kept = {"secret": secret, "entries": [_recovery_mac(secret, key) for key in keys], "created": now_s}
    return registry.with_user(userid, {**user, RECOVERY: kept}), keys


def change(registry: Registry, userid: str, id: str, *, description: str | None, enable: bool | None) -> Registry:
    """With an entry's description or state changed. Raises NotFound, Invalid."""
    entry, user = registry.entry(userid, id), registry.user(userid)
    if entry.type == RECOVERY:
        raise Invalid({"id": "recovery keys have no description and cannot be switched off; delete them instead"})
    wanted = {k: v for k, v in (("description", description), ("enable", enable)) if v is not None}
    stored = [
        {**one, "info": {**one["info"], **wanted}} if one["info"]["id"] == id else one for one in user[entry.type]
    ]
    return registry.with_user(userid, {**user, entry.type: stored})


def remove(registry: Registry, userid: str, id: str) -> Registry:
    """Without the entry. Raises NotFound."""
    entry, user = registry.entry(userid, id), dict(registry.user(userid))
    if entry.type == RECOVERY:
        del user[RECOVERY]
    else:
        user[entry.type] = [one for one in user[entry.type] if one["info"]["id"] != id]
    left = {key: value for key, value in user.items() if value not in ([], None)}
    has_factors = any(type in left for type in TYPES)
    return registry.with_user(userid, left if has_factors else {})


def unlock(registry: Registry, userid: str) -> tuple[Registry, bool]:
    """Without the locks that wrong answers left; whether there were any."""
    user = registry.user(userid)
    locks = ("totp-locked", "totp-failures", "tfa-failures", "tfa-locked-until")
    left = {key: value for key, value in user.items() if key not in locks}
    return registry.with_user(userid, left), bool(user.get("totp-locked") or user.get("tfa-locked-until"))


# --- TOTP (RFC 6238)


@dataclass(frozen=True, kw_only=True)
class Totp:
    """A shared secret with its parameters."""

    secret: bytes
    digits: int = 6
    period_s: int = 30
    algorithm: str = "SHA1"

    @classmethod
    def parse(cls, uri: str) -> Totp:
        """An ``otpauth://totp/`` URI (Google's Key Uri Format). Raises Invalid, never showing the secret."""
        import base64

        try:
            parts = urlsplit(uri)
            query = {key.lower(): values[0] for key, values in parse_qs(parts.query).items()}
            text = query["secret"].upper().replace(" ", "")
            found = cls(
                secret=base64.b32decode(text + "=" * (-len(text) % 8)),
                digits=int(query.get("digits", "6")),
                period_s=int(query.get("period", query.get("step", "30"))),
                algorithm=query.get("algorithm", "SHA1").upper().replace("-", ""),
            )
        except (KeyError, ValueError) as err:
            raise Invalid({"totp": "no otpauth:// URI with a base32 secret"}) from err
        sound = found.digits in (6, 7, 8) and 10 <= found.period_s <= 300 and len(found.secret) >= 10
        if (parts.scheme, parts.netloc) != ("otpauth", "totp") or not sound or found.algorithm not in _HASHES:
            raise Invalid(
                {"totp": "expected otpauth://totp/…: 6 to 8 digits, 10 to 300 s, SHA1/256/512, 80 bits or more"}
            )
        return found

    def code(self, count: int) -> str:
        """The value of one time step."""
        mac = hmac.new(self.secret, count.to_bytes(8), _HASHES[self.algorithm]).digest()
        offset = mac[-1] & 15
        number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFFFFFF
        return str(number % 10**self.digits).zfill(self.digits)

    def match(self, value: str, *, now_s: int, after: int = -1) -> int | None:
        """The time step whose value this is: the present one or a neighbour, and later than ``after``; else None."""
        here = now_s // self.period_s
        steps = [count for count in (here, here - 1, here + 1) if hmac.compare_digest(self.code(count), value)]
        return next((count for count in steps if count > after), None)


_HASHES: Final = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}


# --- log-in


def _recovery_mac(secret: str, key: str) -> str:
    return hmac.new(secret.encode(), key.strip().lower().encode(), hashlib.sha256).hexdigest()


def usable(registry: Registry, userid: str) -> list[Entry]:
    """Factors that a log-in may use: enabled ones of types that are built, recovery keys while some are left."""
    user = registry.user(userid)
    return [
        entry
        for entry in registry.entries(userid)
        if entry.enable and entry.type in BUILT and (entry.type != RECOVERY or any(user[RECOVERY]["entries"]))
    ]


def has_any(registry: Registry, userid: str) -> bool:
    """Whether the user's password alone is not enough: any enabled factor, even one that cannot be used here."""
    return any(entry.enable for entry in registry.entries(userid))


def check_not_locked(registry: Registry, userid: str, *, now_s: int) -> None:
    """Raises NotAuthenticated while the user waits after too many wrong answers."""
    if registry.user(userid).get("tfa-locked-until", 0) > now_s:
        raise NotAuthenticated("authentication failure")


def challenge_of(registry: Registry, userid: str) -> dict[str, object]:
    """What a client is told about the factors that it may use, without WebAuthn's own challenge."""
    user, types = registry.user(userid), {entry.type for entry in usable(registry, userid)}
    told: dict[str, object] = {}
    if "totp" in types and not user.get("totp-locked"):
        told["totp"] = True
    if RECOVERY in types:
        told[RECOVERY] = [number for number, mac in enumerate(user[RECOVERY]["entries"]) if mac]
    return told


def verify_totp(registry: Registry, userid: str, value: str, *, now_s: int) -> Registry:
    """The registry after a right code, which then is used up. Raises NotAuthenticated."""
    user = registry.user(userid)
    if user.get("totp-locked"):
        raise NotAuthenticated("authentication failure")
    for number, stored in enumerate(user.get("totp", [])):
        if not _entry("totp", stored).enable:
            continue
        step = Totp.parse(stored["entry"]).match(value, now_s=now_s, after=stored.get("last-count", -1))
        if step is not None:
            kept = [*user["totp"]]
            kept[number] = {**stored, "last-count": step}
            return _succeeded(registry.with_user(userid, {**user, "totp": kept}), userid)
    raise NotAuthenticated("authentication failure")


def verify_recovery(registry: Registry, userid: str, value: str) -> Registry:
    """The registry after a right recovery key, which then is used up; it also ends a TOTP lock."""
    user = registry.user(userid)
    kept = user.get(RECOVERY) or {"secret": "", "entries": []}
    mac = _recovery_mac(kept["secret"], value)
    found = next((n for n, one in enumerate(kept["entries"]) if one and hmac.compare_digest(one, mac)), None)
    if found is None:
        raise NotAuthenticated("authentication failure")
    entries = [None if n == found else one for n, one in enumerate(kept["entries"])]
    left = {key: value for key, value in user.items() if key not in ("totp-locked", "totp-failures")}
    return _succeeded(registry.with_user(userid, {**left, RECOVERY: {**kept, "entries": entries}}), userid)


def _succeeded(registry: Registry, userid: str) -> Registry:
    left = {k: v for k, v in registry.user(userid).items() if k not in ("totp-failures", "tfa-failures")}
    return registry.with_user(userid, left)


def failed(registry: Registry, userid: str, type: str, *, now_s: int) -> Registry:
    """The registry after a wrong answer: counts, and locks when there were too many."""
    user: Data = dict(registry.user(userid))
    user["tfa-failures"] = user.get("tfa-failures", 0) + 1
    if type == "totp":
        user["totp-failures"] = user.get("totp-failures", 0) + 1
        if user["totp-failures"] >= TOTP_TRIES:
            user["totp-locked"] = True
    if user["tfa-failures"] >= TRIES:
        user |= {"tfa-failures": 0, "tfa-locked-until": now_s + LOCKED_S}
    return registry.with_user(userid, user)


def require_built(type: str) -> None:
    """Raises Unsupported for a factor that this software does not take."""
    if type not in BUILT:
        raise Unsupported(f"second factors of type '{type}' are not built here; use one of {', '.join(BUILT)}")


def types_of(entries: Iterable[Entry]) -> list[str]:
    """Types in a fixed order, each once."""
    present = {entry.type for entry in entries if entry.enable}
    return [type for type in TYPES if type in present]
