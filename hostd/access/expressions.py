"""Permission expressions: every form that the API's declarations use, their dump and their one evaluator. Pure.

``expression()`` gives the form of the shared ``schema.json``; ``from_schema`` reads it back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from hostd.access import paths
from hostd.access.ids import ROOT, UserId, is_user
from hostd.access.rights import Rights
from hostd.core.errors import Denied, ParseError
from hostd.core.formats.lists import split_list

Values = Mapping[str, object]
SELF: Final = "self"
# Who may change ACLs below these without Permissions.Modify (and then hand out only what he has himself).
_OWNERS: Final = (
    (re.compile("/storage/.+"), "Datastore.Allocate"),
    (re.compile("/vms/.+"), "VM.Allocate"),
    (re.compile("/pool/.+"), "Pool.Allocate"),
)


def _filled(template: str, values: Values) -> str:
    """The ACL path with ``{name}`` replaced by that parameter; a parameter that is not given leaves nothing."""
    return re.sub(r"\{([^}]+)\}", lambda match: _text(values.get(match[1])), template)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(str(v) for v in value)
    return "" if value is None else str(value)


@dataclass(frozen=True)
class Check:
    """All (or ``any_of`` them: one) of ``privileges`` on the ACL path, ``{name}`` replaced by that parameter.

    ``require_param``: refused when that parameter is not given.
    """

    path: str
    privileges: tuple[str, ...]
    any_of: bool = False
    require_param: str = ""

    def __init__(self, path: str, *privileges: str, any_of: bool = False, require_param: str = "") -> None:
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "privileges", privileges)
        object.__setattr__(self, "any_of", any_of)
        object.__setattr__(self, "require_param", require_param)

    def form(self) -> list[object]:
        needed = ["require_param", self.require_param] if self.require_param else []
        return ["perm", self.path, list(self.privileges), *(["any", 1] if self.any_of else []), *needed]

    def expression(self) -> dict[str, object]:
        return {"check": self.form()}

    def refusal(self, rights: Rights, caller: str, values: Values) -> str:
        """Why not, or ""."""
        if self.require_param and values.get(self.require_param) is None:
            return f"Permission check failed (parameter '{self.require_param}' is needed)"
        path = paths.normalise(_filled(self.path, values))
        if path is not None and rights.may(caller, path, self.privileges, any_of=self.any_of):
            return ""
        return f"Permission check failed ({path or _filled(self.path, values)}, {'|'.join(self.privileges)})"


@dataclass(frozen=True)
class UserParam:
    """``self``: the caller is the (existing) user named by ``userid``. Else a privilege on that user's realm."""

    privilege: str = SELF

    def form(self) -> list[object]:
        return ["userid-param", self.privilege]

    def expression(self) -> dict[str, object]:
        return {"check": self.form()}

    def refusal(self, rights: Rights, caller: str, values: Values) -> str:
        userid = _text(values.get("userid"))
        if self.privilege == SELF:
            wrong = userid not in rights.config.users or userid != caller
            return f"Permission check failed (not user '{userid}')" if wrong else ""
        if not is_user(userid):
            return f"Permission check failed (value '{userid}' does not look like a valid user name)"
        path = f"/access/realm/{UserId.parse(userid).realm}"
        wrong = not rights.may(caller, path, (self.privilege,))
        return f"Permission check failed ({path}, {self.privilege})" if wrong else ""


@dataclass(frozen=True)
class UserGroup:
    """One of ``privileges`` on all groups, or on a group of the user named by ``userid``.

    ``groups_param`` ``create`` or ``update``: also on every group named by the parameter ``groups``; with ``create``
    the user need not exist, but some group must be named.
    """

    privileges: tuple[str, ...]
    groups_param: Literal["", "create", "update"] = ""

    def form(self) -> list[object]:
        return [
            "userid-group",
            list(self.privileges),
            *(["groups_param", self.groups_param] if self.groups_param else []),
        ]

    def expression(self) -> dict[str, object]:
        return {"check": self.form()}

    def refusal(self, rights: Rights, caller: str, values: Values) -> str:
        userid, wanted = _text(values.get("userid")), "|".join(self.privileges)
        existing = self.groups_param != "create"
        if existing and userid not in rights.config.users:
            return f"Permission check failed (no such user '{userid}')"
        if rights.may(caller, "/access/groups", self.privileges, any_of=True):
            return ""
        held = rights.groups_where(caller, self.privileges)
        named = split_list(_text(values.get("groups"))) if self.groups_param else []
        if self.groups_param == "create" and not named:
            return f"Permission check failed (/access/groups, {wanted})"
        for group in named:
            if group not in held:
                return f"Permission check failed (/access/groups/{group}, {wanted})"
        if existing and not held & set(rights.groups_of(userid)):
            return f"Permission check failed (/access/groups, {wanted})"
        return ""


