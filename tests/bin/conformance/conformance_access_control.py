"""Area ``access-control``: what user.cfg says and permits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from hostd.access import paths, users
from hostd.access.directory import Found, SyncOptions, sync
from hostd.access.expressions import from_form, from_schema, why_not
from hostd.access.ids import TokenId, UserId
from hostd.access.privileges import BUILTIN_ROLES
from hostd.access.rights import Rights, may_see_permissions_of
from hostd.core.errors import Denied, Invalid, NotFound

Case = dict[str, Any]


def told(config: users.UserConfig) -> dict[str, object]:
    """A configuration in the terms of the cases."""
    return {
        "users": {id: _user(user) for id, user in config.users.items()},
        "groups": {id: {"members": sorted(g.members), **_comment(g.comment)} for id, g in config.groups.items()},
        "roles": {id: sorted(privileges) for id, privileges in config.roles.items()},
        "pools": {id: _pool(id, pool) for id, pool in config.pools.items()},
        "acl": [
            {"path": e.path, "type": e.kind, "ugid": e.who, "roleid": e.role, "propagate": e.propagate}
            for e in config.entries()
        ],
    }


def _comment(text: str) -> dict[str, str]:
    return {"comment": text} if text else {}


def _user(user: users.User) -> dict[str, object]:
    texts = {key: value for key, value in asdict(user).items() if isinstance(value, str) and value}
    tokens = {
        name: {"expire": token.expire_s, "privsep": token.privsep, **_comment(token.comment)}
        for name, token in user.tokens.items()
    }
    return {"enable": user.enable, "expire": user.expire_s, **texts, **({"tokens": tokens} if tokens else {})}


def _pool(id: str, pool: users.Pool) -> dict[str, object]:
    parent = {"parent": id.rpartition("/")[0]} if "/" in id else {}
    return {"vms": sorted(pool.vms), "storage": sorted(pool.storage), **_comment(pool.comment), **parent}


def heard(config: Mapping[str, Any]) -> users.UserConfig:
    """The inverse of ``told``."""
    return users.UserConfig(
        users={id: _heard_user(user) for id, user in config["users"].items()},
        groups={
            id: users.Group(members=frozenset(g["members"]), comment=g.get("comment", ""))
            for id, g in config["groups"].items()
        },
        roles={id: frozenset(privileges) for id, privileges in config["roles"].items()},
        pools={
            id: users.Pool(
                vms=frozenset(int(v) for v in p["vms"]), storage=frozenset(p["storage"]), comment=p.get("comment", "")
            )
            for id, p in config["pools"].items()
        },
        acl={(e["path"], e["type"], e["ugid"], e["roleid"]): bool(int(e["propagate"])) for e in config["acl"]},
    )


def _heard_user(user: Mapping[str, Any]) -> users.User:
    texts = {k: v for k, v in user.items() if k not in ("enable", "expire", "tokens")}
    tokens = {
        name: users.Token(expire_s=int(t["expire"]), privsep=bool(int(t["privsep"])), comment=t.get("comment", ""))
        for name, t in user.get("tokens", {}).items()
    }
    return users.User(enable=bool(int(user["enable"])), expire_s=int(user["expire"]), tokens=tokens, **texts)


def _rights(case: Case) -> Rights:
    return Rights(users.parse(case["user_cfg"]))


def normalised(case: Case) -> str:
    path = paths.normalise(case["path"])
    if path is None:
        raise Invalid({"path": "not an ACL path"})
    return path


def permissions(case: Case) -> object:
    rights, param = _rights(case), case["param"]
    authid = param.get("userid") or case["rpcuser"]
    if not may_see_permissions_of(rights, case["rpcuser"], authid):
        raise Denied("Permission check failed (/access, Sys.Audit)")
    return {param["path"]: rights.privileges(authid, param["path"])} if "path" in param else rights.effective(authid)


def permission_check(case: Case) -> object:
    rights = _rights(case)
    allow = from_form(case["check"]) if "check" in case else from_schema(case.get("permissions"))
    return {user: not why_not(allow, rights, user, case["param"]) for user in case["users"]}


def builtin_role(case: Case) -> object:
    if case["roleid"] not in BUILTIN_ROLES:
        raise NotFound(f"no built-in role '{case['roleid']}'")
    return sorted(BUILTIN_ROLES[case["roleid"]])


def realm_sync(case: Case) -> object:
    param, directory = dict(case["param"]), case["directory"]
    realm = param.pop("realm")
    options = SyncOptions.make(realm, case["realms"].get(realm, {}), param)
    people = [Found(dn=u["dn"], attributes=u["attributes"]) for u in directory["user"]]
    groups = [Found(dn=g["dn"], members=tuple(g["members"]), name=g.get("name", "")) for g in directory["groups"]]
    return told(sync(heard(case["config"]), people, groups, options))


def _token(case: Case) -> object:
    token = TokenId.parse(case["tokenid"])
    return {"user": token.user, "token": token.name}


def _userid(case: Case) -> object:
    user = UserId.parse(case["userid"])
    return {"user": user.name, "realm": user.realm}


OPERATIONS: dict[str, Callable[[Case], object]] = {
    "user-cfg-parse": lambda case: told(users.parse(case["raw"])),
    "user-cfg-rewrite": lambda case: users.format(users.parse(case["raw"])),
    "user-cfg-write": lambda case: users.format(heard(case["config"])),
    "roles": lambda case: dict(_rights(case).roles(case["user"], case["path"])),
    "privileges": lambda case: dict(_rights(case).privileges(case["user"], case["path"])),
    "privileges-at-paths": lambda case: {
        path: dict(rights.privileges(case["user"], path)) for rights in (_rights(case),) for path in case["paths"]
    },
    "effective-permissions": lambda case: _rights(case).effective(case["user"]),
    "access-permissions-api": permissions,
    "api-permission-check": permission_check,
    "builtin-role": builtin_role,
    "builtin-role-names": lambda case: sorted(BUILTIN_ROLES),
    "acl-path-valid": lambda case: paths.may_hold_acl(case["path"]),
    "acl-path-normalize": normalised,
    "userid-parse": _userid,
    "tokenid-parse": _token,
    "realm-sync": realm_sync,
}
