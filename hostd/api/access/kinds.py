"""Kinds of values under ``/access`` and ``/pools``, and how their files are changed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Final

from hostd.access import files, ids, users
from hostd.access.users import UserConfig
from hostd.api.context import Context
from hostd.core.errors import Unavailable
from hostd.core.kinds import check_storage_id, check_userid, check_vmid
from hostd.core.schema import Kind


def _label(what: str, sound: Callable[[str], bool]) -> Callable[[str], str]:
    return lambda value: "" if sound(value) else f"{what} '{value}' contains invalid characters"


def check_tokenid(value: str) -> str:
    """``user@realm!name``."""
    return "" if ids.token_or_none(value) else f"value '{value}' does not look like a valid token ID"


def check_email(value: str) -> str:
    """Empty, or a mailbox as people write them; no ``:``, which would break the file's fields."""
    sound = not value or re.fullmatch(r"[^\s:@<>,;]+@[^\s:@<>,;]+", value)
    return "" if sound else f"value '{value}' does not look like a valid email address"


def _realm_problem(value: str) -> str:
    return "" if ids.is_realm(value) else f"value '{value}' does not look like a valid realm"


_GROUP = _label("group name", ids.is_label)
_ROLE = _label("role ID", ids.is_label)
USERID: Final = Kind(format="pve-userid", check=check_userid, max_length=64)
USERIDS: Final = Kind(type="list", format="pve-userid", check=check_userid)
TOKENIDS: Final = Kind(type="list", format="pve-tokenid", check=check_tokenid)
TOKEN_NAME: Final = Kind(pattern=r"[A-Za-z][A-Za-z0-9.\-_]+")
GROUP: Final = Kind(format="pve-groupid", check=_GROUP)
GROUPS: Final = Kind(type="list", format="pve-groupid", check=_GROUP)
ROLE: Final = Kind(format="pve-roleid", check=_ROLE)
ROLES: Final = Kind(type="list", format="pve-roleid", check=_ROLE)
PRIVILEGES: Final = Kind(type="list", format="pve-priv", check=_label("privilege", lambda p: bool(p.isprintable())))
POOL: Final = Kind(format="pve-poolid", check=_label("pool name", ids.is_pool))
VMIDS: Final = Kind(type="list", format="pve-vmid", check=check_vmid)
STORAGES: Final = Kind(type="list", format="pve-storage-id", check=check_storage_id)
REALM: Final = Kind(format="pve-realm", check=_realm_problem, max_length=32)
EMAIL: Final = Kind(format="email-opt", check=check_email, max_length=254)
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
