"""Changes of ``user.cfg``, each a pure function from one state to the next; what cannot be raises.

Messages name the object as clients expect them (shared ``api/README.md``: absence is recognised by message).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from hostd.access.ids import ROOT, TokenId
from hostd.access.paths import may_hold_acl, normalise
from hostd.access.privileges import BUILTIN_ROLES, GRANTABLE, HOST_PRIVILEGES, NO_ACCESS
from hostd.access.rights import Rights
from hostd.access.users import AclKey, Group, Kind, Pool, Token, User, UserConfig
from hostd.core.errors import Conflict, Denied, HostError, Invalid, NotFound

T = TypeVar("T")


def _known(objects: Mapping[str, T], what: str, id: str) -> T:
    if id not in objects:
        raise NotFound(f"{what} '{id}' does not exist")
    return objects[id]


def _refuse_known(objects: Mapping[str, object], what: str, id: str) -> None:
    if id in objects:
        raise Conflict(f"{what} '{id}' already exists")


def _without(objects: Mapping[str, T], id: str) -> dict[str, T]:
    return {key: value for key, value in objects.items() if key != id}


# --- users


def user_of(config: UserConfig, id: str) -> User:
    """A user. Raises NotFound."""
    if id not in config.users:
        raise NotFound(f"no such user ('{id}')")
    return config.users[id]


def _with_user(config: UserConfig, id: str, user: User) -> UserConfig:
    return replace(config, users={**config.users, id: user})


def add_user(config: UserConfig, id: str, user: User, groups: Iterable[str]) -> UserConfig:
    """With a new user, in the groups."""
    if id in config.users:
        raise Conflict(f"create user failed: user '{id}' already exists")
    return join_groups(_with_user(config, id, user), id, groups)


def update_user(config: UserConfig, id: str, values: Mapping[str, Any]) -> UserConfig:
    """With fields of a user set."""
    user = user_of(config, id)
    if id == ROOT and values.get("enable") is False:
        raise Invalid({"enable": "root@pam cannot be disabled: nobody could undo it through this interface"})
    if id == ROOT and values.get("expire_s"):
        raise Invalid({"expire": "root@pam cannot expire: nobody could undo it through this interface"})
    return _with_user(config, id, replace(user, **values))


def join_groups(config: UserConfig, id: str, groups: Iterable[str], *, leave_others: bool = False) -> UserConfig:
    """With the user in the groups, which must exist."""
    wanted = set(groups)
    for group in sorted(wanted):
        group_of(config, group)
    found = dict(config.groups)
    for name, each in config.groups.items():
        if name in wanted:
            found[name] = replace(each, members=each.members | {id})
        elif leave_others:
            found[name] = replace(each, members=each.members - {id})
    return replace(config, groups=found)


def remove_user(config: UserConfig, id: str) -> UserConfig:
    """Without the user, his tokens, memberships and ACLs."""
    user = user_of(config, id)
    if id == ROOT:
        raise HostError(f"user '{ROOT}' cannot be removed")
    tokens = {str(TokenId(user=id, name=name)) for name in user.tokens}
    gone = {("user", id), *(("token", token) for token in tokens)}
    return replace(
        config,
        users=_without(config.users, id),
        groups={name: replace(group, members=group.members - {id}) for name, group in config.groups.items()},
        acl=_acl_without(config.acl, gone),
    )


def _acl_without(acl: Mapping[AclKey, bool], gone: set[tuple[str, str]]) -> dict[AclKey, bool]:
    return {key: propagate for key, propagate in acl.items() if (key[1], key[2]) not in gone}


# --- tokens


def token_of(config: UserConfig, user: str, name: str) -> Token:
    """A token of a user. Raises NotFound."""
    token = user_of(config, user).tokens.get(name)
    if token is None:
        raise NotFound(f"no such token '{name}' for user '{user}'")
    return token


def set_token(config: UserConfig, user: str, name: str, token: Token, *, new: bool) -> UserConfig:
    """With a token made (``new``) or changed."""
    owner = user_of(config, user)
    if new and name in owner.tokens:
        raise Conflict(f"Token already exists: '{TokenId(user=user, name=name)}'")
    if not new:
        token_of(config, user, name)
    return _with_user(config, user, replace(owner, tokens={**owner.tokens, name: token}))


def remove_token(config: UserConfig, user: str, name: str) -> UserConfig:
    """Without the token and its ACLs."""
    token_of(config, user, name)
    owner = config.users[user]
    tokens = _without(owner.tokens, name)
    gone = {("token", str(TokenId(user=user, name=name)))}
    after = _with_user(config, user, replace(owner, tokens=tokens))
    return replace(after, acl=_acl_without(config.acl, gone))


# --- groups


def group_of(config: UserConfig, id: str) -> Group:
    """A group. Raises NotFound."""
    return _known(config.groups, "group", id)


def add_group(config: UserConfig, id: str, comment: str) -> UserConfig:
    """With a new, empty group."""
    _refuse_known(config.groups, "group", id)
    return replace(config, groups={**config.groups, id: Group(comment=comment)})


def comment_group(config: UserConfig, id: str, comment: str) -> UserConfig:
    """With a group's comment set."""
    return replace(config, groups={**config.groups, id: replace(group_of(config, id), comment=comment)})


