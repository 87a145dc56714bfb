"""The nodes that the API tells of: those of the cluster, or this one alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from hostd.api.context import Context
from hostd.cluster.standing import Member


def nodes(ctx: Context) -> tuple[Member, ...]:
    """All nodes, this one among them; this one is there, whatever the others think of it."""
    standing = ctx.mirror.members()
    known = standing.members if standing else ()
    own = next((member for member in known if member.name == ctx.node), None)
    if own is None:
        return (*known, Member(ctx.node, 0, "", online=True))
    return tuple(member if member is not own else _present(own) for member in known)


def _present(own: Member) -> Member:
    return dataclasses.replace(own, online=True)


def running(ctx: Context, node: str) -> Mapping[int, Mapping[str, Any]] | None:
    """Live values of the guests that run on a node; None: nothing is known of it."""
    return ctx.samples.guests(node) if ctx.samples.known(node) else None
