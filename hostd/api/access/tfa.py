"""``/access/tfa``: second factors. Changing them asks for the caller's own password, unless it is root@pam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from hostd.access import files, tfa, webauthn
from hostd.access.ids import ROOT
from hostd.api.access.index import NoParams
from hostd.api.access.kinds import OWN_PASSWORD, USERID, config
from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, Or, UserGroup, UserParam, array, endpoint, fields
from hostd.cluster import datacenter
from hostd.core.errors import Denied, HostError, Invalid, NotAuthenticated, NotFound
from hostd.core.kinds import BOOLEAN
from hostd.core.schema import Kind, param

_SEE = Or(UserParam(), UserGroup(("User.Modify", "Sys.Audit")))
_CHANGE = Or(UserParam(), UserGroup(("User.Modify",)))
_ENTRY = fields(id="string", type="string", description="string", created="integer", enable="boolean?")
_DESCRIPTION = Kind(max_length=255)
# Answers to a registration that was begun are taken for so long.
_REGISTRATION_S = 600


@dataclass(frozen=True, kw_only=True)
class UserParams:
    """One user."""

    userid: str = param(USERID, doc="User, as name@realm.")


@dataclass(frozen=True, kw_only=True)
class AddParams(UserParams):
    """A new second factor."""

    type: str = param(Kind(enum=tfa.TYPES), doc="Type of the factor.")
    description: str = param(_DESCRIPTION, default="", doc="What the user calls it.")
    totp: str = param(Kind(), default="", doc="TOTP: otpauth:// URI with the shared secret.")
    value: str = param(Kind(), default="", doc="TOTP: present code. WebAuthn: the key's answer.")
    challenge: str = param(Kind(), default="", doc="WebAuthn: the challenge that is answered.")
    password: str = param(OWN_PASSWORD, default="", doc="Password of the caller.")


@dataclass(frozen=True, kw_only=True)
class EntryParams(UserParams):
    """One second factor."""

    id: str = param(Kind(), doc="Id of the factor.")


@dataclass(frozen=True, kw_only=True)
class DeleteParams(EntryParams):
    """A factor to be removed."""

    password: str = param(OWN_PASSWORD, default="", doc="Password of the caller.")


@dataclass(frozen=True, kw_only=True)
class UpdateParams(DeleteParams):
    """A changed factor."""

    description: str | None = param(_DESCRIPTION, default=None, doc="What the user calls it.")
    enable: bool | None = param(BOOLEAN, default=None, doc="Whether it counts at log-in.")


def _registry(ctx: Context) -> tfa.Registry:
    return tfa.Registry.parse(files.text_of(ctx.store, tfa.PATH))


def confirm(ctx: Context, userid: str, password: str) -> None:
    """The caller proves that it is still him at the keyboard; nobody but root touches root's factors."""
    if ctx.user == ROOT:
        return
    if userid == ROOT:
        raise Denied("Permission check failed (only root@pam may change root@pam)")
    if not password:
        raise Invalid({"password": "your own password is needed to change second factors"})
    try:
        ctx.services.credentials.check_password(ctx.user, password)
    except NotAuthenticated as err:  # 401 would make browsers believe that they were logged out
        raise HostError("authentication failure: that is not your password") from err


def _change(ctx: Context, edit: Any) -> None:
    files.rewrite(ctx.store, tfa.PATH, lambda text: edit(tfa.Registry.parse(text)).format(), actor=ctx.user)


@endpoint(
    "GET",
    "/access/tfa",
    params=NoParams,
    returns=array(
        {
            **fields(userid="string", totp__locked="boolean?", tfa__locked__until="integer?"),
            "entries": {"type": "array", "items": {"type": "object", "properties": _ENTRY}},
        },
        child="userid",
    ),
    allow=ALL,
    privileged=True,
    checked_in_code=True,
)
def index(ctx: Context, p: NoParams) -> object:
    """Second factors of the users that the caller may manage or audit, and his own."""
    rights, registry, found = ctx.services.authority.rights, _registry(ctx), []
    wanted = ("User.Modify", "Sys.Audit")
    everyone = rights.may(ctx.user, "/access/groups", wanted, any_of=True)
    seen = {m for g in rights.groups_where(ctx.user, wanted) for m in rights.config.groups[g].members} | {ctx.user}
    for userid in registry.users():
        entries, user = registry.entries(userid), registry.user(userid)
        if entries and (everyone or userid in seen):
            row: dict[str, object] = {"userid": userid, "entries": [entry.told() for entry in entries]}
            row |= {"totp-locked": 1} if user.get("totp-locked") else {}
            row |= {"tfa-locked-until": user["tfa-locked-until"]} if user.get("tfa-locked-until") else {}
            found.append(row)
    return found


@endpoint(
    "GET", "/access/tfa/{userid}", params=UserParams, returns=array(_ENTRY, child="id"), allow=_SEE, privileged=True
)
def list_entries(ctx: Context, p: UserParams) -> object:
    """A user's second factors."""
    return [entry.told() for entry in _registry(ctx).entries(p.userid)]