def remove_group(config: UserConfig, id: str) -> UserConfig:
    """Without the group and its ACLs."""
    group_of(config, id)
    groups = _without(config.groups, id)
    return replace(config, groups=groups, acl=_acl_without(config.acl, {("group", id)}))


# --- roles


def role_of(config: UserConfig, id: str) -> frozenset[str]:
    """A role's privileges, built-in or own. Raises NotFound."""
    found = config.privileges_of(id)
    if found is None:
        raise NotFound(f"role '{id}' does not exist")
    return found


def set_role(
    config: UserConfig, id: str, privileges: Iterable[str], *, new: bool, append: bool = False, caller: str = ROOT
) -> UserConfig:
    """With a role made (``new``) or its privileges set or (``append``) added to.

    Only ``root@pam`` puts privileges that make root on the host into a role.
    """
    wanted = frozenset(privileges)
    if caller != ROOT and (host := sorted(wanted & set(HOST_PRIVILEGES))):
        raise Denied(f"Permission check failed (user != root@pam): only root@pam puts '{host[0]}' into a role")
    if unknown := wanted - set(GRANTABLE):
        raise Invalid({"privs": f"invalid privilege '{sorted(unknown)[0]}'; see GET /access/roles/Administrator"})
    if new:
        _refuse_known({**config.roles, **BUILTIN_ROLES}, "role", id)
    if not new:
        before = role_of(config, id)
        _own_role(id)
        wanted |= before if append else frozenset()
    return replace(config, roles={**config.roles, id: wanted})


def _own_role(id: str) -> None:
    if id in BUILTIN_ROLES:
        raise HostError(f"auto-generated role '{id}' cannot be changed or deleted; make a role of your own instead")


def remove_role(config: UserConfig, id: str) -> UserConfig:
    """Without the role and the ACLs that give it."""
    role_of(config, id)
    _own_role(id)
    roles = _without(config.roles, id)
    return replace(config, roles=roles, acl={key: p for key, p in config.acl.items() if key[3] != id})


# --- ACLs


def set_acl(
    config: UserConfig,
    path: str,
    roles: Iterable[str],
    holders: Iterable[tuple[Kind, str]],
    *,
    propagate: bool,
    delete: bool,
    caller: str,
) -> UserConfig:
    """With the roles given to (``delete``: taken from) the holders at a path.

    Who may change it only as the owner of the object (not by Permissions.Modify) may hand out no more than he has.
    """
    where, wanted, people = normalise(path), list(roles), list(holders)
    if where is None or (not delete and not may_hold_acl(where)):
        raise Invalid({"path": f"invalid ACL path '{path}'"})
    if not people:
        raise Invalid({"users": "name at least one user, group or token (users, groups, tokens)"})
    for role in wanted:
        if not (delete and role not in BUILTIN_ROLES and role not in config.roles):
            role_of(config, role)
        _check_handed_out(Rights(config), where, role, caller, propagate=propagate, delete=delete)
    if delete:
        gone = {(where, kind, who, role) for kind, who in people for role in wanted}
        return replace(config, acl={key: p for key, p in config.acl.items() if key not in gone})
    for kind, who in people:
        _check_exists(config, kind, who)
    made: dict[AclKey, bool] = {(where, kind, who, role): propagate for kind, who in people for role in wanted}
    return replace(config, acl={**config.acl, **made})


