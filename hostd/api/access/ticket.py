"""``/access/ticket``, ``/access/vncticket``, ``/access/password``: log-in, and what needs a password."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hostd.access.expressions import Check, require
from hostd.access.ids import ROOT, UserId
from hostd.access.login import Admitted
from hostd.api.access.index import NoParams
from hostd.api.access.kinds import NEW_PASSWORD, OWN_PASSWORD, PRIVILEGES, REALM, USERID, config
from hostd.api.access.tfa import confirm
from hostd.api.context import Context
from hostd.api.endpoint import NULL, WORLD, And, Or, UserGroup, UserParam, endpoint, fields
from hostd.core.errors import CommandFailed, Denied, HostError, Invalid, NotAuthenticated, NotFound, Unsupported
from hostd.core.kinds import BOOLEAN, INTEGER
from hostd.core.run import Secret
from hostd.core.schema import Kind, param

_SHORT = Kind(max_length=64)
_PRIVILEGES = Kind(type="list", format="pve-priv", max_length=64, check=PRIVILEGES.check)


@dataclass(frozen=True, kw_only=True)
class TicketParams:
    """A log-in by password, or a renewal by a ticket in its place."""

    username: str = param(_SHORT, doc="User, as name@realm or with the realm in its own parameter.")
    password: str = param(Kind(), doc="The password, a valid ticket, or the answer to a second factor's challenge.")
    realm: str = param(REALM, default="", doc="Realm, where the name has none.")
    otp: str = param(Kind(), default="", doc="Second factor at once, as type:value.")
    tfa_challenge: str = param(Kind(), name="tfa-challenge", default="", doc="The half ticket that is completed.")
    path: str = param(_SHORT, default="", doc="Only check whether the user has the privileges here.")
    privs: list[str] = param(_PRIVILEGES, default=(), doc="Privileges to check.")
    new_format: bool = param(
        BOOLEAN, name="new-format", default=True, shown_default=1, doc="Accepted for compatibility."
    )


@dataclass(frozen=True, kw_only=True)
class ConsoleTicketParams:
    """A console ticket to be checked."""

    authid: str = param(_SHORT, doc="User or full token id.")
    path: str = param(_SHORT, doc="ACL path of the console, such as /vms/100.")
    privs: list[str] = param(_PRIVILEGES, doc="Privileges that the user must have there.")
    vncticket: str = param(Kind(), doc="The console ticket.")
    port: int | None = param(INTEGER, default=None, doc="Port that the ticket is bound to.")


@dataclass(frozen=True, kw_only=True)
class PasswordParams:
    """A new password."""

    userid: str = param(USERID, doc="User, as name@realm.")
    password: str = param(NEW_PASSWORD, doc="The new password.")
    confirmation_password: str = param(
        OWN_PASSWORD, name="confirmation-password", default="", doc="Present password of the caller."
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
        "properties": fields(
            username="string", ticket="string?", CSRFPreventionToken="string?", cap="object?", clustername="string?",
            NeedTFA="boolean?",
        ),
    },
    allow=WORLD,
    privileged=True,
    checked_in_code=True,
    tokens=False,
)  # fmt: skip
def create_ticket(ctx: Context, p: TicketParams) -> object:
    """Log in: a ticket, the token that changes need beside it, and what the user may do."""
    user = p.username if "@" in p.username else f"{p.username}@{p.realm or 'pam'}"
    if p.realm and not user.endswith(f"@{p.realm}"):
        raise NotAuthenticated("authentication failure")
    if bool(p.path) != bool(p.privs):
        raise Invalid({"path" if p.privs else "privs": "path and privs are given together"})
    if p.path:
        ctx.services.credentials.verify(user, p.password, p.otp, p.path, tuple(p.privs))
        return {"username": user}
    return _answer(ctx, ctx.services.credentials.login(user, p.password, otp=p.otp, challenge=p.tfa_challenge))


def _answer(ctx: Context, admitted: Admitted) -> dict[str, object]:
    user = admitted.user
    told: dict[str, object] = {
        "username": user,
        "ticket": admitted.ticket,
        "CSRFPreventionToken": ctx.services.credentials.csrf(user),
    }
    if admitted.second_factor:
        return told | {"NeedTFA": 1}
    return told | {"cap": ctx.services.authority.capabilities(user)} | _cluster(ctx)


def _cluster(ctx: Context) -> dict[str, object]:
    file = ctx.mirror.get("corosync.conf")
    found = re.search(r"^\s*cluster_name:\s*(\S+)", file.data.decode(errors="replace"), re.M) if file else None
    return {"clustername": found[1]} if found else {}


@endpoint(
    "POST",
    "/access/vncticket",
    params=ConsoleTicketParams,
    returns=NULL,
    allow=WORLD,
    privileged=True,
    checked_in_code=True,
)
def verify_console_ticket(ctx: Context, p: ConsoleTicketParams) -> object:
    """Check a console ticket and its holder's privileges, for programs that serve consoles."""
    try:
        ctx.services.credentials.verify_console(p.authid, p.vncticket, p.path, p.port or 0)
        require(Check(p.path, *p.privs), ctx.services.authority.rights, p.authid, {})
    except Denied as err:
        raise NotAuthenticated("permission denied - invalid PVEVNC ticket") from err
    return None


@endpoint(
    "PUT",
    "/access/password",
    params=PasswordParams,
    returns=NULL,
    allow=Or(UserParam(), And(UserParam("Realm.AllocateUser"), UserGroup(("User.Modify",)))),
    privileged=True,
    checked_in_code=True,
    tokens=False,
)
def change_password(ctx: Context, p: PasswordParams) -> object:
    """Set a password; users confirm with their present one. Of realms pam and pve only."""
    if p.userid not in config(ctx).users:
        raise NotFound(f"no such user ('{p.userid}')")
    if p.userid == ROOT and ctx.user != ROOT:
        raise Denied("Permission check failed (only root@pam may change root@pam's password)")
    _confirm_own(ctx, p.confirmation_password)
    id = UserId.parse(p.userid)
    if id.realm == "pve":
        ctx.services.credentials.set_own_password(id.name, p.password, actor=ctx.user)
    elif id.realm == "pam":
        _set_host_password(ctx, id.name, p.password)
    else:
        raise Unsupported(f"passwords of realm '{id.realm}' are kept elsewhere; change it there")
    return None


def _confirm_own(ctx: Context, password: str) -> None:
    if ctx.user != ROOT and not password:
        raise Invalid({"confirmation-password": "your own present password is needed"})
    confirm(ctx, "", password)


def _set_host_password(ctx: Context, name: str, password: str) -> None:
    """By chpasswd, in a unit of its own: this process may not write /etc. The password goes through stdin."""
    if any(c in name + password for c in "\n\r\0") or ":" in name:
        raise Invalid({"password": "line breaks and NUL are not possible in passwords of the host's accounts"})
    argv: list[str | Secret] = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", "chpasswd"]
    try:
        ctx.run(argv, input=f"{name}:{password}\n".encode(), timeout_s=30)
    except CommandFailed as err:
        raise HostError(f"chpasswd refused the password of '{name}'; does the host have this account?") from err
