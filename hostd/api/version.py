"""``/`` and ``/version``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, array, endpoint, fields
from hostd.core.release import COMPATIBLE_RELEASE, COMPATIBLE_VERSION, VERSION


@dataclass(frozen=True, kw_only=True)
class VersionParams:
    """No parameters."""


CHILDREN = ("access", "cluster", "nodes", "pools", "storage", "version")


@endpoint("GET", "/", params=VersionParams, returns=array(fields(subdir="string"), child="subdir"), allow=ALL)
def root(ctx: Context, p: VersionParams) -> object:
    """What the API has."""
    return [{"subdir": name} for name in CHILDREN]


@endpoint(
    "GET",
    "/version",
    params=VersionParams,
    returns={
        "type": "object",
        "properties": fields(version="string", release="string", repoid="string", holdfast="string"),
    },
    allow=ALL,
)
def version(ctx: Context, p: VersionParams) -> object:
    """The API level that clients of the reference may expect, and the version of this software."""
    build = hashlib.sha256(VERSION.encode()).hexdigest()[:8]
    return {"release": COMPATIBLE_RELEASE, "version": COMPATIBLE_VERSION, "repoid": build, "holdfast": VERSION}