def _check_exists(config: UserConfig, kind: Kind, who: str) -> None:
    match kind:
        case "user":
            user_of(config, who)
        case "group":
            group_of(config, who)
        case "token":
            token = TokenId.parse(who)
            token_of(config, token.user, token.name)


def _check_handed_out(rights: Rights, path: str, role: str, caller: str, *, propagate: bool, delete: bool) -> None:
    held = rights.privileges(caller, path)
    given = rights.config.privileges_of(role) or frozenset()
    if caller != ROOT and (host := sorted(given & set(HOST_PRIVILEGES) - set(held))):
        raise Denied(f"Permission check failed ({path}, {host[0]}): root on the host is given by who has it")
    if "Permissions.Modify" in held:
        return
    missing = {p for p in given if p not in held or (propagate and not delete and not held[p])}
    if missing or role == NO_ACCESS:
        raise Denied(
            f"Permission check failed ({path}, Permissions.Modify): without it you can only "
            f"{'take' if delete else 'give'} roles whose privileges you hold there yourself"
        )


# --- pools


def pool_of(config: UserConfig, id: str) -> Pool:
    """A pool. Raises NotFound."""
    return _known(config.pools, "pool", id)


def add_pool(config: UserConfig, id: str, comment: str) -> UserConfig:
    """With a new, empty pool; the pool above it must exist."""
    _refuse_known(config.pools, "pool", id)
    parent, slash, _ = id.rpartition("/")
    if slash:
        _known(config.pools, "parent pool", parent)
    return replace(config, pools={**config.pools, id: Pool(comment=comment)})


def remove_pool(config: UserConfig, id: str) -> UserConfig:
    """Without an empty pool and its ACLs."""
    pool = pool_of(config, id)
    if pool.vms or pool.storage:
        members = [f"guest {vmid}" for vmid in sorted(pool.vms)] + [f"storage {name}" for name in sorted(pool.storage)]
        raise Conflict(f"pool '{id}' is not empty (contains {', '.join(members[:5])}); take its members out first")
    if children := [other for other in config.pools if other.startswith(f"{id}/")]:
        raise Conflict(f"pool '{id}' is not empty (contains pool {children[0]})")
    pools = _without(config.pools, id)
    return replace(config, pools=pools, acl={key: p for key, p in config.acl.items() if key[0] != f"/pool/{id}"})


def pool_of_guest(config: UserConfig, vmid: int) -> str:
    """The pool that a guest is in, or ""."""
    return next((id for id, pool in config.pools.items() if vmid in pool.vms), "")


def change_members(
    config: UserConfig, id: str, vms: Iterable[int], storages: Iterable[str], *, delete: bool, move: bool
) -> UserConfig:
    """With members added to or (``delete``) taken from a pool. ``move``: a guest may come from another pool."""
    pool, guests, stores = pool_of(config, id), set(vms), set(storages)
    if delete:
        wrong = [f"VM {vmid}" for vmid in sorted(guests - pool.vms)]
        wrong += [f"Storage '{name}'" for name in sorted(stores - pool.storage)]
        if wrong:
            raise NotFound(f"{wrong[0]} is not a pool member of '{id}'")
        after = replace(pool, vms=pool.vms - guests, storage=pool.storage - stores)
        return replace(config, pools={**config.pools, id: after})
    pools = dict(config.pools)
    for vmid in sorted(guests):
        other = pool_of_guest(config, vmid)
        if other == id or (other and not move):
            raise Conflict(
                f"VM {vmid} is already a pool member of '{other}'" + ("" if other == id else " (allow-move)")
            )
        if other:
            pools[other] = replace(pools[other], vms=pools[other].vms - {vmid})
    if known := sorted(stores & pool.storage):
        raise Conflict(f"Storage '{known[0]}' is already a pool member of '{id}'")
    pools[id] = replace(pools[id], vms=pools[id].vms | guests, storage=pools[id].storage | stores)
    return replace(config, pools=pools)


def comment_pool(config: UserConfig, id: str, comment: str) -> UserConfig:
    """With a pool's comment set."""
    return replace(config, pools={**config.pools, id: replace(pool_of(config, id), comment=comment)})
