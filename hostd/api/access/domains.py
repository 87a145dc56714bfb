"""``/access/domains``: realms. Logging in through directories and OpenID is not built yet; their settings are kept."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hostd.access import files, realms
from hostd.access.realms import Realm
from hostd.api import option_params
from hostd.api.access.index import NoParams
from hostd.api.access.kinds import REALM, settled
from hostd.api.context import Context
from hostd.api.endpoint import NULL, WORLD, Check, array, endpoint, fields
from hostd.core.digest import check_digest, digest
from hostd.core.errors import Invalid, NotFound, Unsupported
from hostd.core.formats import sections
from hostd.core.kinds import BOOLEAN, CONFIG_ID_LIST, DIGEST
from hostd.core.schema import Kind, param

_ALLOCATE = Check("/access/realm", "Realm.Allocate")


@dataclass(frozen=True, kw_only=True)
class RealmParams:
    """One realm."""

    realm: str = param(REALM, doc="Realm.")


@option_params.with_options({key: realms.OPTIONS[key] for key in sections.create_options(realms.FORM)})
@dataclass(frozen=True, kw_only=True)
class CreateParams(RealmParams):
    """A new realm."""

    type: str = param(Kind(enum=realms.TYPES), doc="Where its users come from.")
    check_connection: bool = param(
        BOOLEAN, name="check-connection", default=False, shown_default=0, doc="Try the server before storing."
    )


@option_params.with_options({key: realms.OPTIONS[key] for key in sections.update_options(realms.FORM)})
@dataclass(frozen=True, kw_only=True)
class UpdateParams(RealmParams):
    """A changed realm."""

    check_connection: bool = param(
        BOOLEAN, name="check-connection", default=False, shown_default=0, doc="Try the server before storing."
    )
    delete: list[str] = param(dataclasses.replace(CONFIG_ID_LIST, max_length=4096), default=(), doc="Options to drop.")
    digest: str = param(DIGEST, default="", doc="Fail unless the file still has this digest.")


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
    returns=array(
        fields(realm="string", type="string", comment="string?", default="boolean?", tfa="string?"), child="realm"
    ),
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
    given = option_params.given(p)
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
    return {**shown, "type": realm.type, "digest": digest(text.encode())}


@endpoint("PUT", "/access/domains/{realm}", params=UpdateParams, returns=NULL, allow=_ALLOCATE, privileged=True)
def update(ctx: Context, p: UpdateParams) -> object:
    """Change a realm's settings."""
    given = option_params.given(p)
    _refuse_what_is_not_built(p, given)
    public = {key: value for key, value in given.items() if key not in realms.SECRETS}

    def edit(text: str) -> str:
        check_digest(digest(text.encode()), p.digest)
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
