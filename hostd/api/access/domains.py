"""``/access/domains``: realms. Logging in through directories and OpenID is not built yet; their settings are kept."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hostd.access import files, realms
from hostd.access.realms import Realm
from hostd.api.access.index import NoParams
from hostd.api.access.kinds import REALM, settled
from hostd.api.context import Context
from hostd.api.endpoint import NULL, WORLD, Check, array, endpoint, fields
from hostd.core.errors import Conflict, Invalid, NotFound, Unsupported
from hostd.core.formats.propstring import Format
from hostd.core.kinds import BOOLEAN, CONFIG_ID_LIST, DIGEST
from hostd.core.schema import Kind, param, rows
from hostd.guests.options import to_text

_PREFIX: Final = "option_"
_ALLOCATE = Check("/access/realm", "Realm.Allocate")
_TFA = Format(
    keys={
        "type": Kind(enum=("yubico", "oath")),
        "digits": Kind(type="integer", minimum=6, maximum=8),
        "step": Kind(type="integer", minimum=10),
        "id": Kind(),
        "key": Kind(),
        "url": Kind(),
    },
    default_key="type",
    required=frozenset({"type"}),
)
_SYNC = Format(
    keys={
        "enable-new": BOOLEAN,
        "full": BOOLEAN,
        "purge": BOOLEAN,
        "remove-vanished": Kind(pattern="(?:(?:(?:acl|properties|entry);)*(?:acl|properties|entry))|none"),
        "scope": Kind(enum=("users", "groups", "both")),
    }
)
_ATTRIBUTE = Kind(format="ldap-simple-attr", pattern=r"[a-zA-Z0-9;-]+", max_length=256)
_ATTRIBUTES = Kind(type="list", format="ldap-simple-attr")
_TEXT = Kind(max_length=256)
_QUIET = Kind(pattern=r'[^\x00-\x1F\x7F <>#"]*')
_ADDRESS = Kind(
    format="address", check=lambda v: "" if v and not set(v) & set(" \t/") else "no address", max_length=256
)
# Wire name -> what it is, what it means, the default that the schema tells.
_OPTIONS: Final[dict[str, tuple[Kind, str, object]]] = {
    "acr-values": (_QUIET, "OpenID: authentication classes to ask for.", None),
    "audiences": (_QUIET, "OpenID: further audiences to accept.", None),
    "autocreate": (BOOLEAN, "OpenID: make users at their first log-in.", 0),
    "base_dn": (_TEXT, "LDAP: where users are searched.", None),
    "bind_dn": (_TEXT, "LDAP: whom to bind as.", None),
    "capath": (Kind(), "Certificates of authorities: a file or folder.", "/etc/ssl/certs"),
    "case-sensitive": (BOOLEAN, "Whether user names differ by case.", 1),
    "cert": (Kind(), "Client certificate.", None),
    "certkey": (Kind(), "Key of the client certificate.", None),
    "client-id": (_TEXT, "OpenID: our id at the provider.", None),
    "client-key": (_TEXT, "OpenID: our secret at the provider; kept apart and never shown.", None),
    "comment": (Kind(max_length=4096), "Free text.", None),
    "default": (BOOLEAN, "Offer this realm first.", None),
    "domain": (Kind(pattern=r"\S+", max_length=256), "AD: domain.", None),
    "filter": (Kind(max_length=2048), "LDAP: filter of users.", None),
    "group_classes": (_ATTRIBUTES, "LDAP: classes of groups.", "groupOfNames, group, univentionGroup, ipausergroup"),
    "group_dn": (_TEXT, "LDAP: where groups are searched.", None),
    "group_filter": (Kind(max_length=2048), "LDAP: filter of groups.", None),
    "group_name_attr": (_ATTRIBUTE, "LDAP: attribute with a group's name.", None),
    "groups-autocreate": (BOOLEAN, "OpenID: make groups that the provider names.", 0),
    "groups-claim": (Kind(pattern=r"[A-Za-z0-9.\-_]+", max_length=256), "OpenID: claim with the user's groups.", None),
    "groups-overwrite": (BOOLEAN, "OpenID: let the claim replace a user's groups.", 0),
    "issuer-url": (_TEXT, "OpenID: the provider.", None),
    "mode": (Kind(enum=("ldap", "ldaps", "ldap+starttls")), "LDAP: protection of the connection.", "ldap"),
    "password": (Kind(), "LDAP: password to bind with; kept apart and never shown.", None),
    "port": (Kind(type="integer", minimum=1, maximum=65535), "Port of the server.", None),
    "prompt": (Kind(pattern=r"(?:none|login|consent|select_account|\S+)"), "OpenID: what the provider asks.", None),
    "query-userinfo": (BOOLEAN, "OpenID: ask the provider's userinfo.", 1),
    "scopes": (Kind(), "OpenID: scopes to ask for.", None),
    "secure": (BOOLEAN, "LDAP: TLS (use mode instead).", None),
    "server1": (_ADDRESS, "Server.", None),
    "server2": (_ADDRESS, "Second server.", None),
    "sslversion": (Kind(enum=("tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3")), "TLS version.", None),
    "sync-defaults-options": (Kind(format="realm-sync-options", check=_SYNC.check), "Defaults of syncs.", None),
    "sync_attributes": (Kind(pattern=r"\w+=[^,]+(,\s*\w+=[^,]+)*"), "LDAP: our field=attribute, in pairs.", None),
    "tfa": (Kind(format="pve-tfa-config", check=_TFA.check, max_length=128), "Second factor that all need.", None),
    "user_attr": (Kind(pattern=r"\S{2,}", max_length=256), "LDAP: attribute with the user's name.", None),
    "user_classes": (_ATTRIBUTES, "LDAP: classes of users.", "inetorgperson, posixaccount, person, user"),
    "username-claim": (Kind(), "OpenID: claim with the user's name.", None),
    "verify": (BOOLEAN, "Check the server's certificate.", 0),
}


def _with_options(*, fixed: bool) -> Callable[[type], Any]:
    """Add every realm option to a class of parameters; ``fixed``: also those that are set once."""

    def extend(cls: type) -> type:
        added: list[Any] = [
            (_PREFIX + name.replace("-", "_"), Any, param(kind, doc=doc, default=None, name=name, shown_default=shown))
            for name, (kind, doc, shown) in _OPTIONS.items()
            if fixed or name != "username-claim"
        ]
        made = dataclasses.make_dataclass(cls.__name__, added, bases=(cls,), frozen=True, kw_only=True)
        made.__doc__, made.__module__ = cls.__doc__, cls.__module__
        return made

    return extend


@dataclass(frozen=True, kw_only=True)
class RealmParams:
    """One realm."""

    realm: str = param(REALM, doc="Realm.")


@_with_options(fixed=True)
@dataclass(frozen=True, kw_only=True)
class CreateParams(RealmParams):
    """A new realm."""

    type: str = param(Kind(enum=("ad", "ldap", "openid", "pam", "pve")), doc="Where its users come from.")
    check_connection: bool = param(
        BOOLEAN, name="check-connection", default=False, shown_default=0, doc="Try the server before storing."
    )


@_with_options(fixed=False)
@dataclass(frozen=True, kw_only=True)
class UpdateParams(RealmParams):
    """A changed realm."""

    check_connection: bool = param(
        BOOLEAN, name="check-connection", default=False, shown_default=0, doc="Try the server before storing."
    )
    delete: list[str] = param(dataclasses.replace(CONFIG_ID_LIST, max_length=4096), default=(), doc="Options to drop.")
    digest: str = param(DIGEST, default="", doc="Fail unless the file still has this digest.")


def _given(p: object) -> dict[str, str]:
    found = {}
    for row in rows(type(p)):
        if row.attribute.startswith(_PREFIX) and (value := getattr(p, row.attribute)) is not None:
            found[row.wire] = ",".join(value) if isinstance(value, list) else to_text(value)
    return found


def _text(ctx: Context) -> str:
    file = ctx.mirror.get(realms.PATH)
    return file.data.decode(errors="replace") if file else ""


def _refuse_what_is_not_built(p: Any, given: dict[str, str]) -> None:
    if p.check_connection:
        raise Unsupported("check-connection is not built yet: log-in through other servers is not")
    if "yubico" in given.get("tfa", ""):
        raise Invalid({"tfa": "second factors of type yubico are not built; nobody of the realm could log in"})


def _keep_secrets(ctx: Context, realm: str, given: dict[str, str]) -> None:
    for option in realms.SECRETS:
        if option in given:
            ctx.store.mkdir("priv/realm", parents=True, actor=ctx.user)
            ctx.store.write(realms.secret_path(realm, option), given[option].encode(), actor=ctx.user)


def _change(ctx: Context, edit: Callable[[str], str]) -> None:
    settled(ctx, files.rewrite(ctx.store, realms.PATH, edit, actor=ctx.user).version)


@endpoint(
    "GET",
    "/access/domains",
    params=NoParams,
    returns=array(fields(realm="string", type="string", comment="string?", tfa="string?"), child="realm"),
    allow=WORLD,
    checked_in_code=True,
)
def index(ctx: Context, p: NoParams) -> object:
    """Realms that one may log in to, told before log-in: no more than a log-in form needs."""
    found = []
    for realm in realms.parse(_text(ctx)).values():
        shown: dict[str, object] = {"realm": realm.id, "type": realm.type}
        comment = realm.options.get("comment") or realms.COMMENTS.get(realm.id, "")
        shown |= {"comment": comment} if comment else {}
        shown |= {"default": 1} if realm.options.get("default") == "1" else {}
        shown |= {"tfa": "oath"} if "oath" in realm.options.get("tfa", "") else {}
        found.append(shown)
    return found


@endpoint("POST", "/access/domains", params=CreateParams, returns=NULL, allow=_ALLOCATE, privileged=True)
def create(ctx: Context, p: CreateParams) -> object:
    """Add a realm."""
    given = _given(p)
    _refuse_what_is_not_built(p, given)
    public = {key: value for key, value in given.items() if key not in realms.SECRETS}
    realm = Realm(id=p.realm, type=p.type, options=public)
    _change(ctx, lambda text: realms.add(text, realm, given=given))
    _keep_secrets(ctx, p.realm, given)
    return None


@endpoint(
    "GET",
    "/access/domains/{realm}",
    params=RealmParams,
    returns={},
    allow=Check("/access/realm", "Realm.Allocate", "Sys.Audit", any_of=True),
)
def read(ctx: Context, p: RealmParams) -> object:
    """One realm's settings, without secrets."""
    text = _text(ctx)
    realm = realms.get(realms.parse(text), p.realm)
    shown = {key: value for key, value in realm.options.items() if key not in realms.SECRETS}
    return {**shown, "type": realm.type, "digest": realms.digest(text)}


