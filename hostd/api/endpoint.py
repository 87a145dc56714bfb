"""``@endpoint``: one declaration of a method, from which routing, validation, permission check and dumps come."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from hostd.access.expressions import (
    ALL,
    ROOT_ONLY,
    WORLD,
    Allow,
    And,
    Check,
    Everyone,
    Or,
    PermModify,
    RootOnly,
    UserGroup,
    UserParam,
)
from hostd.api.context import Context
from hostd.core.schema import rows

__all__ = [
    "ALL", "NULL", "ROOT_ONLY", "UPID", "WORLD", "Allow", "And", "Check", "Endpoint", "Everyone", "Or", "PermModify",
    "RootOnly", "Schema", "UserGroup", "UserParam", "array", "collect", "endpoint", "fields",
]  # fmt: skip


Schema = Mapping[str, object]
NULL: Schema = {"type": "null"}
UPID: Schema = {"type": "string"}


def array(fields: Mapping[str, Schema], *, child: str = "") -> Schema:
    """Schema of a list of objects; ``child`` names the field that links to the entry's own path."""
    items = {"type": "object", "properties": fields}
    return {"type": "array", "items": items} | ({"links": [{"href": f"{{{child}}}", "rel": "child"}]} if child else {})


def fields(**kinds: str) -> dict[str, Schema]:
    """Short form of properties: ``fields(vmid="integer", name="string?")``; ``?`` marks optional ones."""
    return {
        name.rstrip("_").replace("__", "-"): {"type": kind.rstrip("?")} | ({"optional": True} if "?" in kind else {})
        for name, kind in kinds.items()
    }


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A declared method. ``runs_on`` names the path parameter that holds the node which must execute the call."""

    method: str
    path: str
    name: str
    params: type
    returns: Schema
    allow: Allow
    runs_on: str
    privileged: bool
    greedy: bool
    extra_parameters: bool
    checked_in_code: bool
    tokens: bool
    slow: bool
    downloads: bool
    handler: Callable[[Context, Any], object]
    doc: str

    def __call__(self, ctx: Context, params: Any) -> object:
        return self.handler(ctx, params)

    def dump(self) -> dict[str, object]:
        """The declaration in the form of the shared ``schema.json``, with our own description."""
        parameters = {(f"{r.wire}[n]" if r.indices else r.wire): r.schema() for r in rows(self.params)}
        permissions = self.allow.expression() | ({"checked_in_code": True} if self.checked_in_code else {})
        out: dict[str, object] = {
            "path": self.path,
            "method": self.method,
            "name": self.name,
            "description": self.doc,
            "protected": self.privileged,
            "additionalProperties": self.extra_parameters,
            "parameters": parameters,
            "returns": dict(self.returns),
            "permissions": permissions,
        }
        out |= {} if self.tokens else {"allowtoken": False}
        out |= {"download_allowed": True} if self.downloads else {}
        return out | ({"proxyto": self.runs_on} if self.runs_on else {})


def endpoint(
    method: str,
    path: str,
    *,
    params: type,
    returns: Schema,
    allow: Allow,
    runs_on: str = "",
    privileged: bool = False,
    greedy: bool = False,
    extra_parameters: bool = False,
    checked_in_code: bool = False,
    tokens: bool = True,
    slow: bool = False,
    downloads: bool = False,
) -> Callable[[Callable[[Context, Any], object]], Endpoint]:
    """Declare a method of the API.

    ``greedy``: the last path parameter takes the rest of the path, slashes included. ``checked_in_code``: the handler
    asks ``ctx.may`` itself, in addition. ``tokens``: API tokens may call it. ``slow``: it runs programs or reads much;
    only so many of these calls run at once, further ones are refused (503). ``downloads``: it may answer with a text
    file instead of JSON. Fails at import when a path parameter is not declared, the docstring is missing, or the
    handler's signature is not ``(ctx, p: params)``.
    """

    def declare(handler: Callable[[Context, Any], object]) -> Endpoint:
        where = f"{method} {path}"
        declared = {row.wire for row in rows(params)}
        missing = set(re.findall(r"\{([^}]+)\}", path)) - declared
        if missing:
            raise TypeError(f"{where}: path parameters without declaration: {sorted(missing)}")
        if runs_on and f"{{{runs_on}}}" not in path:
            raise TypeError(f"{where}: runs_on names no path parameter")
        if not handler.__doc__:
            raise TypeError(f"{where}: the handler has no docstring")
        names = list(inspect.signature(handler).parameters)
        hints = typing.get_type_hints(handler)
        if len(names) != 2 or hints.get(names[0]) is not Context or hints.get(names[1]) is not params:
            raise TypeError(f"{where}: the handler must take (ctx: Context, p: {params.__name__})")
        return Endpoint(
            method=method,
            path=path,
            name=getattr(handler, "__name__", "handler"),
            params=params,
            returns=returns,
            allow=allow,
            runs_on=runs_on,
            privileged=privileged,
            greedy=greedy,
            extra_parameters=extra_parameters,
            checked_in_code=checked_in_code,
            tokens=tokens,
            slow=slow,
            downloads=downloads,
            handler=handler,
            doc=inspect.getdoc(handler) or "",
        )

    return declare


def collect(modules: Iterable[ModuleType]) -> list[Endpoint]:
    """Every endpoint that the modules declare, sorted by path and method; TypeError when one is declared twice."""
    found: dict[tuple[str, str], Endpoint] = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Endpoint):
                key = (value.path, value.method)
                if found.get(key, value) is not value:
                    raise TypeError(f"{value.method} {value.path} is declared twice")
                found[key] = value
    return [found[key] for key in sorted(found)]