@dataclass(frozen=True)
class PermModify:
    """May change the ACL at the path."""

    path: str = "{path}"

    def form(self) -> list[object]:
        return ["perm-modify", self.path]

    def expression(self) -> dict[str, object]:
        return {"check": self.form()}

    def refusal(self, rights: Rights, caller: str, values: Values) -> str:
        given = _filled(self.path, values)
        path = paths.normalise(given) if given else "/access"
        if path is None:
            return f"Permission check failed ({given}: not an ACL path)"
        privileges = ("Permissions.Modify", *(name for shape, name in _OWNERS if shape.fullmatch(path)))
        if rights.may(caller, path, privileges, any_of=True):
            return ""
        return f"Permission check failed ({path}, {'|'.join(privileges)})"


class _Parts:
    """Several expressions and the word that joins them."""

    word: ClassVar[str]
    parts: tuple[Expression, ...]

    def __init__(self, *parts: Expression) -> None:
        object.__setattr__(self, "parts", parts)

    def form(self) -> list[object]:
        return [self.word, *(part.form() for part in self.parts)]

    def expression(self) -> dict[str, object]:
        return {"check": self.form()}


@dataclass(frozen=True, init=False)
class And(_Parts):
    """All of the parts."""

    parts: tuple[Expression, ...]
    word: ClassVar[str] = "and"

    def refusal(self, rights: Rights, caller: str, values: Values) -> str:
        return next((why for part in self.parts if (why := part.refusal(rights, caller, values))), "")


@dataclass(frozen=True, init=False)
class Or(_Parts):
    """One of the parts."""

    parts: tuple[Expression, ...]
    word: ClassVar[str] = "or"

    def refusal(self, rights: Rights, caller: str, values: Values) -> str:
        refusals = [part.refusal(rights, caller, values) for part in self.parts]
        # the last alternative is the general privilege in most declarations: the one worth asking for
        return "" if "" in refusals else refusals[-1] if refusals else "Permission check failed"


Expression = Check | UserParam | UserGroup | PermModify | And | Or


@dataclass(frozen=True)
class Everyone:
    """No log-in needed (``world``), or any logged-in user (``all``)."""

    name: Literal["world", "all"]

    def expression(self) -> dict[str, object]:
        return {"user": self.name}

    def refusal(self, rights: Rights, caller: str, values: Values) -> str:
        return "" if caller or self.name == "world" else "Permission check failed (user != null)"


@dataclass(frozen=True)
class RootOnly:
    """Only ``root@pam`` (not even his tokens), and who was given ``privilege``, which no built-in role has."""

    privilege: str = "Host.Administrate"

    def expression(self) -> dict[str, object]:
        return {"root_only": True}

    def refusal(self, rights: Rights, caller: str, values: Values) -> str:
        given = rights.may(caller, "/", (self.privilege,))
        return "" if given else "Permission check failed (user != root@pam)"


WORLD: Final = Everyone("world")
ALL: Final = Everyone("all")
ROOT_ONLY: Final = RootOnly()
Allow = Expression | Everyone | RootOnly


def why_not(allow: Allow, rights: Rights, caller: str, values: Values) -> str:
    """Why ``caller`` (user or token id; "" without log-in) may not make a call with these parameters, or ""."""
    if isinstance(allow, Everyone):
        return allow.refusal(rights, caller, values)
    if not caller:
        return "Permission check failed (user != null)"
    return "" if caller == ROOT else allow.refusal(rights, caller, values)


def require(allow: Allow, rights: Rights, caller: str, values: Values) -> None:
    """Raises Denied with the reason."""
    if refused := why_not(allow, rights, caller, values):
        raise Denied(refused)


def from_schema(permissions: Mapping[str, Any] | None) -> Allow:
    """A ``permissions`` object of the shared schema; without any check only root may. ParseError if unknown."""
    if permissions and permissions.get("user") in ("world", "all"):
        return WORLD if permissions["user"] == "world" else ALL
    return from_form(permissions["check"]) if permissions and permissions.get("check") else ROOT_ONLY


def from_form(form: list[Any]) -> Expression:
    """A ``check`` list of the shared schema. Raises ParseError for a form that is not known."""
    kind, *rest = form
    match kind:
        case "perm":
            options = dict(zip(rest[2::2], rest[3::2], strict=True))
            needed = str(options.get("require_param", ""))
            return Check(rest[0], *rest[1], any_of=bool(options.get("any")), require_param=needed)
        case "userid-param":
            return UserParam(rest[0])
        case "userid-group":
            options = dict(zip(rest[1::2], rest[2::2], strict=True))
            return UserGroup(tuple(rest[0]), options.get("groups_param", ""))
        case "perm-modify":
            return PermModify(rest[0])
        case "and":
            return And(*(from_form(part) for part in rest))
        case "or":
            return Or(*(from_form(part) for part in rest))
    raise ParseError(f"unknown permission expression '{kind}'")
