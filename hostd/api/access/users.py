"""``/access/users``: accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hostd.access import edits, files, passwords, realms, tfa, tokens
from hostd.access.ids import UserId
from hostd.access.users import User, UserConfig
from hostd.api.access.kinds import (
    EMAIL,
    EXPIRE,
    GROUPS,
    NEW_PASSWORD,
    USERID,
    change_users,
    config,
    settled,
)
from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, And, Or, UserGroup, UserParam, array, endpoint, fields
from hostd.core.errors import Denied, Invalid, NotFound
from hostd.core.kinds import BOOLEAN
from hostd.core.schema import Kind, param

_TEXTS = ("comment", "email", "firstname", "keys", "lastname")
_KEYS = Kind(pattern="[0-9a-zA-Z!=]{0,4096}")
_NAME = Kind(max_length=1024)
_TOKENS = {"type": "array", "items": {"type": "object", "properties": fields(tokenid="string", comment="string?",
           expire="integer?", privsep="boolean?")}, "optional": True}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ListParams:
    """Which users, and how much of them."""

    enabled: bool | None = param(BOOLEAN, default=None, doc="Only enabled (1) or disabled (0) users.")
    full: bool = param(BOOLEAN, default=False, shown_default=0, doc="With groups and tokens.")


@dataclass(frozen=True, kw_only=True)
class UserParams:
    """One user."""

    userid: str = param(USERID, doc="User, as name@realm.")


@dataclass(frozen=True, kw_only=True)
class UserTfaParams(UserParams):
    """One user's second factors."""

    multiple: bool = param(BOOLEAN, default=False, shown_default=0, doc="Tell all types as an array.")


@dataclass(frozen=True, kw_only=True)
class UserValues(UserParams):
    """What can be said of a user."""

    comment: str | None = param(Kind(max_length=2048), default=None, doc="Free text.")
    email: str | None = param(EMAIL, default=None, doc="Mail address.")
    enable: bool | None = param(BOOLEAN, default=None, shown_default=1, doc="Whether the user may log in.")
    expire: int | None = param(EXPIRE, default=None, doc="Unix time after which the account is closed; 0: never.")
    firstname: str | None = param(_NAME, default=None, doc="First name.")
    lastname: str | None = param(_NAME, default=None, doc="Last name.")
    groups: list[str] | None = param(GROUPS, default=None, doc="Groups of the user.")
    keys: str | None = param(_KEYS, default=None, doc="Keys of an old kind of second factor.")


@dataclass(frozen=True, kw_only=True)
class CreateParams(UserValues):
    """A new user."""

    password: str = param(NEW_PASSWORD, default="", doc="First password (realm pve).")


@dataclass(frozen=True, kw_only=True)
class UpdateParams(UserValues):
    """A changed user."""

    append: bool = param(BOOLEAN, default=False, doc="Add to the groups instead of replacing them.")


def _values(p: UserValues) -> dict[str, Any]:
    values = {name: value for name in (*_TEXTS, "enable") if (value := getattr(p, name)) is not None}
    return values | ({} if p.expire is None else {"expire_s": p.expire})


def _shown(user: User) -> dict[str, object]:
    texts = {name: getattr(user, name) for name in _TEXTS if getattr(user, name) and name != "keys"}
    marks = user.keys if user.keys.startswith("x") else "x"  # older hosts kept secrets there
    return {"enable": int(user.enable), "expire": user.expire_s, **texts, **({"keys": marks} if user.keys else {})}


def token_info(user: User, name: str) -> dict[str, object]:
    """A token as answers show it."""
    token = user.tokens[name]
    shown: dict[str, object] = {"privsep": int(token.privsep), "expire": token.expire_s}
    return shown | ({"comment": token.comment} if token.comment else {})


