"""``/access/users/{userid}/token``: API tokens. A secret is shown once, by the call that makes it."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.access import edits, files, tokens
from hostd.access.ids import TokenId
from hostd.access.users import Token, User, UserConfig
from hostd.api.access.kinds import EXPIRE, TOKEN_NAME, USERID, change_users, config, settled
from hostd.api.access.users import UserParams, token_info
from hostd.api.context import Context
from hostd.api.endpoint import NULL, Or, UserGroup, UserParam, array, endpoint, fields
from hostd.core.errors import Invalid
from hostd.core.kinds import BOOLEAN, CONFIG_ID_LIST
from hostd.core.schema import Kind, param

_OWN = Or(UserParam(), UserGroup(("User.Modify",)))
_INFO = fields(comment="string?", expire="integer?", privsep="boolean?")
NEW = Token(privsep=True)
_PATH = "/access/users/{userid}/token/{tokenid}"


@dataclass(frozen=True, kw_only=True)
class TokenParams:
    """One token."""

    userid: str = param(USERID, doc="User, as name@realm.")
    tokenid: str = param(TOKEN_NAME, doc="Name of the token, without the user's.")


@dataclass(frozen=True, kw_only=True)
class TokenValues(TokenParams):
    """What can be said of a token."""

    comment: str | None = param(Kind(), default=None, doc="Free text.")
    expire: int | None = param(EXPIRE, default=None, doc="Unix time after which it is refused; 0: never.")
    privsep: bool | None = param(
        BOOLEAN, default=None, shown_default=1, doc="Whether it has rights of its own only (1), or all of its user (0)."
    )


@dataclass(frozen=True, kw_only=True)
class UpdateParams(TokenValues):
    """A changed token."""

    delete: list[str] = param(CONFIG_ID_LIST, default=(), doc="Properties to reset (comment, expire, privsep).")
    regenerate: bool = param(
        BOOLEAN, default=False, shown_default=0, doc="Make a new secret; the old one ends at once."
    )


def _changed(token: Token, p: TokenValues) -> Token:
    privsep = token.privsep if p.privsep is None else p.privsep
    expire_s = token.expire_s if p.expire is None else p.expire
    return Token(privsep=privsep, expire_s=expire_s, comment=token.comment if p.comment is None else p.comment)


def _keep_secret(ctx: Context, id: str, secret: str) -> None:
    """Store a token's secret, hashed; "" forgets it."""

    def change(text: str) -> str:
        left = {token: made for token, made in tokens.parse(text).items() if token != id}
        return tokens.format({**left, id: tokens.digest(secret)} if secret else left)

    settled(ctx, files.rewrite(ctx.store, tokens.PATH, change, actor=ctx.user).version)


@endpoint(
    "GET",
    "/access/users/{userid}/token",
    params=UserParams,
    returns=array({"tokenid": {"type": "string"}, **_INFO}, child="tokenid"),
    allow=_OWN,
)
def index(ctx: Context, p: UserParams) -> object:
    """A user's tokens."""
    user = edits.user_of(config(ctx), p.userid)
    return [{"tokenid": name, **token_info(user, name)} for name in sorted(user.tokens)]


@endpoint("GET", _PATH, params=TokenParams, returns={"type": "object", "properties": _INFO}, allow=_OWN)
def read(ctx: Context, p: TokenParams) -> object:
    """One token, without its secret."""
    edits.token_of(config(ctx), p.userid, p.tokenid)
    return token_info(config(ctx).users[p.userid], p.tokenid)


@endpoint(
    "POST",
    _PATH,
    params=TokenValues,
    returns={
        "type": "object",
        "properties": {**fields(full__tokenid="string", value="string"), "info": {"type": "object"}},
    },
    allow=_OWN,
    privileged=True,
)
def create(ctx: Context, p: TokenValues) -> object:
    """Make a token; the only answer that shows its secret."""
    id, secret, token = str(TokenId(user=p.userid, name=p.tokenid)), tokens.make_secret(), _changed(NEW, p)
    edits.set_token(config(ctx), p.userid, p.tokenid, token, new=True)  # before an existing one's secret is replaced
    change_users(ctx, lambda before: edits.set_token(before, p.userid, p.tokenid, token, new=True))
    _keep_secret(ctx, id, secret)
    return {"full-tokenid": id, "info": token_info(User(tokens={p.tokenid: token}), p.tokenid), "value": secret}


@endpoint(
    "PUT",
    _PATH,
    params=UpdateParams,
    returns={"type": "object", "properties": {**_INFO, **fields(full__tokenid="string?", value="string?")}},
    allow=_OWN,
    privileged=True,
)
def update(ctx: Context, p: UpdateParams) -> object:
    """Change a token's properties, or its secret."""
    if unknown := set(p.delete) - {"comment", "expire", "privsep"}:
        raise Invalid({"delete": f"unknown option '{sorted(unknown)[0]}'; known are comment, expire, privsep"})

    def edit(before: UserConfig) -> UserConfig:
        token = edits.token_of(before, p.userid, p.tokenid)
        kept = Token(
            comment=NEW.comment if "comment" in p.delete else token.comment,
            expire_s=NEW.expire_s if "expire" in p.delete else token.expire_s,
            privsep=NEW.privsep if "privsep" in p.delete else token.privsep,
        )
        return edits.set_token(before, p.userid, p.tokenid, _changed(kept, p), new=False)

    edit(config(ctx))
    id, secret = str(TokenId(user=p.userid, name=p.tokenid)), tokens.make_secret() if p.regenerate else ""
    if secret:  # first, as the write of user.cfg is what makes other processes forget their verdicts
        _keep_secret(ctx, id, secret)
    change_users(ctx, edit)
    shown = token_info(config(ctx).users[p.userid], p.tokenid)
    return shown | ({"full-tokenid": id, "value": secret} if secret else {})


@endpoint("DELETE", _PATH, params=TokenParams, returns=NULL, allow=_OWN, privileged=True)
def delete(ctx: Context, p: TokenParams) -> object:
    """Remove a token and its ACLs; it is refused at once."""
    edits.token_of(config(ctx), p.userid, p.tokenid)
    _keep_secret(ctx, str(TokenId(user=p.userid, name=p.tokenid)), "")
    change_users(ctx, lambda before: edits.remove_token(before, p.userid, p.tokenid))
    return None
