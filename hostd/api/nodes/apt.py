"""``/nodes/{node}/apt``: updates, versions, repositories."""

from __future__ import annotations

import os
from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, UPID, Check, array, endpoint, fields
from hostd.api.nodes.params import NodeParams
from hostd.core.kinds import BOOLEAN, INTEGER, STRING
from hostd.core.release import COMPATIBLE_VERSION, VERSION
from hostd.core.schema import Kind, param
from hostd.node import repositories, updates

AUDIT, MODIFY = Check("/nodes/{node}", "Sys.Audit"), Check("/nodes/{node}", "Sys.Modify")
PACKAGE = Kind(pattern=r"[a-z0-9][-+.a-z0-9:]+")
DIGEST = Kind(max_length=80)
FIELDS = fields(
    Package="string", Title="string", Description="string", Version="string", OldVersion="string?", Origin="string",
    Arch="string", Section="string", Priority="string",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class UpdateParams(NodeParams):
    """How much is told."""

    notify: bool = param(BOOLEAN, default=False, shown_default=0, doc="Tell administrators of new packages.")
    quiet: bool = param(BOOLEAN, default=False, shown_default=0, doc="Less output.")


@dataclass(frozen=True, kw_only=True)
class ChangelogParams(NodeParams):
    """A package."""

    name: str = param(PACKAGE, doc="Name of the package.")
    version: str = param(STRING, default="", doc="This version; without it the newest.")


@dataclass(frozen=True, kw_only=True)
class AddParams(NodeParams):
    """A standard repository."""

    handle: str = param(STRING, doc="Which one, as the list tells them.")
    digest: str = param(DIGEST, default="", doc="Fail unless the files still have this digest.")


@dataclass(frozen=True, kw_only=True)
class ChangeParams(NodeParams):
    """An entry of a file."""

    path: str = param(STRING, doc="The file.")
    index: int = param(INTEGER, doc="The entry in it, from 0.")
    enabled: bool | None = param(BOOLEAN, default=None, doc="Whether it counts.")
    digest: str = param(DIGEST, default="", doc="Fail unless the files still have this digest.")


@endpoint("GET", "/nodes/{node}/apt", params=NodeParams, returns=array(fields(id="string"), child="id"), allow=ALL)
def index(ctx: Context, p: NodeParams) -> object:
    """What can be asked about packages."""
    return [{"id": name} for name in ("changelog", "repositories", "update", "versions")]


@endpoint(
    "GET",
    "/nodes/{node}/apt/update",
    params=NodeParams,
    returns=array(FIELDS),
    allow=MODIFY,
    runs_on="node",
    privileged=True,
    slow=True,
)
def list_updates(ctx: Context, p: NodeParams) -> object:
    """Packages that can be updated."""
    return updates.pending(ctx.run)


@endpoint(
    "POST",
    "/nodes/{node}/apt/update",
    params=UpdateParams,
    returns=UPID,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def update_database(ctx: Context, p: UpdateParams) -> object:
    """Ask the repositories for their lists of packages."""
    return ctx.spawn("aptupdate", "", quiet=p.quiet)


@endpoint(
    "GET",
    "/nodes/{node}/apt/versions",
    params=NodeParams,
    returns=array(FIELDS),
    allow=AUDIT,
    runs_on="node",
    slow=True,
)
def versions(ctx: Context, p: NodeParams) -> object:
    """Versions of the packages that matter."""
    manager = f"{COMPATIBLE_VERSION}/holdfast-{VERSION}"
    return updates.versions(ctx.run, kernel=os.uname().release, compatible=manager)


@endpoint(
    "GET",
    "/nodes/{node}/apt/changelog",
    params=ChangelogParams,
    returns={"type": "string"},
    allow=MODIFY,
    runs_on="node",
    slow=True,
)
def changelog(ctx: Context, p: ChangelogParams) -> object:
    """What changed in a package."""
    return updates.changelog(ctx.run, p.name, p.version)


@endpoint(
    "GET",
    "/nodes/{node}/apt/repositories",
    params=NodeParams,
    returns={"type": "object", "properties": fields(digest="string")},
    allow=AUDIT,
    runs_on="node",
)
def list_repositories(ctx: Context, p: NodeParams) -> object:
    """The files of repositories and what is in them."""
    return repositories.told()


@endpoint(
    "PUT",
    "/nodes/{node}/apt/repositories",
    params=AddParams,
    returns=NULL,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def add_repository(ctx: Context, p: AddParams) -> object:
    """Add or enable a standard repository."""
    repositories.check_digest(p.digest)
    repositories.add(p.handle)
    return None


@endpoint(
    "POST",
    "/nodes/{node}/apt/repositories",
    params=ChangeParams,
    returns=NULL,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def change_repository(ctx: Context, p: ChangeParams) -> object:
    """Enable or disable an entry."""
    repositories.check_digest(p.digest)
    if p.enabled is not None:
        repositories.switch(p.path, p.index, enabled=p.enabled)
    return None
