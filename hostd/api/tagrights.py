"""Which tags the caller may give to guests and take from them, by the cluster's options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hostd.api.context import Context
from hostd.cluster import datacenter
from hostd.core.errors import Denied
from hostd.guests import index as guests
from hostd.guests import tags
from hostd.guests.tags import Policy

_ANY_TAG: Final = "Sys.Modify"


def policy(ctx: Context, options: Mapping[str, Any]) -> Policy:
    """What holds for the caller by the cluster's ``options`` (``datacenter.parse``); it knows the tags of the guests
    that it may see."""
    seen = (e.summary.tags for e in guests.entries(ctx.mirror) if ctx.may(f"/vms/{e.where.vmid}", "VM.Audit"))
    return tags.policy(options, seen, administrator=ctx.may("/", _ANY_TAG))


def require(ctx: Context, before: str, after: str) -> None:
    """Denied, naming the tag and what is allowed, unless the caller may replace the one value of ``tags`` by the
    other."""
    if before == after or ctx.may("/", _ANY_TAG):
        return
    if reason := tags.refusal(before, after, policy(ctx, datacenter.of(ctx.mirror))):
        raise Denied(reason)