@endpoint("PUT", "/access/domains/{realm}", params=UpdateParams, returns=NULL, allow=_ALLOCATE, privileged=True)
def update(ctx: Context, p: UpdateParams) -> object:
    """Change a realm's settings."""
    given = _given(p)
    _refuse_what_is_not_built(p, given)
    public = {key: value for key, value in given.items() if key not in realms.SECRETS}

    def edit(text: str) -> str:
        if p.digest and p.digest != realms.digest(text):
            raise Conflict("detected modified configuration - file changed by other user? Try again.")
        return realms.update(text, p.realm, public, p.delete, given=given)

    _change(ctx, edit)
    _keep_secrets(ctx, p.realm, given)
    _forget_secrets(ctx, p.realm, set(p.delete))
    return None


def _forget_secrets(ctx: Context, realm: str, options: set[str]) -> None:
    for option in options & set(realms.SECRETS):
        with contextlib.suppress(NotFound):
            ctx.store.delete(realms.secret_path(realm, option), actor=ctx.user)


@endpoint("DELETE", "/access/domains/{realm}", params=RealmParams, returns=NULL, allow=_ALLOCATE, privileged=True)
def delete(ctx: Context, p: RealmParams) -> object:
    """Remove a realm; its users stay listed, but cannot log in."""
    _change(ctx, lambda text: realms.remove(text, p.realm))
    _forget_secrets(ctx, p.realm, set(realms.SECRETS))
    return None