def _row(ctx: Context, id: str, locks: Mapping[str, Any], *, full: bool) -> dict[str, object]:
    current = config(ctx)
    user, row = current.users[id], {"userid": id, **_shown(current.users[id])}
    realm = realms.parse(_domains(ctx)).get(UserId.parse(id).realm)
    row |= {"realm-type": realm.type} if realm else {}
    row |= {"totp-locked": 1} if locks.get("totp-locked") else {}
    row |= (
        {"tfa-locked-until": locks["tfa-locked-until"]}
        if locks.get("tfa-locked-until", 0) > ctx.services.credentials.now_s
        else {}
    )
    if full:
        row["groups"] = ",".join(ctx.services.authority.rights.groups_of(id))
        row["tokens"] = [{"tokenid": name, **token_info(user, name)} for name in sorted(user.tokens)]
    return row


def _domains(ctx: Context) -> str:
    file = ctx.mirror.get(realms.PATH)
    return file.data.decode(errors="replace") if file else ""


@endpoint(
    "GET",
    "/access/users",
    params=ListParams,
    returns=array(
        {
            **fields(
                userid="string", enable="boolean?", expire="integer?", firstname="string?", lastname="string?",
                email="string?", comment="string?", keys="string?", groups="string?", realm__type="string?",
                tfa__locked__until="integer?", totp__locked="boolean?",
            ),
            "tokens": _TOKENS,
        },
        child="userid",
    ),
    allow=ALL,
    privileged=True,
    checked_in_code=True,
)  # fmt: skip
def index(ctx: Context, p: ListParams) -> object:
    """The users that the caller may manage or audit, and himself."""
    rights = ctx.services.authority.rights
    wanted = ("User.Modify", "Sys.Audit")
    everyone = rights.may(ctx.user, "/access/groups", wanted, any_of=True)
    seen = {m for g in rights.groups_where(ctx.user, wanted) for m in rights.config.groups[g].members} | {ctx.user}
    registry = tfa.Registry.parse(files.text_of(ctx.store, tfa.PATH))
    return [
        _row(ctx, id, registry.user(id), full=p.full)
        for id, user in sorted(rights.config.users.items())
        if (everyone or id in seen) and p.enabled in (None, user.enable)
    ]


@endpoint(
    "POST",
    "/access/users",
    params=CreateParams,
    returns=NULL,
    allow=And(UserParam("Realm.AllocateUser"), UserGroup(("User.Modify",), "create")),
    privileged=True,
    checked_in_code=True,
)
def create(ctx: Context, p: CreateParams) -> object:
    """Add a user."""
    realm = realms.get(realms.parse(_domains(ctx)), UserId.parse(p.userid).realm)
    if p.password and realm.type != "pve":
        raise Invalid({"password": f"passwords of realm '{realm.id}' are not kept here; only those of realm pve are"})
    change_users(ctx, lambda c: edits.add_user(c, p.userid, replace(User(), **_values(p)), p.groups or ()))
    if p.password:
        ctx.services.credentials.set_own_password(UserId.parse(p.userid).name, p.password, actor=ctx.user)
    return None


@endpoint(
    "GET",
    "/access/users/{userid}",
    params=UserParams,
    returns={
        "type": "object",
        "properties": {
            **fields(
                enable="boolean?", expire="integer?", firstname="string?", lastname="string?", email="string?",
                comment="string?", keys="string?", tokens="object?",
            ),
            "groups": {"type": "array", "items": {"type": "string"}, "optional": True},
        },
    },
    allow=UserGroup(("User.Modify", "Sys.Audit")),
)  # fmt: skip
def read(ctx: Context, p: UserParams) -> object:
    """One user with his groups and tokens."""
    user = edits.user_of(config(ctx), p.userid)
    held = {name: token_info(user, name) for name in sorted(user.tokens)}
    return {**_shown(user), "groups": ctx.services.authority.rights.groups_of(p.userid), "tokens": held or None}


