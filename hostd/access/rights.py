"""What users and tokens may do, computed from one state of ``user.cfg``. Pure apart from remembering its answers.

Semantics: conformance area ``access-control``. Along a path, a lower entry replaces what a higher one gave; at the same
place a user's own entry replaces those of his groups; NoAccess takes all. A role on a pool counts at its members.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hostd.access.ids import ROOT, is_user, token_or_none
from hostd.access.paths import prefixes
from hostd.access.privileges import ADMINISTRATOR, AREAS, BUILTIN_ROLES, NO_ACCESS, told_in
from hostd.access.users import Kind, UserConfig

# role or privilege -> whether it reaches below the path it was asked for
Grants = Mapping[str, bool]
_NOTHING: Final[Grants] = {}
# Shown by "effective permissions" even where no ACL names them.
TOP_LEVEL: Final = ("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms")
_CAPABILITY_PATHS: Final = ("/", "/nodes", "/access/groups", "/vms", "/storage", "/sdn", "/mapping")
# Answers kept per user or token; beyond that, they are forgotten at once (a bound, not a policy).
_REMEMBERED: Final = 20_000


@dataclass
class _Holder:
    """What one user or token was given, and the answers already computed for it."""

    own: Mapping[str, dict[str, bool]]
    by_group: Mapping[str, dict[str, bool]]
    by_pool: Mapping[str, frozenset[str]] = field(default_factory=dict)
    answers: dict[str, Grants] = field(default_factory=dict)


class Rights:
    """Answers for one state of the configuration; a changed configuration needs a new one."""

    def __init__(self, config: UserConfig) -> None:
        self.config = config
        self._tables: dict[tuple[Kind, str], dict[str, dict[str, bool]]] = {}
        for (path, kind, who, role), propagate in config.acl.items():
            self._tables.setdefault((kind, who), {}).setdefault(path, {})[role] = propagate
        self._groups_of: dict[str, list[str]] = {}
        for name, group in config.groups.items():
            for member in group.members:
                self._groups_of.setdefault(member, []).append(name)
        self._holders: dict[str, _Holder] = {}

    # --- roles

    def roles(self, authid: str, path: str) -> Grants:
        """Roles of a user or token at a path, without pools: role -> propagates below the path."""
        subject = self._subject(authid)
        if subject is None:
            return _NOTHING
        if subject == ROOT:
            return {ADMINISTRATOR: True}
        return _walk(self._holder(subject), path)

    def _subject(self, authid: str) -> str | None:
        """Whose entries count: a token without privilege separation is its user; None for a missing token."""
        token = token_or_none(authid)
        if token is None:
            return authid
        found = self.config.token(token.user, token.name)
        if found is None:
            return None
        return authid if found.privsep else token.user

    def _holder(self, subject: str) -> _Holder:
        holder = self._holders.get(subject)
        if holder is None:
            kind: Kind = "token" if token_or_none(subject) else "user"
            by_group: dict[str, dict[str, bool]] = {}
            for group in self._groups_of.get(subject, ()) if kind == "user" else ():
                for path, roles in self._tables.get(("group", group), {}).items():
                    for role, propagate in roles.items():
                        met = by_group.setdefault(path, {})
                        met[role] = propagate or met.get(role, False)
            holder = _Holder(own=self._tables.get((kind, subject), {}), by_group=by_group)
            holder.by_pool = self._pool_roles(holder)
            self._holders[subject] = holder
        return holder

    def _pool_roles(self, holder: _Holder) -> dict[str, frozenset[str]]:
        """Path of a guest or storage -> roles on the pools it is a member of."""
        found: dict[str, frozenset[str]] = {}
        for name, pool in self.config.pools.items():
            roles = frozenset(_walk(holder, f"/pool/{name}"))
            if roles:
                for path in member_paths(pool.vms, pool.storage):
                    found[path] = found.get(path, frozenset()) | roles
        return found

    # --- privileges

    def privileges(self, authid: str, path: str) -> Grants:
        """Privileges of a user or token at a path, pools included: privilege -> propagates below the path."""
        subject = self._subject(authid)
        if subject == ROOT:
            return dict.fromkeys(BUILTIN_ROLES[ADMINISTRATOR], True)
        if subject is None or not (is_user(subject) or token_or_none(subject)):
            return _NOTHING
        holder = self._holder(subject)
        found = holder.answers.get(path)
        if found is None:
            found = self._compute(subject, holder, path)
            if len(holder.answers) >= _REMEMBERED:
                holder.answers.clear()
            holder.answers[path] = found
        return found

    def _compute(self, subject: str, holder: _Holder, path: str) -> Grants:
        roles = _with_pool(_walk(holder, path), holder.by_pool.get(path, frozenset()))
        granted: dict[str, bool] = {}
        for role, propagate in roles.items():
            for privilege in self.config.privileges_of(role) or ():
                granted[privilege] = granted.get(privilege, False) or propagate
        token = token_or_none(subject)
        if token is None or token.user == ROOT or not granted:
            return granted
        limit = self.privileges(token.user, path)
        return {p: propagate and limit[p] for p, propagate in granted.items() if p in limit}

    def may(self, authid: str, path: str, privileges: Iterable[str], *, any_of: bool = False) -> bool:
        """Whether all (``any_of``: one) of the privileges are held at the path. ``root@pam`` may everything."""
        if authid == ROOT:
            return True
        held = self.privileges(authid, path)
        return any(p in held for p in privileges) if any_of else all(p in held for p in privileges)

    def groups_where(self, authid: str, privileges: Iterable[str]) -> frozenset[str]:
        """Groups on which at least one of the privileges is held."""
        wanted = tuple(privileges)
        return frozenset(g for g in self.config.groups if self.may(authid, f"/access/groups/{g}", wanted, any_of=True))

    def groups_of(self, user: str) -> list[str]:
        """Groups the user is a member of, sorted."""
        return sorted(self._groups_of.get(user, ()))

    # --- overviews

    def named_paths(self) -> set[str]:
        """Every path that an ACL names, and those above each."""
        return {above for path, *_ in self.config.acl for above in prefixes(path)} - {"/"}

    def effective(self, authid: str) -> dict[str, Grants]:
        """Path -> privileges, for top-level paths, those of ACLs and of pool members; paths without any left out."""
        wanted = set(TOP_LEVEL) | self.named_paths()
        for pool in self.config.pools.values():
            wanted.update(member_paths(pool.vms, pool.storage))
        found = {path: self.privileges(authid, path) for path in sorted(wanted)}
        return {path: grants for path, grants in found.items() if grants}

    def capabilities(self, authid: str) -> dict[str, dict[str, int]]:
        """What a log-in tells a client, for showing or hiding things: area -> privilege -> 1, wherever it is held."""
        told: dict[str, dict[str, int]] = {area: {} for area in AREAS}
        for path in {*_CAPABILITY_PATHS, *self.named_paths()}:
            top = path.split("/")[1] or "dc"
            for area in ("vms", "storage") if top == "pool" else (top,):
                told.get(area, {}).update(dict.fromkeys(told_in(area, self.privileges(authid, path)), 1))
        return told


def member_paths(vms: Iterable[int], storages: Iterable[str]) -> Iterable[str]:
    """The ACL paths of a pool's members."""
    yield from (f"/vms/{vmid}" for vmid in vms)
    yield from (f"/storage/{storage}" for storage in storages)


def _walk(holder: _Holder, path: str) -> Grants:
    found: Grants = _NOTHING
    for prefix in prefixes(path):
        for table in (holder.own, holder.by_group):
            entry = table.get(prefix)
            if entry is None:
                continue
            counts = {role: propagate for role, propagate in entry.items() if propagate or prefix == path}
            if counts:
                found = counts
                break
    return {NO_ACCESS: found[NO_ACCESS]} if NO_ACCESS in found else found


def _with_pool(roles: Grants, from_pool: frozenset[str]) -> Grants:
    """Roles with those of pools beside them: these reach no further down, and NoAccess of either side wins."""
    if not from_pool or NO_ACCESS in roles:
        return roles
    if NO_ACCESS in from_pool:
        return {NO_ACCESS: False}
    return {**dict.fromkeys(from_pool, False), **roles}


def may_see_permissions_of(rights: Rights, caller: str, authid: str) -> bool:
    """Whether ``caller`` may list ``authid``'s permissions: his own, his tokens', or with Sys.Audit on /access."""
    token = token_or_none(authid)
    own = caller == authid or (token is not None and token.user == caller)
    return own or rights.may(caller, "/access", ("Sys.Audit",))
