"""``/access/ticket``: log-in."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import NULL, WORLD, endpoint, fields
from hostd.core.errors import NotAuthenticated
from hostd.core.schema import Kind, param


@dataclass(frozen=True, kw_only=True)
class NoParams:
    """No parameters."""


@dataclass(frozen=True, kw_only=True)
class TicketParams:
    """A log-in by password, or a renewal by a ticket in its place."""

    username: str = param(Kind(max_length=64), doc="User, as name@realm or with the realm in its own parameter.")
    password: str = param(Kind(), doc="The password, or a valid ticket of the same user.")
    realm: str = param(Kind(max_length=32, format="pve-realm"), default="", doc="Realm, where the name has none.")
    new_format: bool = param(
        Kind(type="boolean"), name="new-format", default=True, shown_default=1, doc="Accepted for compatibility."
    )


@endpoint("GET", "/access/ticket", params=NoParams, returns=NULL, allow=WORLD)
def get_ticket(ctx: Context, p: NoParams) -> object:
    """Nothing; some clients ask for it before they log in."""
    return None


@endpoint(
    "POST",
    "/access/ticket",
    params=TicketParams,
    returns={
        "type": "object",
        "properties": fields(username="string", ticket="string?", CSRFPreventionToken="string?", cap="object?"),
    },
    allow=WORLD,
    privileged=True,
    checked_in_code=True,
)
def create_ticket(ctx: Context, p: TicketParams) -> object:
    """Log in: a ticket, the token that changes need beside it, and what the user may do."""
    user = p.username if "@" in p.username else f"{p.username}@{p.realm or 'pam'}"
    if p.realm and not user.endswith(f"@{p.realm}"):
        raise NotAuthenticated("authentication failure")
    ticket = ctx.services.credentials.login(user, p.password)
    return {
        "username": user,
        "ticket": ticket,
        "CSRFPreventionToken": ctx.services.credentials.csrf(user),
        "cap": ctx.services.authority.capabilities(user),
    }