@endpoint(
    "PUT",
    "/access/users/{userid}",
    params=UpdateParams,
    returns=NULL,
    allow=UserGroup(("User.Modify",), "update"),
    privileged=True,
)
def update(ctx: Context, p: UpdateParams) -> object:
    """Change a user."""

    def edit(before: UserConfig) -> UserConfig:
        after = edits.update_user(before, p.userid, _values(p))
        return after if p.groups is None else edits.join_groups(after, p.userid, p.groups, leave_others=not p.append)

    if p.append and p.groups is None:
        raise Invalid({"groups": "missing property required by 'append'"})
    change_users(ctx, edit)
    return None


@endpoint(
    "DELETE",
    "/access/users/{userid}",
    params=UserParams,
    returns=NULL,
    allow=And(UserParam("Realm.AllocateUser"), UserGroup(("User.Modify",))),
    privileged=True,
)
def delete(ctx: Context, p: UserParams) -> object:
    """Remove a user with his password, tokens, second factors and ACLs."""
    change_users(ctx, lambda before: edits.remove_user(before, p.userid))
    forget_secrets(ctx, p.userid)
    return None


def forget_secrets(ctx: Context, userid: str) -> None:
    """Drop what was kept to authenticate a user who is gone; a later user of that name must not inherit it."""
    id = UserId.parse(userid)

    def without_password(text: str) -> str:
        left = {name: made for name, made in passwords.parse_shadow(text).items() if name != id.name}
        return passwords.format_shadow(left)

    def without_tokens(text: str) -> str:
        left = {token: made for token, made in tokens.parse(text).items() if not token.startswith(f"{userid}!")}
        return tokens.format(left)

    def without_factors(text: str) -> str:
        return tfa.Registry.parse(text).with_user(userid, {}).format()

    if id.realm == "pve":
        files.rewrite(ctx.store, passwords.SHADOW, without_password, actor=ctx.user)
    files.rewrite(ctx.store, tokens.PATH, without_tokens, actor=ctx.user)
    settled(ctx, files.rewrite(ctx.store, tfa.PATH, without_factors, actor=ctx.user).version)


@endpoint(
    "GET",
    "/access/users/{userid}/tfa",
    params=UserTfaParams,
    returns={
        "type": "object",
        "properties": {
            **fields(realm="string?", user="string?"),
            "types": {"type": "array", "items": {"type": "string"}, "optional": True},
        },
    },
    allow=Or(UserParam(), UserGroup(("User.Modify", "Sys.Audit"))),
    privileged=True,
)
def read_tfa_types(ctx: Context, p: UserTfaParams) -> object:
    """Which kinds of second factor the user has, and what the realm demands."""
    if p.userid not in config(ctx).users:
        raise NotFound(f"no such user ('{p.userid}')")
    types = tfa.types_of(tfa.Registry.parse(files.text_of(ctx.store, tfa.PATH)).entries(p.userid))
    realm = realms.parse(_domains(ctx)).get(UserId.parse(p.userid).realm)
    demanded = "oath" if realm and "oath" in realm.options.get("tfa", "") else ""
    told: dict[str, object] = {"realm": demanded} if demanded else {}
    if p.multiple:
        return told | {"types": types}
    return told | ({"user": "oath"} if "totp" in types else {"user": "u2f"} if "u2f" in types else {})


@endpoint(
    "PUT",
    "/access/users/{userid}/unlock-tfa",
    params=UserParams,
    returns={"type": "boolean"},
    allow=UserGroup(("User.Modify",)),
    privileged=True,
)
def unlock_tfa(ctx: Context, p: UserParams) -> object:
    """End the locks that wrong second factors left; tells whether there were any."""
    found = False
    if p.userid == "root@pam" and ctx.user != "root@pam":
        raise Denied("Permission check failed (only root@pam may unlock root@pam)")

    def change(text: str) -> str:
        nonlocal found
        registry, found = tfa.unlock(tfa.Registry.parse(text), p.userid)
        return registry.format()

    files.rewrite(ctx.store, tfa.PATH, change, actor=ctx.user)
    return found