@endpoint(
    "GET",
    "/access/tfa/{userid}/{id}",
    params=EntryParams,
    returns={"type": "object", "properties": _ENTRY},
    allow=_SEE,
    privileged=True,
)
def read(ctx: Context, p: EntryParams) -> object:
    """One second factor."""
    return _registry(ctx).entry(p.userid, p.id).told()


@endpoint(
    "POST",
    "/access/tfa/{userid}",
    params=AddParams,
    returns={
        "type": "object",
        "properties": {
            **fields(id="string", challenge="string?"),
            "recovery": {"type": "array", "items": {"type": "string"}, "optional": True},
        },
    },
    allow=_CHANGE,
    privileged=True,
    tokens=False,
)
def add(ctx: Context, p: AddParams) -> object:
    """Add a second factor; recovery keys are shown by this answer only."""
    tfa.require_built(p.type)
    if p.userid not in config(ctx).users:
        raise NotFound(f"no such user ('{p.userid}')")
    confirm(ctx, p.userid, p.password)
    return {"totp": _add_totp, "recovery": _add_recovery, "webauthn": _add_webauthn}[p.type](ctx, p)


def _add_totp(ctx: Context, p: AddParams) -> dict[str, object]:
    now_s, secret = ctx.services.credentials.now_s, tfa.Totp.parse(p.totp)
    step = secret.match(p.value, now_s=now_s)
    if step is None:
        raise Invalid({"value": "that is not the present code of this secret; are both clocks right?"})
    made = ""

    def edit(registry: tfa.Registry) -> tfa.Registry:
        nonlocal made
        stored = {"entry": p.totp, "last-count": step}
        registry, made = tfa.add(registry, p.userid, "totp", stored, description=p.description, now_s=now_s)
        return registry

    _change(ctx, edit)
    return {"id": made}


def _add_recovery(ctx: Context, p: AddParams) -> dict[str, object]:
    keys: list[str] = []

    def edit(registry: tfa.Registry) -> tfa.Registry:
        nonlocal keys
        registry, keys = tfa.add_recovery(registry, p.userid, now_s=ctx.services.credentials.now_s)
        return registry

    _change(ctx, edit)
    return {"id": tfa.RECOVERY, "recovery": keys}


def _add_webauthn(ctx: Context, p: AddParams) -> dict[str, object]:
    """Two calls: the first answers a challenge, the second brings the key's answer to it."""
    party = webauthn.RelyingParty.from_options(datacenter.of(ctx.mirror))
    now_s, made = ctx.services.credentials.now_s, {"id": "", "challenge": ""}

    def begin(registry: tfa.Registry) -> tfa.Registry:
        user = dict(registry.user(p.userid))
        fresh = [b for b in user.get("webauthn-registrations", []) if b["created"] > now_s - _REGISTRATION_S]
        made["challenge"], state = webauthn.begin_registration(party, p.userid, user.get("webauthn", []))
        user["webauthn-registrations"] = [*fresh[-9:], {"state": state, "created": now_s}]
        return registry.with_user(p.userid, user)

    def finish(registry: tfa.Registry) -> tfa.Registry:
        user = dict(registry.user(p.userid))
        begun = user.pop("webauthn-registrations", [])
        mine = [b for b in begun if b["state"]["challenge"] == _challenge(p.challenge)]
        if not mine or mine[0]["created"] <= now_s - _REGISTRATION_S:
            raise Invalid({"challenge": "no registration was begun with it, or too long ago; begin again"})
        stored = webauthn.finish_registration(party, mine[0]["state"], p.value)
        user["webauthn-registrations"] = [b for b in begun if b is not mine[0]]
        registry = registry.with_user(p.userid, user)
        registry, made["id"] = tfa.add(registry, p.userid, "webauthn", stored, description=p.description, now_s=now_s)
        return registry

    _change(ctx, finish if p.value else begin)
    return {"id": made["id"]} if p.value else {"id": "", "challenge": made["challenge"]}


def _challenge(given: str) -> str:
    """Clients send back the challenge's text, or the whole object in which it came."""
    try:
        return str(orjson.loads(given)["publicKey"]["challenge"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return given


@endpoint(
    "PUT",
    "/access/tfa/{userid}/{id}",
    params=UpdateParams,
    returns=NULL,
    allow=_CHANGE,
    privileged=True,
    tokens=False,
)
def update(ctx: Context, p: UpdateParams) -> object:
    """Change a factor's description, or switch it on or off."""
    confirm(ctx, p.userid, p.password)
    _change(ctx, lambda registry: tfa.change(registry, p.userid, p.id, description=p.description, enable=p.enable))
    return None


@endpoint(
    "DELETE",
    "/access/tfa/{userid}/{id}",
    params=DeleteParams,
    returns=NULL,
    allow=_CHANGE,
    privileged=True,
    tokens=False,
)
def delete(ctx: Context, p: DeleteParams) -> object:
    """Remove a second factor."""
    confirm(ctx, p.userid, p.password)
    _change(ctx, lambda registry: tfa.remove(registry, p.userid, p.id))
    return None
