"""``pveum``: users, groups, roles, permissions, realms, pools, tokens."""

from __future__ import annotations

import getpass
import sys

from hostd.cli.commands import Command, Suite
from hostd.cli.program import main
from hostd.core.errors import Invalid


def ask_password(given: str) -> str:
    """A password: as given, else asked for at the terminal, else the first line of the input.

    What stands in argv can be seen by every user of the host; leave it out.
    """
    if given:
        return given
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Enter password: ")
    if getpass.getpass("Retype password: ") != password:
        raise Invalid({"password": "the two entries differ; nothing was changed"})
    return password


def ask_once(given: str) -> str:
    """As ``ask_password``, for a password that exists already."""
    if given:
        return given
    return getpass.getpass("Enter password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


_USER, _USERS = "/access/users/{userid}", "/access/users"
_TOKEN = "/access/users/{userid}/token/{tokenid}"
_PASSWORD = {"password": ask_password}
ROWS = (
    Command(words="user list", verb="GET", path=_USERS),
    Command(words="user add", verb="POST", path=_USERS, positional=["userid"], readers=_PASSWORD),
    Command(words="user modify", verb="PUT", path=_USER, positional=["userid"]),
    Command(words="user delete", verb="DELETE", path=_USER, positional=["userid"]),
    Command(words="user permissions", verb="GET", path="/access/permissions", positional=["userid"]),
    Command(words="user token list", verb="GET", path="/access/users/{userid}/token", positional=["userid"]),
    Command(words="user token add", verb="POST", path=_TOKEN, positional=["userid", "tokenid"]),
    Command(words="user token modify", verb="PUT", path=_TOKEN, positional=["userid", "tokenid"]),
    Command(words="user token delete", verb="DELETE", path=_TOKEN, positional=["userid", "tokenid"]),
    Command(words="user token remove", verb="DELETE", path=_TOKEN, positional=["userid", "tokenid"]),
    Command(words="user tfa list", verb="GET", path="/access/tfa/{userid}", positional=["userid"]),
    Command(words="user tfa delete", verb="DELETE", path="/access/tfa/{userid}/{id}", positional=["userid", "id"]),
    Command(words="user tfa unlock", verb="PUT", path="/access/users/{userid}/unlock-tfa", positional=["userid"]),
    Command(words="group list", verb="GET", path="/access/groups"),
    Command(words="group add", verb="POST", path="/access/groups", positional=["groupid"]),
    Command(words="group modify", verb="PUT", path="/access/groups/{groupid}", positional=["groupid"]),
    Command(words="group delete", verb="DELETE", path="/access/groups/{groupid}", positional=["groupid"]),
    Command(words="role list", verb="GET", path="/access/roles"),
    Command(words="role add", verb="POST", path="/access/roles", positional=["roleid"]),
    Command(words="role modify", verb="PUT", path="/access/roles/{roleid}", positional=["roleid"]),
    Command(words="role delete", verb="DELETE", path="/access/roles/{roleid}", positional=["roleid"]),
    Command(words="acl list", verb="GET", path="/access/acl"),
    Command(words="acl modify", verb="PUT", path="/access/acl", positional=["path"], fixed={"delete": 0}),
    Command(words="acl delete", verb="PUT", path="/access/acl", positional=["path"], fixed={"delete": 1}),
    Command(words="realm list", verb="GET", path="/access/domains"),
    Command(words="realm add", verb="POST", path="/access/domains", positional=["realm"], readers=_PASSWORD),
    Command(words="realm modify", verb="PUT", path="/access/domains/{realm}", positional=["realm"], readers=_PASSWORD),
    Command(words="realm delete", verb="DELETE", path="/access/domains/{realm}", positional=["realm"]),
    Command(words="realm sync", verb="POST", path="/access/domains/{realm}/sync", positional=["realm"]),
    Command(words="pool list", verb="GET", path="/pools"),
    Command(words="pool add", verb="POST", path="/pools", positional=["poolid"]),
    Command(words="pool modify", verb="PUT", path="/pools", positional=["poolid"]),
    Command(words="pool modify", verb="PUT", path="/pools/{poolid}", positional=["poolid"]),
    Command(words="pool delete", verb="DELETE", path="/pools", positional=["poolid"]),
    Command(words="pool delete", verb="DELETE", path="/pools/{poolid}", positional=["poolid"]),
    Command(
        words="passwd",
        verb="PUT",
        path="/access/password",
        positional=["userid"],
        readers=_PASSWORD,
        always=["password"],
    ),
    Command(
        words="ticket",
        verb="POST",
        path="/access/ticket",
        positional=["username"],
        readers={"password": ask_once},
        always=["password"],
        pick="ticket",
    ),
)
ALIASES = {
    **{f"user{old}": f"user {new}" for old, new in (("add", "add"), ("mod", "modify"), ("del", "delete"))},
    **{f"group{old}": f"group {new}" for old, new in (("add", "add"), ("mod", "modify"), ("del", "delete"))},
    **{f"role{old}": f"role {new}" for old, new in (("add", "add"), ("mod", "modify"), ("del", "delete"))},
    **{f"acl{old}": f"acl {new}" for old, new in (("mod", "modify"), ("del", "delete"))},
}
SUITE = Suite("pveum", "Users and their rights.", ROWS, ALIASES)


def entry() -> int:
    return main(SUITE.run)


if __name__ == "__main__":
    raise SystemExit(entry())
