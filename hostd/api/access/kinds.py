"""Kinds of values under ``/access`` and ``/pools``, and how their files are changed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from hostd.access import files, ids, users
from hostd.access.users import UserConfig
from hostd.api.context import Context
from hostd.core.errors import Unavailable
from hostd.core.schema import Kind


def _check_privilege(value: str) -> str:
    return "" if value.isprintable() else f"privilege '{value}' contains invalid characters"


USERID: Final = Kind(format="pve-userid", max_length=64)
USERIDS: Final = Kind(type="list", format="pve-userid")
TOKENIDS: Final = Kind(type="list", format="pve-tokenid")
TOKEN_NAME: Final = Kind(pattern=ids.TOKEN_NAME)
GROUP: Final = Kind(format="pve-groupid")
GROUPS: Final = Kind(type="list", format="pve-groupid")
ROLE: Final = Kind(format="pve-roleid")
ROLES: Final = Kind(type="list", format="pve-roleid")
# Which there are is asked where they are used: own ones are not in the format's list.
PRIVILEGES: Final = Kind(type="list", format="pve-priv", check=_check_privilege)
POOL: Final = Kind(format="pve-poolid")
VMIDS: Final = Kind(type="list", format="pve-vmid")
STORAGES: Final = Kind(type="list", format="pve-storage-id")
REALM: Final = Kind(format="pve-realm", max_length=32)
EMAIL: Final = Kind(format="email-opt", max_length=254)
EXPIRE: Final = Kind(type="integer", minimum=0)
OWN_PASSWORD: Final = Kind(min_length=5, max_length=64)
NEW_PASSWORD: Final = Kind(min_length=8, max_length=64)


def settled(ctx: Context, version: int) -> None:
    """Wait until this process sees a change of its own: the caller's next question must be answered by it."""
    with contextlib.suppress(Unavailable):  # it is made anyway
        ctx.mirror.wait_for(version)


def change_users(ctx: Context, edit: Callable[[UserConfig], UserConfig]) -> None:
    """Apply a change to ``user.cfg``; ``edit`` may be called again when others were faster."""
    file = files.rewrite(ctx.store, users.PATH, lambda text: users.format(edit(users.parse(text))), actor=ctx.user)
    settled(ctx, file.version)


def config(ctx: Context) -> UserConfig:
    """Users, groups, pools, roles and ACLs as this process sees them."""
    return ctx.services.authority.rights.config
